"""Programs that tests start in other processes, given as lines of Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import simpleflow
from tests import nursery
from tests.processes import alive

ROOT = Path(__file__).parents[2]
SOURCE = Path(simpleflow.__file__).parents[1]  # that of the folder, or an installed wheel


def begin(code: str, *args: str, folder: Path, forks: bool = True, **environment: str) -> subprocess.Popen[str]:
    """Start Python with that code, in a new process group.

    ``forks``: fork it from a process that has loaded everything. Such a process has no environment of its own in /proc.
    """
    path = os.pathsep.join([str(SOURCE), str(ROOT), os.environ.get("PYTHONPATH", "")])
    words = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    given = {**os.environ, "PYTHONPATH": path, **environment}
    if forks:
        return nursery.begin(words, folder, given, **pipes)
    return subprocess.Popen(words, cwd=folder, env=given, text=True, start_new_session=True, **pipes)


def finish(process: subprocess.Popen[str], seconds: float = 20) -> tuple[int, str, str]:
    """Wait for a process to end; returns exit code, standard output and standard error. Kills it if it is too slow."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
        raise AssertionError(f"still running; standard error: {err}") from None
    return process.returncode, out, err


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and its whole process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def group(pid: int) -> list[int]:
    """The processes of a process group, without those that have ended."""
    found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [member for member in found if alive(member) and _group_of(member) == pid]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def lines(path: Path) -> list[str]:
    """The lines of a file; none if it does not exist."""
    return path.read_text().splitlines() if path.exists() else []
