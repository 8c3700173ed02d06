"""``python -m bench.live``: the cost of showing a run, live on a terminal, as lines on a terminal, or into a pipe."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.contenders import SIMPLEFLOW, STEPS, Work
from bench.measure import ROOT, Failed

LIVE, LINES, PIPE = "live view", "lines on a terminal", "lines into a pipe"
COLD, WARM = "all run", "all skipped"

_UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Settings that make every start compile, and every write a system call: programs are seldom run that way."""


class Taken(NamedTuple):
    """The time of a run, in seconds."""

    elapsed: float
    cpu: float  # of the process and its children


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="steps of a run; default: 1000")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="rounds; medians are shown; default: 9")
    options = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="simpleflow-bench-live-"))
    taken: dict[tuple[str, str], list[Taken]] = {}
    try:
        for number in range(options.rounds + 1):
            ways = [LIVE, LINES, PIPE]
            for way in ways[number % 3 :] + ways[: number % 3]:
                folder = root / f"{number}-{way.split()[-1]}"
                folder.mkdir()
                for kind in (COLD, WARM):
                    took = _run(way, options.steps, folder)
                    if number:  # the first round only compiles everything and fills the disk's cache
                        taken.setdefault((way, kind), []).append(took)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    print(f"N = {options.steps:,} steps, whole runs, medians of {options.rounds} interleaved rounds")
    for kind in (COLD, WARM):
        for way in (LIVE, LINES, PIPE):
            print(f"{kind:<12} {way:<20}" + "".join(_column(taken[way, kind], taken[PIPE, kind], at) for at in (0, 1)))
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"load of the machine in the last 1, 5 and 15 minutes: {load}")
    return 0


def _column(mine: Sequence[Taken], others: Sequence[Taken], at: int) -> str:
    ratio = median(one[at] / other[at] for one, other in zip(mine, others, strict=True))
    return f" {median(each[at] for each in mine):6.3f} s {('elapsed', 'of CPU')[at]} ({ratio:.3f}x)"


def _run(way: str, steps: int, folder: Path) -> Taken:
    """Run simpleflow as a separate process. Raises Failed."""
    command = [*SIMPLEFLOW.command(Work(STEPS, steps)), "--nb-workers", "2"]
    if way == LINES:
        command.append("--no-progress")
    ours, theirs = os.pipe() if way == PIPE else os.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in _UNUSUAL}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    last = b""
    while True:
        try:
            data = os.read(ours, 65_536)
        except OSError:  # the other end of the terminal is closed
            break
        if not data:
            break
        last = data
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    os.close(ours)
    if process.returncode != 0:
        raise Failed(f"exit code {process.returncode}: {last.decode(errors='replace').strip()}")
    return Taken(seconds, usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    sys.exit(main())
