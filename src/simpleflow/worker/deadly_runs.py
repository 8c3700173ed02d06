"""Executions whose decision has ended the process that made it: by a crash in C, by ``os._exit``, by lack of memory.

Theory of operation
-------------------
A process that dies cannot keep a pause for the execution that it was deciding, and the one in its place would be given
the same task again. So each process writes down what it decides, in a file that all processes of the decider share and
that outlasts them. A new process looks for entries of dead ones, and writes a pause for each of these executions, which
all processes keep. The first pause is long enough for the supervisor to see that the new process has lived for a while;
then the next death costs the other executions only the start of a process.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import struct
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from simpleflow.worker.poller import Pause

log = logging.getLogger(__name__)

FIRST_SECONDS = 6.0
"""The pause after the first death; longer than the supervisor's ``_SOON_SECONDS``."""

_LONGEST_SECONDS = 300.0

_ENTRY = struct.Struct("I100s")  # a process, and what it decides
_ENTRIES = 1_024  # a process has the one of its id, modulo this
_CHANGES = struct.Struct("Q")  # how often the pauses have been written
_CHANGES_AT = _ENTRY.size * _ENTRIES
_PAUSES_AT = _CHANGES_AT + _CHANGES.size


class DeadlyRuns:
    """What the processes of a decider are deciding, and the pauses of executions that have ended one of them.

    Create it before the processes are forked. Each of them calls ``enter`` first.
    """

    def __init__(self) -> None:
        self._file, path = tempfile.mkstemp(prefix="simpleflow-")
        os.unlink(path)
        weakref.finalize(self, os.close, self._file)
        os.ftruncate(self._file, _PAUSES_AT)
        self._known = 0  # changes that ``_pauses`` has
        self._pauses: dict[str, tuple[int, float]] = {}  # by run id: deaths, monotonic time of the end of the pause

    def enter(self) -> None:
        """In a new process: give executions that dead processes were deciding a pause."""
        with self._locked():
            self._refresh()
            entries = os.pread(self._file, _CHANGES_AT, 0)
            for number, (pid, name) in enumerate(_ENTRY.iter_unpack(entries)):
                if not pid or _is_alive(pid):
                    continue
                os.pwrite(self._file, _ENTRY.pack(0, b""), number * _ENTRY.size)
                run_id = name.rstrip(b"\0").decode()
                deaths = self._pauses.get(run_id, (0, 0.0))[0] + 1
                seconds = _seconds(deaths)
                self._pauses[run_id] = deaths, time.monotonic() + seconds
                log.error(
                    "process %s ended while it decided run %s; this run is not decided for %.0f s, others go on",
                    pid,
                    run_id,
                    seconds,
                )
            self._write()

    def left(self, run_id: str) -> float:
        """Seconds until the execution is to be decided again; 0 if it may be decided now."""
        self._refresh()
        found = self._pauses.get(run_id)
        return 0.0 if found is None else max(0.0, found[1] - time.monotonic())

    def begins(self, run_id: str) -> None:
        """This process begins to decide the execution."""
        self._enter_own(_ENTRY.pack(os.getpid(), run_id.encode()))

    def ends(self, run_id: str) -> None:
        """This process has decided it, or has failed to."""
        self._enter_own(_ENTRY.pack(0, b""))
        if run_id in self._pauses:
            with self._locked():
                self._refresh()
                self._pauses.pop(run_id, None)
                self._write()

    def _enter_own(self, entry: bytes) -> None:
        os.pwrite(self._file, entry, os.getpid() % _ENTRIES * _ENTRY.size)

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


def _seconds(deaths: int) -> float:
    pause = Pause(FIRST_SECONDS, _LONGEST_SECONDS)
    for _ in range(min(deaths, 20) - 1):
        pause.next()
    return pause.next()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
