"""Worker processes as their owner has them: forked, signalled with all that they have started, and waited for."""

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

_POLL_SECONDS = 0.001


def check_forks() -> None:
    """Raises InputError where processes cannot be forked."""
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
    """Fork a worker that leads a process group of its own; returns its process id and the channel to it.

    ``life``: a pipe of the owner, which ends the worker when the owner dies; ``others``: channels that the worker
    must not hold open. The rest: see WorkerProcess.
    """
    ours, theirs = Channel.pair()
    flush()
    owner = os.getpid()
    gc.freeze()  # so that the worker's collector does not touch, and so copy, the memory it shares with us
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
            pass  # asked to stop, with nothing to do
        except BaseException:  # noqa: BLE001 (it must not go on as a second owner)
            traceback.print_exc()
        finally:
            os._exit(1)
    gc.unfreeze()
    theirs.close()
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass  # the worker was faster
    return pid, ours


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a worker and to all that it has started; nothing happens if they are gone."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def has_ended(pid: int) -> bool:
    """Whether the worker has ended."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def death_reason(pid: int) -> str:
    """The reason of a task whose worker has ended without an answer."""
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
    """One worker process that does one task after the other; forked when there is none.

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
        """Have a process; returns the channel to it."""
        if self._channel is None:
            self._pid, self._channel = fork(self._life, (), {}, self._middlewares, self._domain, sends_bounds=True)
        return self._channel

    def start(self, task: ActivityTask) -> None:
        """Begin a task; ``receive`` tells what becomes of it."""
        try:
            self.open().send(task)
        except OSError:  # it died while idle: another one is as good
            self.stop()
            self.open().send(task)

    def receive(self, seconds: float) -> Bounds | Outcome | None:
        """What the process says of the task within so many seconds: its bounds, then its end; or None.

        A process that dies ends the task with a failure that says how.
        """
        channel = self._channel
        if channel is None:
            return None
        try:
            if channel.ready(seconds):
                message: Bounds | Outcome | str = channel.receive()
                return None if isinstance(message, str) else message  # a sign of life is no news
            if os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return None
        except (EOFError, OSError):
            pass
        # Dead: what it has started may still hold its end of the channel, and is ended too.
        self._forget()
        signal_group(self._pid, signal.SIGKILL)
        return Outcome(reason=death_reason(self._pid))

    def stop(self) -> None:
        """End the process and what it has started: nicely, and by force after ACTIVITY_SIGTERM_WAIT_SEC."""
        if self._channel is None:
            return
        self._forget()
        signal_group(self._pid, signal.SIGTERM)
        deadline = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC
        while not has_ended(self._pid):
            if time.monotonic() >= deadline:
                signal_group(self._pid, signal.SIGKILL)
            time.sleep(_POLL_SECONDS)
        signal_group(self._pid, signal.SIGKILL)  # what it has started and left behind

    def close(self) -> None:
        """End the process, and be of no more use."""
        self.stop()
        os.close(self._life[0])
        os.close(self._life[1])

    def _forget(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
