"""Worker processes, from the side of their owner: fork them, signal them, wait for their ends.

Theory of operation
-------------------
Each worker leads a process group. The processes that an activity starts are in that group, so signals go to the group:
a worker is stopped together with them.

A worker must not outlive its owner. It holds the reading end of a pipe (``life``) whose writing end only the owner
has; when the owner dies, the kernel closes the pipe and the worker ends. For that, each new worker closes the writing
end, and the channels of the other workers, which it has inherited.

To stop a worker, its owner sends SIGTERM to the group (the activity's ``finally`` clauses run), and SIGKILL after
ACTIVITY_SIGTERM_WAIT_SEC. It sends SIGKILL to the group once more when the worker has ended, for processes that the
activity left behind.

If a worker ends without an answer, its task fails with a reason that says how the worker ended.
"""

from __future__ import annotations

import gc
import os
import signal
import time
import traceback
from collections.abc import Iterable, Mapping

from simpleflow import settings
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import InputError
from simpleflow.worker.dispatch import Middlewares, Outcome
from simpleflow.worker.messages import Channel
from simpleflow.worker.process import Bounds, WorkerProcess, flush

_POLL_SECONDS = 0.001  # between two checks of a process that is about to end


def check_forks() -> None:
    """Raise InputError on a system that cannot fork processes."""
    if not hasattr(os, "fork"):
        raise InputError("worker processes need a system with fork(); run activities in this process instead")


def fork(
    life: tuple[int, int],
    others: Iterable[Channel],
    known: Mapping[str, Activity],
    middlewares: Middlewares,
    domain: str | None = None,
    sends_bounds: bool = False,
) -> tuple[int, Channel]:
    """Fork a worker; returns its process id and the channel to it.

    ``life``: a pipe of the owner, which ends the worker when the owner dies. ``others``: channels to other workers,
    which this one must not hold open. For the other arguments see WorkerProcess.
    """
    ours, theirs = Channel.pair()
    flush()
    owner = os.getpid()
    gc.freeze()  # else the worker's garbage collector touches, and so copies, the memory that it shares with us
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            ours.close()
            os.close(life[1])
            for channel in others:
                channel.close()
            WorkerProcess(theirs, life[0], owner, known, middlewares, domain, sends_bounds).run()
        except SystemExit:
            pass  # stopped while it was idle
        except BaseException:  # noqa: BLE001 (the worker must not go on as a second owner)
            traceback.print_exc()
        finally:
            os._exit(1)
    gc.unfreeze()
    theirs.close()
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass  # the worker has done it already
    return pid, ours


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a worker and to all processes that it has started; no error if they are gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


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
            return f"WorkerDied: the worker process ended {how} while it did the activity"
        time.sleep(_POLL_SECONDS)
    return "WorkerDied: the worker process ended while it did the activity"


class Child:
    """One worker process that performs one task after the other. It is forked when it is needed and there is none.

    Args:
        middlewares, domain: see ``dispatch.perform``.
    """

    def __init__(self, middlewares: Middlewares = Middlewares(), domain: str | None = None) -> None:
        check_forks()
        self._middlewares = middlewares
        self._domain = domain
        self._life = os.pipe()
        self._pid = 0
        self._channel: Channel | None = None

    def open(self) -> Channel:
        """Fork the process if there is none; returns the channel to it."""
        if self._channel is None:
            self._pid, self._channel = fork(self._life, (), {}, self._middlewares, self._domain, sends_bounds=True)
        return self._channel

    def start(self, task: ActivityTask) -> None:
        """Send a task to the process; its outcome comes from ``receive``."""
        try:
            self.open().send(task)
        except OSError:  # the process died while it was idle: another one is as good
            self.stop()
            self.open().send(task)

    def receive(self, seconds: float) -> Bounds | Outcome | None:
        """The next message about the task within so many seconds: first its Bounds, then its Outcome; or None.

        If the process dies, that is an Outcome that says how.
        """
        channel = self._channel
        if channel is None:
            return None
        try:
            if channel.ready(seconds):
                message: Bounds | Outcome | str = channel.receive()
                return None if isinstance(message, str) else message  # a heartbeat: nothing has changed
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
        except (EOFError, OSError):
            pass
        # The process is dead. Processes that it has started may still hold its end of the channel: end them too.
        self._forget()
        signal_group(self._pid, signal.SIGKILL)
        return Outcome(reason=death_reason(self._pid))

    def stop(self) -> None:
        """End the process and all that it has started: with SIGTERM, and SIGKILL after ACTIVITY_SIGTERM_WAIT_SEC."""
        if self._channel is None:
            return
        self._forget()
        signal_group(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC
        while not has_ended(self._pid):
            if time.monotonic() >= deadline:
                signal_group(self._pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        signal_group(self._pid, signal.SIGKILL)  # processes that it left behind

    def close(self) -> None:
        """End the process for good."""
        self.stop()
        os.close(self._life[0])
        os.close(self._life[1])

    def _forget(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
