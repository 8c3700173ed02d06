"""Worker processes, from the side of their owner: fork them, signal them, wait for their ends.

Theory of operation
-------------------
Each worker leads a process group. The processes that an activity starts are in that group, so signals go to the group:
a worker is stopped together with them.

A worker must not outlive its owner: ``guard`` kills it, and a thread in the worker watches the owner too. For the
latter, each new worker closes what only the owner may hold, and the channels of the other workers, which it has
inherited.

To stop a worker, its owner sends SIGTERM to the group (the activity's ``finally`` clauses and exit handlers run), and
SIGKILL after ACTIVITY_SIGTERM_WAIT_SEC. It sends SIGKILL to the group once more when the worker has ended, for
processes that the activity left behind.

If a worker ends without an answer, its task fails with a reason that says how the worker ended. Its owner looks for the
process, not for the end of the channel: a process that the activity has started may hold the channel open.
"""

from __future__ import annotations

import gc
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Protocol

from simpleflow import settings
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivityTask
from simpleflow.shown_text import CRASHES, hint_of_signal
from simpleflow.worker import forks
from simpleflow.worker.dispatch import Middlewares, Outcome
from simpleflow.worker.forked import flush
from simpleflow.worker.guard import Guard
from simpleflow.worker.limits import cannot_fork, check_forks
from simpleflow.worker.messages import OwnerEnd, packed, pair, readable
from simpleflow.worker.output import WorkerOutput
from simpleflow.worker.process import Bounds, Last, WorkerProcess

_POLL_SECONDS = 0.001  # between two checks of a process that is about to end
_LOOK_SECONDS = 0.2  # between two checks of a process that should be alive
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Closable(Protocol):
    """Something of another worker that its owner holds."""

    def close(self) -> None:
        """Close it in this process."""


class Redirects(Protocol):
    """Takes what a worker prints."""

    def redirect(self) -> WorkerOutput | None:
        """In the worker: send what is printed from now on there. None: the worker has nothing to do for it later."""


def fork(
    guard: Guard,
    others: Iterable[Closable],
    known: Mapping[str, Activity],
    middlewares: Middlewares,
    domain: str | None = None,
    sends_bounds: bool = False,
    lock: str | None = None,
    output: Redirects | None = None,
    state: str | None = None,
) -> tuple[int, OwnerEnd]:
    """Fork a worker; returns its process id and the channel to it.

    ``guard``: kills it when the owner dies. ``others``: channels to other workers, which this one must not hold open.
    ``output``: takes what its activities print. For the other arguments see WorkerProcess. Raises OSError if the
    system has no more processes or open files.
    """
    guard.start()
    ours, theirs = pair()
    owner = os.getpid()
    max_tasks = settings.SIMPLEFLOW_MAX_TASKS_PER_WORKER or None
    with forks.alone():
        flush()
        gc.freeze()  # else the worker's garbage collector touches, and so copies, the memory that it shares with us
        # A signal to the new worker must not go to the handlers that it inherits: it unblocks them with its own.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    os.setpgid(0, 0)
                    ours.close()
                    guard.leave()
                    for each in others:
                        each.close()
                    printed = None if output is None else output.redirect()
                    WorkerProcess(
                        theirs,
                        guard.life[0],
                        owner,
                        known,
                        middlewares,
                        domain,
                        sends_bounds,
                        max_tasks,
                        lock,
                        printed,
                        state,
                    ).run()
                except SystemExit:
                    pass  # stopped while it was idle
                except BaseException:  # noqa: BLE001 (the worker must not go on as a second owner)
                    traceback.print_exc()
                finally:
                    os._exit(1)
        except OSError:
            ours.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            gc.unfreeze()
            theirs.close()
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass  # the worker has done it already
    guard.add(pid)
    return pid, ours


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a worker and to all processes that it has started; no error if they are gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def stop_group(pid: int) -> None:
    """Ask a worker and all processes that it has started to end, also those that are stopped."""
    signal_group(pid, signal.SIGTERM)
    signal_group(pid, signal.SIGCONT)


def has_ended(pid: int) -> bool:
    """True if the worker has ended; collects its exit status."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def is_running(pid: int) -> bool:
    """True if the worker has neither ended nor been stopped by a signal; False where the system cannot tell."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def is_dead(pid: int) -> bool:
    """True if the worker has ended; its exit status stays to be collected."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


_STOPPED = 128 + signal.SIGTERM  # the exit code of a worker that was stopped


def death_reason(pid: int) -> str:
    """The failure reason of a task whose worker has ended without an answer."""
    for _ in range(100):
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            break
        if found == pid:
            code = os.waitstatus_to_exitcode(status)
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            why = hint_of_signal(code)
            if -code in CRASHES:  # see ``forked.tell_crashes``
                why += "; its output says where"
            elif code == _STOPPED:
                why = " (something outside has sent it SIGTERM)"
            return f"WorkerDied: the worker process ended {how} while it did the activity{why}"
        time.sleep(_POLL_SECONDS)
    return "WorkerDied: the worker process ended while it did the activity"


class Child:
    """One worker process that performs one task after the other. It is forked when it is needed and there is none.

    Args:
        middlewares, domain: see ``dispatch.perform``.
        output: takes what its activities print; None: that goes where the owner's goes.
    """

    def __init__(
        self,
        middlewares: Middlewares = Middlewares(),
        domain: str | None = None,
        output: Redirects | None = None,
    ) -> None:
        check_forks()
        self._middlewares = middlewares
        self._domain = domain
        self._output = output
        try:
            self._guard = Guard()
            self._guard.start()
        except OSError as error:
            raise cannot_fork(error) from error
        self._pid = 0
        self._channel: OwnerEnd | None = None
        self._messages: deque[Bounds | Outcome | Last | str] = deque()
        self._sent = b""  # the task that it performs
        self._name = ""  # of its activity
        self._bounds: dict[str, Bounds] = {}  # by activity, those that the process has sent
        self._done = 0  # tasks that it has ended

    def open(self) -> OwnerEnd:
        """Fork the process if there is none; returns the channel to it."""
        if self._channel is None:
            self._messages.clear()
            self._bounds.clear()
            self._done = 0
            self._pid, self._channel = fork(
                self._guard,
                (),
                {},
                self._middlewares,
                self._domain,
                sends_bounds=True,
                output=self._output,
            )
        return self._channel

    @property
    def is_running(self) -> bool:
        """True if there is a process, and it has neither ended nor been stopped by a signal."""
        return self._channel is not None and is_running(self._pid)

    @property
    def is_exchanging(self) -> bool:
        """True: there is more to receive or to send now, also if the channel cannot be read."""
        return bool(self._messages) or (self._channel is not None and self._channel.unsent)

    def start(self, task: ActivityTask) -> None:
        """Send a task to the process; its outcome comes from ``receive``."""
        self._sent, self._name = packed(task), task.name
        try:
            self.open().write(self._sent)
        except OSError:  # it died while it was idle: another one is as good
            self.stop()
            self.open().write(self._sent)
        if (known := self._bounds.get(task.name)) is not None:
            self._messages.append(known)

    def receive(self, seconds: float) -> Bounds | Outcome | None:
        """The next message about the task within so many seconds: first its Bounds, then its Outcome; or None.

        If the process dies, that is an Outcome that says how.
        """
        if self._channel is None:
            return None
        end = time.monotonic() + seconds
        while not self._messages:
            if is_dead(self._pid) or self._channel.ended:
                return self._died(self._channel)
            self._exchange(self._channel, min(max(0.0, end - time.monotonic()), _LOOK_SECONDS))
            if not self._messages and time.monotonic() >= end:
                return None
        message = self._messages.popleft()
        if isinstance(message, Outcome | Last):
            self._done += 1
        if isinstance(message, Last):
            self.stop()
            return message.outcome
        return None if isinstance(message, str) else message  # a heartbeat: nothing has changed

    def stop(self) -> None:
        """End the process and all that it has started: with SIGTERM, and SIGKILL after ACTIVITY_SIGTERM_WAIT_SEC."""
        if self._channel is None:
            return
        self._forget()
        stop_group(self._pid)
        deadline = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC
        while not has_ended(self._pid):
            if time.monotonic() >= deadline:
                signal_group(self._pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        signal_group(self._pid, signal.SIGKILL)  # processes that it left behind
        self._guard.remove(self._pid)

    def close(self) -> None:
        """End the process for good."""
        self.stop()
        self._guard.close()

    def _exchange(self, channel: OwnerEnd, seconds: float) -> None:
        """Send the unsent bytes, and receive the messages that come within so many seconds."""
        try:
            channel.flush()
        except OSError:
            pass  # it has died, which ``is_dead`` tells soon
        if channel.unsent:
            seconds = min(seconds, _POLL_SECONDS)
        if readable([channel.fileno()], seconds):
            for message in channel.receive():
                if isinstance(message, Bounds):
                    self._bounds[self._name] = message
                self._messages.append(message)

    def _died(self, channel: OwnerEnd) -> Bounds | Outcome | None:
        """The outcome that the process had sent before it died, or how it died.

        None if it had not read the task: another process gets it, unless this one was new.
        """
        found = channel.receive_all()
        outcome = next((each for each in found if isinstance(each, Outcome | Last)), None)
        starts_again = outcome is None and self._done > 0 and channel.unread() > 0
        self._forget()
        reason = death_reason(self._pid)
        # Processes that it has started may still hold its end of the channel: end them too.
        signal_group(self._pid, signal.SIGKILL)
        while not has_ended(self._pid):  # it had only closed its end
            time.sleep(_POLL_SECONDS)
        self._guard.remove(self._pid)
        if starts_again:
            self.open().write(self._sent)
            return None
        if outcome is None:
            return Outcome(reason=reason)
        return outcome.outcome if isinstance(outcome, Last) else outcome

    def _forget(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
