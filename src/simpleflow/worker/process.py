"""The life of a worker process: it does the tasks that its owner sends, gives signs of life, ends with its owner."""

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
"""What a worker sends while it does a task; otherwise it sends an Outcome, or a task that is Returned."""

BEAT_SECONDS = 1.0
"""How often, at least: an owner that wants the task no longer can say so only then."""

SPIN_SECONDS = 0.001
"""How long the next task is waited for keenly: a decision takes less."""


class Returned(NamedTuple):
    """A task that was sent ahead and is given back: the one before it takes long."""

    token: str


class Bounds(NamedTuple):
    """Time-outs of a task in seconds as its activity is defined here; None: none, or the activity is unknown."""

    heartbeat: float | None = None
    start_to_close: float | None = None

    @classmethod
    def of(cls, activity: Activity) -> Bounds:
        """Those of an activity."""
        return cls(timeout(activity.task_heartbeat_timeout), timeout(activity.task_start_to_close_timeout))


class WorkerProcess:
    """A worker, in its own process.

    Args:
        channel: to its owner: tasks come in, signs of life and outcomes go out.
        life: end of a pipe whose other end closes when the owner dies.
        owner: process id of the owner.
        known, middlewares, domain: see ``dispatch.perform``.
        sends_bounds: before each task the owner is sent its Bounds, which SWF does not tell.
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
        self._every: float | None = None  # seconds between signs of life, while a task is done
        self._changed = os.pipe()
        self._stop_requested = False

    def run(self) -> NoReturn:
        """Do tasks until the owner is gone, or wants no more."""
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
        except BaseException as error:  # noqa: BLE001 (such as KeyboardInterrupt; it would end the process without a word)
            return failure(error)

    def _send_bounds(self, task: ActivityTask) -> None:
        try:
            bounds = Bounds.of(resolve(task.name, self._known))
        except (Exception, SystemExit):  # noqa: BLE001 (whatever its import raises, doing the task will say it)
            bounds = Bounds()
        if self._stop_requested:
            os._exit(128 + signal.SIGTERM)
        try:
            with self._sending:
                self._channel.send(bounds)
        except OSError:
            _end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """End as a program ends by sys.exit(), so that the activity's ``finally`` clauses are run."""
        if self._stop_requested:
            return
        self._stop_requested = True
        self._every = None
        raise SystemExit(128 + number)

    def _watch(self) -> None:
        """Give signs of life while a task is done; end everything when the owner is gone."""
        while True:
            ready = readable([self._life, self._changed[0]], self._every or BEAT_SECONDS)
            # Another process may hold the pipe open by an accident of forks: then the parent's death tells.
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
                self._every = None  # the owner does not listen: it is gone, or about to stop this process

    def _give_back(self) -> None:
        """Give back the task that waits here while another one takes longer than was thought."""
        if not self._receiving.acquire(blocking=False):  # the next task is being waited for
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
    """Write out what was printed; where that cannot be done it is not an activity's fault."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def _print_line_by_line() -> None:
    """So that what was printed is not lost with the process, and workers do not write into each other's lines."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)


def _end() -> NoReturn:
    """End this process and all that it has started, now."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
