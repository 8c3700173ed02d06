"""Measures one process from outside: its time, and the memory that it and its children used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.01
MIB = 2**20

ROOT = Path(__file__).resolve().parents[1]

# Prefixes of variables that are removed. Bytecode is kept, as for most users: the warm-up writes it.
_SETTINGS = ("PYTHONDONTWRITEBYTECODE", "SIMPLEFLOW_", "STEP_", "WORKFLOW_DEFAULT_", "ACTIVITY_")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Failed(Exception):
    """The process could not be started, or did not end with exit code 0."""


class TooSlow(Failed):
    """The process took longer than the cap, or was expected to."""


class Usage(NamedTuple):
    """The resources that a process used."""

    seconds: float
    """Elapsed time."""
    cpu: float
    """Seconds of CPU time of the process and of the children that it waited for."""
    largest: float
    """Peak memory of the largest of its processes, in MiB; if not watched, at least that of the bench itself."""
    together: float | None
    """Peak memory of all its processes, in MiB, with shared memory counted once; None if not watched."""


def run(command: Sequence[str], folder: Path, log: Path, watch: bool = False, cap: float = TIMEOUT_SECONDS) -> Usage:
    """Run a command in ``folder``; its output goes to the file ``log``.

    ``watch``: also measure the memory of all its processes, which costs a little time.

    Raises TooSlow after ``cap`` seconds, when it kills the process and its children; Failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    environment["PYTHONPATH"] = str(ROOT)
    watched: _Memory | None = None
    with log.open("wb") as output:
        began = time.perf_counter()
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        except OSError as error:
            raise Failed(f"{command[0]}: {error}") from error
        timer = threading.Timer(cap, _kill, [process.pid])
        timer.start()
        try:
            if watch:
                watched = _watch(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            timer.cancel()
            if process.returncode is None:
                _kill(process.pid)
    if process.returncode == -signal.SIGKILL and seconds >= cap:
        raise TooSlow(f"it took more than {cap:g} s")
    if process.returncode != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise Failed(f"exit code {process.returncode}: {lines[-1] if lines else 'no output'}")
    cpu = usage.ru_utime + usage.ru_stime
    if watched is None:
        return Usage(seconds, cpu, usage.ru_maxrss * _MAXRSS_UNIT / MIB, None)
    return Usage(seconds, cpu, watched.largest, watched.together)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class _Memory(NamedTuple):
    """Peaks of memory, in MiB; see ``Usage``."""

    largest: float
    together: float


def _watch(pid: int) -> _Memory | None:
    """Wait for a process; return the peaks of it and its children, or None if the kernel does not report them."""
    largest = together = 0.0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        family = list(_family(pid))
        largest = max(largest, *(_field(f"/proc/{each}/status", "VmHWM:") for each in family))
        together = max(together, sum(_field(f"/proc/{each}/smaps_rollup", "Pss:") for each in family))
        time.sleep(POLL_SECONDS)
    return _Memory(largest, together) if largest and together else None


def _family(pid: int) -> Iterator[int]:
    """Yield the ids of the process and all its descendants."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = file.read_text().split()
        except OSError:
            continue  # the process has just ended
        for child in children:
            yield from _family(int(child))


def _field(file: str, name: str) -> float:
    """Return the MiB in the line ``name`` of a file; 0 if there is no such line."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
