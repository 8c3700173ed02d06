"""The life of a worker process, from inside: it performs the tasks that its owner sends, and ends with its owner.

Theory of operation
-------------------
Two threads share the channel to the owner:

- The main thread receives a task, performs it and sends its Outcome. Activities run in the main thread, as they would
  in a separate program: signals work there.
- The watching thread sends a heartbeat (BEAT) every ``_every`` seconds while a task is under way, so that the owner can
  see that the worker lives and can reply by stopping it. It gives back tasks that wait in the pipe while the one under
  way takes long (see ``pool``). It puts the output into logs (see ``output``). And it ends the process when the owner
  is gone.

``_sending`` guards the outgoing pipe. The Outcome is sent under it together with ``_every = None``, so no heartbeat
follows the outcome of its task. ``_receiving`` guards the incoming pipe: the main thread holds it while it waits for a
task, and then there is nothing to give back.

The owner is gone when ``life`` closes, or when the parent of this process has changed. The second check is for the case
that another process has inherited the pipe. Then the whole process group is killed at once. While a call into C keeps
the interpreter lock, the thread cannot do that; then the owner's ``guard`` does.

SIGTERM raises SystemExit in the main thread, once: the activity's ``finally`` clauses run. After that the process ends
without an answer.

*Between activities.* What an activity has changed in its process is put back (``surroundings``). A process that an
activity forks without a new program closes the channel, so that it cannot answer in place of the worker, and SIGTERM
ends it as it ends any process. Python forgets signals that come between the fork and its hooks, so SIGTERM is blocked
then. During a fork the watching thread does not run: a lock that it holds then would never be released in the new
process, and Python warns of forks in processes with several threads. When the worker ends in order, it runs the exit
handlers that activities have registered, and none that it has inherited.
"""

from __future__ import annotations

import contextvars
import os
import signal
import threading
import time
import warnings
from collections.abc import Mapping
from types import FrameType
from typing import NoReturn

from simpleflow import file_locks
from simpleflow.activity import Activity
from simpleflow.core.records import timeout
from simpleflow.engines.base import ActivityTask
from simpleflow.named_tuple import NamedTuple
from simpleflow.worker import forked, log_fields
from simpleflow.worker.dispatch import Middlewares, Outcome, failure, find, perform, resolve
from simpleflow.worker.forked import flush
from simpleflow.worker.messages import WorkerEnd, readable
from simpleflow.worker.output import LONGEST_PAUSE_SECONDS, PAUSE_SECONDS, WorkerOutput
from simpleflow.worker.surroundings import Surroundings

BEAT = "beat"
"""A worker sends this while it performs a task. Its other messages are an Outcome, Last, Bounds and Returned."""

BEAT_SECONDS = 1.0
"""How often a heartbeat is sent, at least: the owner notices at a heartbeat that the task is to be cancelled."""

_HOOK_SECONDS = 0.05  # more than the hooks of a fork take

_PAUSE_SECONDS = 1.0  # a thread that ends later is not waited for
_FORK_WARNING = r"This process .* is multi-threaded, use of fork\(\)"


class Returned(NamedTuple):
    """A task that was sent ahead is given back, since the one before it takes long."""

    token: str


class Last(NamedTuple):
    """The outcome of the last task that this worker performs: it ends now."""

    outcome: Outcome


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
        known, middlewares, domain, state: see ``dispatch.perform``.
        sends_bounds: send the Bounds of a task to the owner before it begins, since SWF does not send time-outs;
            those that it has, which are the same for each task of an activity, are not sent again.
        max_tasks: end after so many tasks; None: any number.
        lock: a file on which it holds a lock while it lives, see ``file_locks``; None: on none.
        output: takes the output of activities; None: it is not redirected.
    """

    def __init__(
        self,
        channel: WorkerEnd,
        life: int,
        owner: int,
        known: Mapping[str, Activity],
        middlewares: Middlewares,
        domain: str | None = None,
        sends_bounds: bool = False,
        max_tasks: int | None = None,
        lock: str | None = None,
        output: WorkerOutput | None = None,
        state: str | None = None,
    ) -> None:
        self._channel = channel
        self._life = life
        self._owner = owner
        self._known = known
        self._middlewares = middlewares
        self._domain = domain
        self._state = state
        self._sends_bounds = sends_bounds
        self._sent_bounds: dict[str, Bounds] = {}  # by activity, the latest that the owner was sent
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._every: float | None = None  # seconds between heartbeats; None: no task is under way
        self._changed = os.pipe()  # wakes the watching thread when ``_every`` became shorter
        self._stop_requested = False
        self._leaving = False
        self._tasks_left = max_tasks
        self._lock = lock
        self._output = output
        self._pid = os.getpid()
        self._watcher: threading.Thread | None = None
        self._unblocked: dict[int, set[int | signal.Signals]] = {}  # by thread that forks: its mask before that
        self._stop_late = False  # a stop was requested while an activity forked
        self._pausing = False  # an activity forks: the watching thread ends, and begins again

    def run(self) -> NoReturn:
        """Perform tasks until the owner is gone, or closes the channel."""
        if self._lock is not None:
            self._hold_lock(self._lock)
        forked.own_signals(self._stop)
        forked.own_exit_handlers()
        os.register_at_fork(before=self._pause, after_in_parent=self._resume, after_in_child=self._forked)
        forked.leave_terminal()
        forked.print_line_by_line()
        forked.tell_crashes()
        surroundings = Surroundings()
        self._start_watching()
        while True:
            try:
                with self._receiving:
                    task: ActivityTask = self._channel.receive()
            except (EOFError, OSError):
                self._leave(0)
            if self._output is not None:
                self._output.begin(task)
            every = BEAT_SECONDS
            if task.heartbeat_timeout is not None:
                every = max(0.05, min(task.heartbeat_timeout / 3, BEAT_SECONDS))
            self._every = every
            if every < BEAT_SECONDS:
                os.write(self._changed[1], b".")
            if self._sends_bounds or find(task.name, self._known) is None:
                bounds = self._load(task)
                if self._sends_bounds and self._sent_bounds.get(task.name) != bounds:
                    self._sent_bounds[task.name] = bounds
                    self._send_bounds(bounds)
            if not surroundings.current:  # its module was imported
                surroundings.close()
                surroundings = Surroundings()
            began = time.monotonic()
            outcome = self._perform(task)
            seconds = time.monotonic() - began
            if os.getpid() != self._pid:
                os._exit(0)  # a process that the activity has forked, and that has returned from it
            flush()
            if self._output is not None:
                self._output.end(soon=not outcome.failed)
            if self._stop_requested:
                self._leave(128 + signal.SIGTERM)
            if self._tasks_left is not None:
                self._tasks_left -= 1
            is_last = self._tasks_left == 0
            try:
                with self._sending:
                    self._every = None
                    self._channel.send(Last(outcome) if is_last else outcome)
            except OSError:
                _end()
            if self._output is not None:
                self._output.keep()
            # The owner decides what is next meanwhile. A task that is not read goes to another worker.
            if is_last or not surroundings.restore(seconds):
                self._leave(0)
            if self._output is not None and self._output.has_logs_to_make and not self._channel.ready():
                self._output.make_logs()

    def _hold_lock(self, path: str) -> None:
        """Hold the lock that tells others, once the owner has died, that this process still lives."""
        try:
            file_locks.share(path)
        except OSError:
            return  # the folder cannot be written: then the owner cannot go on either
        if os.getppid() != self._owner:
            _end()  # the owner has died before: somebody may already have looked

    def _perform(self, task: ActivityTask) -> Outcome:
        log_fields.performs(task)
        try:
            # What it sets in context variables, such as how numpy treats errors, must not reach the next activity.
            context = contextvars.copy_context()
            return context.run(perform, task, self._known, self._middlewares, self._domain, state=self._state)
        except BaseException as error:  # noqa: BLE001 (such as KeyboardInterrupt, which would end the process without an outcome)
            return failure(error)
        finally:
            log_fields.performs(None)

    def _load(self, task: ActivityTask) -> Bounds:
        """Import the module of the activity, if it was not; returns the activity's time-outs."""
        try:
            return Bounds.of(resolve(task.name, self._known))
        except (Exception, SystemExit):  # noqa: BLE001 (performing the task reports what its import raises)
            if self._stop_requested:
                self._leave(128 + signal.SIGTERM)
            return Bounds()

    def _send_bounds(self, bounds: Bounds) -> None:
        try:
            with self._sending:
                self._channel.send(bounds)
        except OSError:
            _end()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """End as ``sys.exit`` does, so that the activity's ``finally`` clauses run."""
        if os.getpid() != self._pid:  # a process that the activity has forked
            raise SystemExit(128 + number)
        if threading.get_ident() in self._unblocked:  # in a hook of a fork, where an exception would be lost
            self._stop_late = True
            return
        if self._stop_requested or self._leaving:
            return
        self._stop_requested = True
        self._every = None
        raise SystemExit(128 + number)

    def _start_watching(self) -> None:
        watcher = threading.Thread(target=self._watch, daemon=True)
        try:
            watcher.start()
        except RuntimeError:  # there are too many threads: the owner and its guard do without this one
            self._watcher = None
        else:
            self._watcher = watcher

    def _pause(self) -> None:
        """Before an activity forks: end the watching thread. If it is busy for too long, it goes on."""
        if self._pid == os.getpid() and not self._leaving:
            self._unblocked[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
        if self._watcher is not None and self._pid == os.getpid() and not self._leaving:
            self._pausing = True
            os.write(self._changed[1], b".")
            self._watcher.join(_PAUSE_SECONDS)
            if threading.active_count() == 1:  # Python 3.13 counts after ``_resume`` has started a thread again
                warnings.filterwarnings("ignore", _FORK_WARNING, DeprecationWarning)

    def _resume(self) -> None:
        """After an activity has forked, in the worker."""
        if self._pid != os.getpid():
            return
        if self._pausing:
            self._pausing = False
            if self._watcher is not None and not self._watcher.is_alive():
                self._start_watching()
        self._unblock()  # last: an exception that a signal raises in here would be lost
        if self._stop_late:
            self._stop_late = False
            threading.Thread(target=_terminate_soon, daemon=True).start()

    def _unblock(self) -> None:
        """At the end of a fork, let SIGTERM in again, unless the activity has blocked it."""
        mask = self._unblocked.get(threading.get_ident())
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # a signal that has come is handled in here
            del self._unblocked[threading.get_ident()]

    def _forked(self) -> None:
        """In a process that an activity has forked: it is no worker."""
        if not self._leaving and self._pid != os.getpid():
            self._leaving = True
            self._channel.close()
            os.close(self._life)
            if self._output is not None:
                self._output.leave()
            # As in any process: multiprocessing ends the workers of a pool with SIGTERM, and waits for their ends.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if signal.getsignal(signal.SIGTERM) == self._stop:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._unblock()

    def _leave(self, code: int) -> NoReturn:
        """End in order: run the exit handlers of activities. The owner kills a process that takes too long for that."""
        self._leaving = True
        self._every = None
        try:
            forked.run_exit_handlers()
        finally:
            flush()
            if self._output is not None:
                self._output.end()
                self._output.keep()
                self._output.make_logs()
            os._exit(code)

    def _watch(self) -> None:
        """The watching thread; see the theory of operation."""
        watched = [self._life, self._changed[0]]
        output = self._output
        beat_at = time.monotonic() + (self._every or BEAT_SECONDS)
        read_at: float | None = None  # when output that is there is read
        pause = PAUSE_SECONDS
        latest: ActivityTask | None = None  # that was under way when the pause began
        while True:
            until = beat_at if read_at is None else min(beat_at, read_at)
            printed = [output.reader] if output is not None and read_at is None else []
            ready = readable([*watched, *printed], max(0.0, until - time.monotonic()))
            # Another process may have inherited the pipe and hold it open; the parent's death shows, too.
            if self._life in ready or os.getppid() != self._owner:
                if output is not None:
                    output.save()
                _end()
            if self._changed[0] in ready:
                os.read(self._changed[0], 4096)
                if self._pausing:
                    return
                beat_at = time.monotonic() + (self._every or BEAT_SECONDS)
                continue
            if output is not None and output.reader in ready:
                read_at, latest = time.monotonic() + pause, output.task
            elif output is not None and read_at is not None and time.monotonic() >= read_at:
                # The main thread reads what short activities print. Then this one looks seldom, since each look costs
                # more than such an activity, and leaves the pipe alone.
                if latest is not output.task and not output.is_filling:
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                    read_at, latest = time.monotonic() + pause, output.task
                else:
                    pause = PAUSE_SECONDS if output.pump() else pause
                    read_at = None
            if time.monotonic() < beat_at:
                continue
            beat_at = time.monotonic() + (self._every or BEAT_SECONDS)
            if output is not None:
                output.show_unfinished()
                output.make_logs()
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
            while self._every is not None and self._channel.ready():
                task: ActivityTask = self._channel.receive()
                with self._sending:
                    self._channel.send(Returned(task.token))
        except EOFError:
            _end()
        finally:
            self._receiving.release()


def _terminate_soon() -> None:
    """Send SIGTERM to this process, when the hooks of a fork are over."""
    time.sleep(_HOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _end() -> NoReturn:
    """End this process and all that it has started, now."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
