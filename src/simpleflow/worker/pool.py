"""Activities in a pool of worker processes: a Group uses all cores, and a stuck activity can be stopped.

A worker is forked, so it knows every activity that this process knows. It leads a process group of its own: what it is
stopped with, its own children are stopped with. When the owner dies, it ends at once.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, Pipe
from types import FrameType
from typing import Any, NoReturn

from simpleflow import settings
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.exceptions import InputError, UnknownResource
from simpleflow.worker.dispatch import Middlewares, Outcome, perform
from simpleflow.worker.inline import respond

_BEAT = "beat"


class _Worker:
    """One worker process, seen from its owner."""

    __slots__ = ("connection", "pid", "task")

    def __init__(self, pid: int, connection: Connection) -> None:
        self.pid = pid
        self.connection = connection
        self.task: ActivityTask | None = None


class Pool:
    """``size`` worker processes; set ``source`` before the first task is started."""

    source: Any

    def __init__(self, size: int, middlewares: Middlewares, known: Mapping[str, Activity] | None = None) -> None:
        if not hasattr(os, "fork"):
            raise InputError("worker processes need a system with fork(); run activities in this process instead")
        self._size = size
        self._middlewares = middlewares
        self._known = known or {}
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._dying: dict[int, float] = {}  # pid: when to stop asking nicely
        self._life = os.pipe()
        self._selector = selectors.DefaultSelector()
        # Forked before anything else is open, the workers hold nothing that is not theirs.
        for _ in range(size):
            self._idle.append(self._fork())

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return len(self._idle) + self._size - len(self._workers)

    def start(self, task: ActivityTask) -> None:
        """Give a task to an idle worker."""
        worker = self._idle.pop() if self._idle else self._fork()
        worker.task = task
        try:
            worker.connection.send(task)
        except OSError:  # it died while idle: another one is as good
            self._remove(worker)
            self.start(task)

    def wait(self, seconds: float) -> bool:
        """Report what has ended; return once something has, or after so many seconds; whether something has."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            worker = key.data
            if worker in self._workers:
                self._receive(worker)
        if self._dying:
            self._kill_the_dying()
        return bool(ready)

    def reap(self) -> None:
        """Stop the tasks that the engine no longer wants."""
        for worker in list(self._workers):
            if worker.task is not None and not self.source.is_open(worker.task.token):
                self._stop(worker)

    def close(self) -> None:
        """Stop every worker."""
        for worker in list(self._workers):
            if worker.task is None:
                self._remove(worker)  # it sees its pipe closed, and ends
            else:
                self._stop(worker)
        os.close(self._life[0])
        os.close(self._life[1])
        while self._dying:
            self._kill_the_dying()
            time.sleep(0.001)
        self._selector.close()

    def _receive(self, worker: _Worker) -> None:
        source: ActivitySource = self.source
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            task = worker.task
            self._remove(worker)
            if task is not None:
                respond(source, task.token, Outcome(reason=_how_it_ended(worker.pid)))
            return
        task = worker.task
        if task is None:
            return
        if message == _BEAT:
            try:
                if source.record_activity_task_heartbeat(task.token):
                    self._stop(worker)
                    source.respond_activity_task_canceled(task.token)
            except UnknownResource:
                pass  # ``reap`` will stop it
            return
        worker.task = None
        self._idle.append(worker)
        respond(source, task.token, message)

    def _stop(self, worker: _Worker) -> None:
        """End a busy worker, and what it has started."""
        self._remove(worker)
        _signal_group(worker.pid, signal.SIGTERM)
        self._dying[worker.pid] = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC

    def _kill_the_dying(self) -> None:
        for pid, deadline in list(self._dying.items()):
            if _reaped(pid):
                _signal_group(pid, signal.SIGKILL)  # what it has started and left behind
                del self._dying[pid]
            elif time.monotonic() >= deadline:
                _signal_group(pid, signal.SIGKILL)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._selector.unregister(worker.connection)
        worker.connection.close()
        self._dying.setdefault(worker.pid, time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC)

    def _fork(self) -> _Worker:
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # so that the worker's collector does not touch, and so copy, the memory it shares with us
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                os.close(self._life[1])
                for worker in self._workers:
                    worker.connection.close()
                _Work(theirs, self._life[0], self._known, self._middlewares).loop()
            finally:
                os._exit(1)
        gc.unfreeze()
        theirs.close()
        try:
            os.setpgid(pid, pid)
        except OSError:
            pass  # the worker was faster
        worker = _Worker(pid, ours)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker


class _Work:
    """The life of a worker process."""

    def __init__(
        self, connection: Connection, life: int, known: Mapping[str, Activity], middlewares: Middlewares
    ) -> None:
        self._connection = connection
        self._life = life
        self._known = known
        self._middlewares = middlewares

    def loop(self) -> NoReturn:
        """Do tasks until the owner is gone."""
        import threading

        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's business
        signal.signal(signal.SIGTERM, _exit)
        sending = threading.Lock()
        beating: dict[str, float | None] = {"every": None}
        changed = os.pipe()
        threading.Thread(target=self._watch, args=(sending, beating, changed[0]), daemon=True).start()
        while True:
            try:
                task: ActivityTask = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            if task.heartbeat_timeout is not None:
                beating["every"] = max(0.05, min(task.heartbeat_timeout / 3, 60.0))
                if beating["every"] < 5:
                    os.write(changed[1], b".")
            outcome = perform(task, self._known, self._middlewares)
            sys.stdout.flush()
            sys.stderr.flush()
            with sending:
                beating["every"] = None
                self._connection.send(outcome)

    def _watch(self, sending: Any, beating: dict[str, float | None], changed: int) -> None:
        """Give signs of life while a task is done; end everything when the owner is gone."""
        import select

        while True:
            every = beating["every"]
            ready, _, _ = select.select([self._life, changed], [], [], 5.0 if every is None else every)
            if self._life in ready:
                os.killpg(0, signal.SIGKILL)
            if changed in ready:
                os.read(changed, 4096)
                continue
            with sending:
                if beating["every"] is not None:
                    self._connection.send(_BEAT)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(128 + number)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _how_it_ended(pid: int) -> str:
    for _ in range(100):
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            break
        if found == pid:
            code = os.waitstatus_to_exitcode(status)
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            return f"WorkerDied: the worker process ended {how} while it did the activity"
        time.sleep(0.001)
    return "WorkerDied: the worker process ended while it did the activity"
