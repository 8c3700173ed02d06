"""Keep processes alive: replace one that dies, stop or kill all of them."""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from simpleflow.constants import SAME_SIGNAL_SECONDS
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import hint_of_signal
from simpleflow.worker.forked import flush
from simpleflow.worker.poller import Pause

log = logging.getLogger(__name__)

POINTLESS = 78
"""Exit code of a process that need not be replaced: another one would end with it, too (EX_CONFIG of sysexits)."""

_SOON_SECONDS = 5.0  # a process that lived for less than this died at once
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Body = Callable[[int], None]
"""The work of a process. Called in the new process, with the process id of the supervisor."""


def _never(pid: int) -> bool:
    return False


class Kind(NamedTuple):
    """Processes to be kept running."""

    name: str  # for the log
    number: int
    body: Body
    died_of_task: Callable[[int], bool] = _never
    """Called with the id of a process that has died: True if it died of a task that is not tried again at once."""


@dataclass
class _Slot:
    """One process that is kept running, or the next one in its place. Times are monotonic."""

    kind: Kind
    pause: Pause  # before a process that died is replaced
    pid: int | None = None  # None: no process runs
    begun: float = 0.0  # when the process was forked
    due: float = 0.0  # when the next process is to be forked


class Supervisor:
    """Keeps processes running. They are forked from this one, which must have only one thread.

    The first SIGTERM or SIGINT stops them (with SIGTERM), a second one kills them, unless it is the first one, sent
    twice (see ``SAME_SIGNAL_SECONDS``). A process that ends with 0 has done its work and is not replaced; one that ends
    with POINTLESS stops all. ``close`` restores the signal handlers.

    Attributes:
        signal: the first signal that stopped the processes.
        gave_up: a process ended with POINTLESS.
        killed: the processes were killed.
        stop_after: for how many seconds the processes go on with their tasks after a signal, for the log; None for as
            long as it takes.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.gave_up = False
        self.killed = False
        self.stop_after: float | None = None
        self._signalled_at = 0.0  # monotonic
        self._told = False  # the log says that the processes stop
        self._stopping = False
        self._slots: list[_Slot] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._handlers = {number: signal.signal(number, self._on_signal) for number in (*_SIGNALS, signal.SIGCHLD)}
        self._wakes = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def add(self, kind: Kind) -> None:
        """Keep processes of that kind running."""
        self._slots += [_Slot(kind, Pause()) for _ in range(kind.number)]

    @property
    def busy(self) -> bool:
        """True if a process runs or is to be forked."""
        return bool(self._slots)

    def run(self) -> None:
        """Keep the processes running until all have ended."""
        while self.busy:
            self.tend(60.0)

    def tend(self, seconds: float) -> None:
        """Fork processes that are due, and collect those that have ended.

        Returns after so many seconds, or when a process has ended or a signal came.
        """
        now = time.monotonic()
        for slot in self._slots:
            if slot.pid is None and slot.due <= now:
                self._fork(slot)
        dues = [slot.due for slot in self._slots if slot.pid is None]
        timeout = max(0.0, min([seconds, *(due - time.monotonic() for due in dues)]))
        if select.select([self._reader], [], [], timeout)[0]:
            os.read(self._reader, 4096)
        self._tell_stop()
        self._reap()

    def stop(self) -> None:
        """Send SIGTERM to all processes; ``run`` then waits for their ends."""
        self._stopping = True
        self._slots = [slot for slot in self._slots if slot.pid is not None]
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill all processes at once. Processes that their tasks have started end with them."""
        self.killed = True
        self.stop()
        self._send(signal.SIGKILL)

    def close(self) -> None:
        """Kill the processes that still run, and restore the signal handlers."""
        if self.busy:
            self.kill()
            self.run()
        signal.set_wakeup_fd(self._wakes)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number not in _SIGNALS:
            return
        now = time.monotonic()
        if self.signal is None:
            self.signal, self._signalled_at = number, now
            self.stop()
        elif number != self.signal or now - self._signalled_at > SAME_SIGNAL_SECONDS:
            self.kill()

    def _tell_stop(self) -> None:
        """Log that a signal came. Its handler cannot: it may have interrupted the log."""
        if self.signal is None or self._told:
            return
        self._told = True
        names = [slot.kind.name for slot in self._slots if slot.pid is not None]
        counts = ", ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names)) or "no process"
        limit = "for as long as they take" if self.stop_after is None else f"for {self.stop_after:g} s at most"
        log.info(
            "%s: stops; waits for the current tasks of its processes (%s) %s; a second signal ends them at once",
            signal.Signals(self.signal).name,
            counts,
            limit,
        )

    def _send(self, number: int) -> None:
        for slot in self._slots:
            if slot.pid is not None:
                try:
                    os.kill(slot.pid, number)
                except ProcessLookupError:
                    pass

    def _reap(self) -> None:
        for slot in list(self._slots):
            if slot.pid is None:
                continue
            pid, status = os.waitpid(slot.pid, os.WNOHANG)
            if pid:
                self._ended(slot, os.waitstatus_to_exitcode(status))

    def _ended(self, slot: _Slot, code: int) -> None:
        pid, slot.pid = slot.pid, None
        if code == POINTLESS and not self._stopping:
            self.gave_up = True
            self.stop()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        if code == 0 or self._stopping:
            if slot in self._slots:
                self._slots.remove(slot)
            if code not in (0, POINTLESS) and not self.killed:
                log.error("%s (process %s) ended %s before it had finished its task", slot.kind.name, pid, how)
            return
        now = time.monotonic()
        assert pid is not None
        if slot.kind.died_of_task(pid):  # the others must not wait for what one task does
            wait = 0.0
        else:
            if now - slot.begun >= _SOON_SECONDS:
                slot.pause.reset()
            wait = slot.pause.next()
        slot.due = now + wait
        hint = hint_of_signal(code)
        then = f"in {wait:.1f} s" if wait else "at once"
        log.error("%s (process %s) ended %s; another one begins %s%s", slot.kind.name, pid, how, then, hint)

    def _fork(self, slot: _Slot) -> None:
        owner = os.getpid()
        flush()
        # A signal to the new process must not go to the handlers that it has inherited from this one, and be lost. The
        # process unblocks the signals when it has its own handlers.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._stopping:
                return
            try:
                pid = os.fork()
            except OSError as error:  # the system has no room for another process now
                wait = slot.pause.next()
                slot.due = time.monotonic() + wait
                log.error("%s cannot be started: %s; tried again in %.1f s", slot.kind.name, error.strerror, wait)
                return
            if pid == 0:
                self._run_body(slot, owner)
            slot.pid = pid
            slot.begun = time.monotonic()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _run_body(self, slot: _Slot, owner: int) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)  # the supervisor handles Ctrl-C
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._reader)
            os.close(self._writer)
            slot.kind.body(owner)
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:  # the process must not go on as a second supervisor
            log.exception("%s (process %s) failed", slot.kind.name, os.getpid())
        finally:
            flush()
            os._exit(code)
