"""Activities in a pool of worker processes: a Group uses all cores, and a stuck activity can be stopped.

A worker is forked, so it knows every activity that this process knows. It leads a process group of its own: what it is
stopped with, its own children are stopped with. When the owner dies, it ends at once.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from simpleflow import settings
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.exceptions import UnknownResource
from simpleflow.worker.child import check_forks, death_reason, fork, has_ended, signal_group
from simpleflow.worker.dispatch import Middlewares, Outcome, quick
from simpleflow.worker.inline import do_quickly, respond
from simpleflow.worker.messages import Channel, packed, spin
from simpleflow.worker.process import BEAT, Returned

SPIN_SECONDS = 0.0002
"""How long the end of a task is waited for keenly: the shortest tasks take less."""

_MOMENT = 0.01  # seconds
_AHEAD = 8  # tasks
_SHORT_IN_A_ROW = 8
"""So many tasks in a row took less than a moment: those that are under way will, too."""


class _Worker:
    """One worker process, seen from its owner."""

    __slots__ = ("ahead", "began", "channel", "pid", "task")

    def __init__(self, pid: int, channel: Channel) -> None:
        self.pid = pid
        self.channel = channel
        self.task: ActivityTask | None = None
        self.ahead: deque[tuple[ActivityTask, int]] = deque()  # sent ahead, not begun; each with its size
        self.began = 0.0


class Pool:
    """Up to ``size`` worker processes, each forked when there is work for it and kept then.

    Set ``source`` before the first task is started.
    """

    source: Any

    def __init__(self, size: int, middlewares: Middlewares, known: Mapping[str, Activity] | None = None) -> None:
        check_forks()
        self._size = size
        self._middlewares = middlewares
        self._known = known or {}
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._dying: dict[int, float] = {}  # pid: when to stop asking nicely
        self._closed = False
        self._life = os.pipe()
        self._poll = select.poll()
        self._by_channel: dict[int, _Worker] = {}
        self._short_in_a_row = 0  # tasks in a row that took less than a moment

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return len(self._idle) + self._size - len(self._workers)

    @property
    def ahead(self) -> int:
        """How many tasks could be sent to workers that are busy, if the latest tasks were short ones."""
        if self._short_in_a_row < _SHORT_IN_A_ROW:
            return 0
        return sum(_AHEAD - len(worker.ahead) for worker in self._workers if worker.task is not None)

    def send_ahead(self, task: ActivityTask) -> None:
        """Give a task to one of these workers.

        So it need not wait for its owner between two tasks of a wide group. If what it does takes long after all, it
        gives the task back.
        """
        if quick(task, self._known) is not None:
            self.source.begin_activity_task(task.token)
            self.start(task)
            return
        data = packed(task)
        busy = [each for each in self._workers if each.task is not None]
        worker = min(busy, key=lambda each: len(each.ahead))
        if sum(size for _, size in worker.ahead) + len(data) > select.PIPE_BUF:
            # Both would wait for ever if its end, too, were more than a pipe holds.
            self._short_in_a_row = 0
            self._offer(task.token)
            return
        worker.ahead.append((task, len(data)))
        try:
            worker.channel.write(data)
        except OSError:  # it has just died, which ``wait`` sees to
            pass

    def may_block(self, task: ActivityTask) -> bool:
        """Workers do not keep their owner waiting."""
        return False

    def start(self, task: ActivityTask) -> None:
        """Give a task to an idle worker; one that takes but a moment is done at once."""
        given = quick(task, self._known)
        if given is not None:
            do_quickly(self.source, task, given, self._known, self._middlewares)
            return
        worker = self._idle.pop() if self._idle else self._fork()
        worker.task = task
        worker.began = time.monotonic()
        try:
            worker.channel.send(task)
        except OSError:  # it died while idle: another one is as good
            worker.task = None
            self._remove(worker)
            self.start(task)

    def wait(self, seconds: float) -> bool:
        """Report what has ended; return once something has, or after so many seconds; whether something has."""
        if len(self._idle) < len(self._workers):
            spin(self._poll, min(seconds, SPIN_SECONDS))
        ready = self._poll.poll(seconds * 1000)
        found = bool(ready)
        if ready:
            with self.source.operation():  # ends that come together are kept together
                while ready:
                    for descriptor, _ in ready:
                        if (worker := self._by_channel.get(descriptor)) is not None:
                            self._receive(worker)
                    ready = self._poll.poll(0)
        if self._dying:
            self._kill_the_dying()
        return found

    def reap(self) -> None:
        """Stop the tasks that the engine no longer wants."""
        for worker in list(self._workers):
            if worker.task is not None and not self.source.is_open(worker.task.token):
                self._stop(worker)

    def close(self) -> None:
        """Stop every worker."""
        if self._closed:
            return
        self._closed = True
        for worker in list(self._workers):
            if worker.task is None:
                self._remove(worker)  # it sees its pipe closed, and ends
            else:
                self._stop(worker)
        while self._dying:
            self._kill_the_dying()
            time.sleep(0.001)
        os.close(self._life[0])
        os.close(self._life[1])

    def _receive(self, worker: _Worker) -> None:
        source: ActivitySource = self.source
        try:
            message = worker.channel.receive()
        except (EOFError, OSError):
            task = worker.task
            self._remove(worker)
            if task is not None:
                respond(source, task.token, Outcome(reason=death_reason(worker.pid)))
            return
        task = worker.task
        if task is None:
            return
        if message == BEAT:
            try:
                cancel = source.record_activity_task_heartbeat(task.token)
            except UnknownResource:
                return  # ``reap`` will stop it
            if cancel:
                self._stop(worker)
                respond(source, task.token, Outcome(canceled=True))
            return
        if isinstance(message, Returned):
            self._take_back(worker, message.token)
            return
        self._short_in_a_row = self._short_in_a_row + 1 if time.monotonic() - worker.began < _MOMENT else 0
        worker.task = None
        respond(source, task.token, message)
        self._begin_next(worker)

    def _begin_next(self, worker: _Worker) -> None:
        """It is done with a task: it begins the next one, if it has one."""
        worker.task = worker.ahead.popleft()[0] if worker.ahead else None
        if worker.task is None:
            self._idle.append(worker)
            return
        worker.began = time.monotonic()
        try:
            self.source.begin_activity_task(worker.task.token)
        except UnknownResource:
            pass  # ``reap`` will stop it

    def _take_back(self, worker: _Worker, token: str) -> None:
        """A worker has given back what was sent ahead, which it may have been thought to have begun by now."""
        given_back = next((each for each in worker.ahead if each[0].token == token), None)
        if given_back is not None:
            worker.ahead.remove(given_back)
        elif worker.task is not None and worker.task.token == token:
            self._begin_next(worker)
        self._offer(token)

    def _offer(self, token: str) -> None:
        try:
            self.source.put_back_activity_task(token)
        except UnknownResource:
            pass  # it is wanted no longer

    def _stop(self, worker: _Worker) -> None:
        """End a busy worker, and what it has started."""
        signal_group(worker.pid, signal.SIGTERM)
        self._remove(worker)

    def _kill_the_dying(self) -> None:
        for pid, deadline in list(self._dying.items()):
            if has_ended(pid):
                signal_group(pid, signal.SIGKILL)  # what it has started and left behind
                del self._dying[pid]
            elif time.monotonic() >= deadline:
                signal_group(pid, signal.SIGKILL)

    def _remove(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        while worker.ahead:
            self._offer(worker.ahead.popleft()[0].token)
        if worker in self._idle:
            self._idle.remove(worker)
        self._poll.unregister(worker.channel)
        del self._by_channel[worker.channel.fileno()]
        worker.channel.close()
        self._dying[worker.pid] = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC

    def _fork(self) -> _Worker:
        others = [worker.channel for worker in self._workers]
        worker = _Worker(*fork(self._life, others, self._known, self._middlewares))
        self._workers.append(worker)
        self._poll.register(worker.channel, select.POLLIN)
        self._by_channel[worker.channel.fileno()] = worker
        return worker
