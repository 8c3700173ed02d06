"""The life of a worker process, from inside: it performs the tasks that its owner sends, and ends with its owner.

Theory of operation
-------------------
Two threads share the channel to the owner:

- The main thread receives a task, performs it and sends its Outcome. Activities run in the main thread, as they would
  in a program of their own: signals work there.
- The watching thread sends a heartbeat (BEAT) every ``_every`` seconds while a task is under way, so that the owner can
  see that the worker lives and can reply by stopping it. It gives back tasks that wait in the pipe while the one under
  way takes long (see ``pool``). And it ends the process when the owner is gone.

``_sending`` guards the outgoing pipe. The Outcome is sent under it together with ``_every = None``, so no heartbeat
follows the outcome of its task. ``_receiving`` guards the incoming pipe: the main thread holds it while it waits for a
task, and then there is nothing to give back.

The owner is gone when ``life`` closes, or when the parent of this process has changed. The second check is for the case
that another process has inherited the pipe. Then the whole process group is killed at once.

SIGTERM raises SystemExit in the main thread, once: the activity's ``finally`` clauses run. After that the process ends
without an answer.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType
from typing import NamedTuple, NoReturn

from simpleflow.activity import Activity
from simpleflow.core.records import timeout
from simpleflow.engines.base import ActivityTask
from simpleflow.worker.dispatch import Middlewares, Outcome, failure, perform, resolve
from simpleflow.worker.messages import Channel, readable

BEAT = "beat"
"""A worker sends this while it performs a task. Its other messages are an Outcome, Bounds and Returned."""

BEAT_SECONDS = 1.0
"""How often a heartbeat is sent, at least: the owner notices at a heartbeat that the task is to be cancelled."""

SPIN_SECONDS = 0.001
"""How long a worker spins for the next task; a decision takes less."""


class Returned(NamedTuple):
    """A task that was sent ahead is given back, since the one before it takes long."""

    token: str


class Bounds(NamedTuple):
    """Time-outs of a task in seconds, as its activity is defined in this process.

    None: there is no time-out, or the activity is unknown.
    """

    heartbeat: float | None = None
    start_to_close: float | None = None

    @classmethod
    def of(cls, activity: Activity) -> Bounds:
        """The time-outs of an activity."""
        return cls(timeout(activity.task_heartbeat_timeout), timeout(activity.task_start_to_close_timeout))


class WorkerProcess:
    """A worker, in its own process.

    Args:
        channel: to its owner: tasks come in; heartbeats and outcomes go out.
        life: end of a pipe whose other end closes when the owner dies.
        owner: process id of the owner.
        known, middlewares, domain: see ``dispatch.perform``.
        sends_bounds: send the Bounds of each task to the owner before it begins, since SWF does not send time-outs.
    """

    def __init__(
        self,
        channel: Channel,
        life: int,
        owner: int,
        known: Mapping[str, Activity],
        middlewares: Middlewares,
        domain: str | None = None,
        sends_bounds: bool = False,
    ) -> None:
        self._channel = channel
        self._life = life
        self._owner = owner
        self._known = known
        self._middlewares = middlewares
        self._domain = domain
        self._sends_bounds = sends_bounds
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._every: float | None = None  # seconds between heartbeats; None: no task is under way
        self._changed = os.pipe()  # wakes the watching thread when ``_every`` became shorter
        self._stop_requested = False

    def run(self) -> NoReturn:
        """Perform tasks until the owner is gone, or closes the channel."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's business
        signal.signal(signal.SIGTERM, self._stop)
        _print_line_by_line()
        threading.Thread(target=self._watch, daemon=True).start()
        while True:
            try:
                with self._receiving:
                    task: ActivityTask = self._channel.receive(SPIN_SECONDS)
            except (EOFError, OSError):
                _end()
            every = BEAT_SECONDS
            if task.heartbeat_timeout is not None:
                every = max(0.05, min(task.heartbeat_timeout / 3, BEAT_SECONDS))
            self._every = every
            if every < BEAT_SECONDS:
                os.write(self._changed[1], b".")
            if self._sends_bounds:
                self._send_bounds(task)
            outcome = self._perform(task)
            flush()
            if self._stop_requested:
                os._exit(128 + signal.SIGTERM)
            try:
                with self._sending:
                    self._every = None
                    self._channel.send(outcome)
            except OSError:
                _end()

    def _perform(self, task: ActivityTask) -> Outcome:
        try:
            return perform(task, self._known, self._middlewares, self._domain)
        except BaseException as error:  # noqa: BLE001 (such as KeyboardInterrupt, which would end the process without an outcome)
            return failure(error)

    def _send_bounds(self, task: ActivityTask) -> None:
        try:
            bounds = Bounds.of(resolve(task.name, self._known))
        except (Exception, SystemExit):  # noqa: BLE001 (performing the task reports what its import raises)
            bounds = Bounds()
        if self._stop_requested:
            os._exit(128 + signal.SIGTERM)
        try:
            with self._sending:
                self._channel.send(bounds)
        except OSError:
            _end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """End as ``sys.exit`` does, so that the activity's ``finally`` clauses run."""
        if self._stop_requested:
            return
        self._stop_requested = True
        self._every = None
        raise SystemExit(128 + number)

    def _watch(self) -> None:
        """The watching thread; see the theory of operation."""
        while True:
            ready = readable([self._life, self._changed[0]], self._every or BEAT_SECONDS)
            # Another process may have inherited the pipe and hold it open; the parent's death shows, too.
            if self._life in ready or os.getppid() != self._owner:
                _end()
            if ready:
                os.read(self._changed[0], 4096)
                continue
            try:
                with self._sending:
                    if self._every is not None:
                        self._channel.send(BEAT)
                self._give_back()
            except OSError:
                self._every = None  # the owner has closed the channel: it is gone, or about to stop this process

    def _give_back(self) -> None:
        """Give back the tasks that wait in the pipe, since the one under way takes longer than a heartbeat."""
        if not self._receiving.acquire(blocking=False):  # the main thread waits for the next task
            return
        try:
            while self._every is not None and self._channel.ready(0):
                task: ActivityTask = self._channel.receive()
                with self._sending:
                    self._channel.send(Returned(task.token))
        except EOFError:
            _end()
        finally:
            self._receiving.release()


def flush() -> None:
    """Flush what was printed. Errors are ignored: they are not the activity's fault."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def _print_line_by_line() -> None:
    """Flush after each line, so that nothing is lost with the process, and no worker writes into another's line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)


def _end() -> NoReturn:
    """End this process and all that it has started, now."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
