"""Executions whose decision has ended the process that made it: by a crash in C, by ``os._exit``, by lack of memory, or
since it took too long (``worker.decision_limit``).

Theory of operation
-------------------
A process that dies cannot keep a pause for the execution that it was deciding, and the one in its place would be given
the same task again. So each process writes down what it decides, in a file that all processes of the decider share and
that outlasts them. A new process looks for entries of dead ones, and writes a pause for each of these executions, which
all processes keep. The supervisor asks whether a process has died of a decision (``was_deciding``), and then starts the
next one at once: however many executions end processes, a death costs the others only the start of a process. A
decision that never ends also costs them the time until it is given up, so its pauses are many times that.

If a decision takes too long, the kernel writes no more than a stack. Each process has a part of a second file for that,
at an offset of its own; such a file has no blocks where nothing was written.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import struct
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simpleflow.source import source_lines
from simpleflow.worker import log_fields
from simpleflow.worker.poller import Pause

log = logging.getLogger(__name__)

FIRST_SECONDS = 6.0
"""The pause after the first death."""

_LONGEST_SECONDS = 300.0
_FIRST_PAUSE, _LONGEST_PAUSE = 10, 60  # of a decision that takes too long, in multiples of its limit

_ENTRY = struct.Struct("I2300s")  # a process, and what it decides, as JSON: two names of 256 characters, and the rest
_PID = struct.Struct("I")  # the begin of an entry
_ENTRIES = 1_024  # a process has the one of its id, modulo this
_CHANGES = struct.Struct("Q")  # how often the pauses have been written
_CHANGES_AT = _ENTRY.size * _ENTRIES
_PAUSES_AT = _CHANGES_AT + _CHANGES.size
_STACK_BYTES = 2**17  # faulthandler writes at most 100 frames, of about 1,100 bytes at most


class DeadlyRuns:
    """What the processes of a decider are deciding, and the pauses of executions that have ended one of them.

    Create it before the processes are forked. Each of them calls ``enter`` first.
    """

    def __init__(self) -> None:
        self._file = _nameless_file()
        self._stacks = _nameless_file()
        weakref.finalize(self, os.close, self._file)
        weakref.finalize(self, os.close, self._stacks)
        os.ftruncate(self._file, _PAUSES_AT)
        self._known = 0  # changes that ``_pauses`` has
        self._pauses: dict[str, tuple[int, float]] = {}  # by run id: deaths, monotonic time of the end of the pause

    def enter(self) -> None:
        """In a new process: give executions that dead processes were deciding a pause."""
        with self._locked():
            self._refresh()
            entries = os.pread(self._file, _CHANGES_AT, 0)
            for number, (pid, text) in enumerate(_ENTRY.iter_unpack(entries)):
                if pid and not _is_alive(pid):
                    os.pwrite(self._file, _PID.pack(0), number * _ENTRY.size)
                    self._pause(pid, json.loads(text.rstrip(b"\0")), self._stack_of(pid))
                    _end_group(pid)
            self._write()

    def stacks_file(self) -> int | None:
        """In a process: a new descriptor of the file for stacks, at the place of this process; None if it gets none."""
        try:
            found = os.open(f"/proc/self/fd/{self._stacks}", os.O_WRONLY)
        except OSError:
            return None  # the system has no such files; one of /dev/fd would share its place with other processes
        os.lseek(found, _stack_at(os.getpid()), os.SEEK_SET)
        return found

    def was_deciding(self, pid: int) -> bool:
        """True if a process that has just died was deciding an execution, which then has a pause."""
        return _PID.unpack(os.pread(self._file, _PID.size, _entry_at(pid))) == (pid,)

    def left(self, run_id: str) -> float:
        """Seconds until the execution is to be decided again; 0 if it may be decided now."""
        self._refresh()
        found = self._pauses.get(run_id)
        return 0.0 if found is None else max(0.0, found[1] - time.monotonic())

    def begins(self, run_id: str, label: str = "", fields: dict[str, Any] | None = None, seconds: float = 0.0) -> None:
        """This process begins to decide the execution.

        Args:
            run_id: of the execution.
            label: of the decision, for the log.
            fields: of the records about it in the log.
            seconds: how long the decision may take; 0 for any time.
        """
        text = json.dumps([run_id, label, fields, seconds], ensure_ascii=False).encode()
        if len(text) > _ENTRY.size - _PID.size:
            text = json.dumps([run_id, "", None, seconds]).encode()
        os.pwrite(self._file, _ENTRY.pack(os.getpid(), text), _entry_at(os.getpid()))

    def ends(self, run_id: str) -> None:
        """This process has decided it, or has failed to."""
        os.pwrite(self._file, _PID.pack(0), _entry_at(os.getpid()))
        if run_id in self._pauses:
            with self._locked():
                self._refresh()
                self._pauses.pop(run_id, None)
                self._write()

    def _pause(self, pid: int, entry: tuple[str, str, dict[str, Any] | None, float], stack: str) -> None:
        """Begin the pause of an execution whose decision has ended a process, and log it."""
        run_id, label, fields, limit = entry
        deaths = self._pauses.get(run_id, (0, 0.0))[0] + 1
        seconds = _seconds(deaths, limit if stack else 0.0)
        self._pauses[run_id] = deaths, time.monotonic() + seconds
        with log_fields.of(fields):
            if not stack:
                text = "process %s ended while it decided run %s; this run is not decided for %.0f s, others go on"
                log.error(text, pid, run_id, seconds)
                return
            log.error(
                "%s took more than %g s and was given up, at %s; left to its time-out, this run is not decided for "
                "%.0f s, others go on. If it needs more time, set SWF_DECISION_LIMIT and the time-out of its decisions",
                label or f"the decision of run {run_id}",
                limit,
                source_lines.innermost(stack),
                seconds,
            )

    def _stack_of(self, pid: int) -> str:
        """The stack that a dead process has written; an empty text without one."""
        found = os.pread(self._stacks, _STACK_BYTES, _stack_at(pid)).rstrip(b"\0")
        if found:
            os.pwrite(self._stacks, b"\0" * len(found), _stack_at(pid))
        return found.decode("utf-8", "replace")

    def _refresh(self) -> None:
        """Read the pauses if they have changed."""
        (changes,) = _CHANGES.unpack(os.pread(self._file, _CHANGES.size, _CHANGES_AT))
        if changes != self._known:
            text = os.pread(self._file, os.fstat(self._file).st_size - _PAUSES_AT, _PAUSES_AT)
            try:
                self._pauses = {run_id: (deaths, end) for run_id, (deaths, end) in json.loads(text).items()}
            except ValueError:
                return  # another process is writing them: they are read before the next decision
            self._known = changes

    def _write(self) -> None:
        text = json.dumps(self._pauses).encode()
        os.ftruncate(self._file, _PAUSES_AT)
        os.pwrite(self._file, text, _PAUSES_AT)
        self._known += 1
        os.pwrite(self._file, _CHANGES.pack(self._known), _CHANGES_AT)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)  # a lock of the process, not of the file, which all share
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


def _nameless_file() -> int:
    file, path = tempfile.mkstemp(prefix="simpleflow-")
    os.unlink(path)
    return file


def _entry_at(pid: int) -> int:
    return pid % _ENTRIES * _ENTRY.size


def _stack_at(pid: int) -> int:
    return pid % _ENTRIES * _STACK_BYTES


def _seconds(deaths: int, limit: float) -> float:
    """The pause after so many deaths; ``limit``: the seconds after which the decision was given up, or 0."""
    pause = Pause(max(FIRST_SECONDS, _FIRST_PAUSE * limit), max(_LONGEST_SECONDS, _LONGEST_PAUSE * limit))
    for _ in range(min(deaths, 20) - 1):
        pause.next()
    return pause.next()


def _end_group(pid: int) -> None:
    """End the programs that the code of the workflow has started in a process that is dead."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
