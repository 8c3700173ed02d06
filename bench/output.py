"""What it costs to keep what activities print: time, and system calls.

    python -m bench.output [--activities 1000] [--milliseconds 1,5,10] [--rounds 9]

Activities sleep, and print one line or nothing. In each round the same run is timed twice, one right after the other:
as by default, and with SIMPLEFLOW_LOG_BYTES=0, which keeps nothing. Ratios are medians over the rounds. System calls
are counted by ``strace``, so a busy machine matters little there.

No state folder is deleted before the end: for some time after many files were deleted, ext4 makes new ones slowly.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.measure import ROOT

PROGRAM = """
import sys, time
from simpleflow import Workflow, activity
from simpleflow.local import Executor

_, COUNT, MILLISECONDS, PRINTS = sys.argv


@activity.with_attributes()
def work(number):
    time.sleep(float(MILLISECONDS) / 1000)
    if PRINTS == "prints":
        print("line of", number)


class Flow(Workflow):
    name = "flow"

    def run(self):
        for future in [self.submit(work, number) for number in range(int(COUNT))]:
            future.result


Flow.__module__ = work.__module__ = "program"
if __name__ == "__main__":
    Executor(Flow, state="state", nb_workers=2).run()
"""

_ROW = r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$"
_SHOWN = 8


class _Cost(NamedTuple):
    """One run."""

    wall: float  # seconds
    cpu: float  # seconds, with all processes


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.output", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--activities", type=int, default=1_000)
    parser.add_argument("--milliseconds", default="1,5,10", help="how long activities sleep; default: 1,5,10")
    parser.add_argument("--rounds", type=int, default=9, help="default: 9; 0 measures no time")
    options = parser.parse_args(arguments)
    each_time = options.milliseconds.split(",")
    with tempfile.TemporaryDirectory(prefix="simpleflow-output-") as name:
        folder = Path(name)
        (folder / "program.py").write_text(PROGRAM)
        for milliseconds, how in product(each_time if options.rounds else (), ("prints", "silent")):
            pairs = []
            for number in range(options.rounds):
                # The first of a pair is another one each time.
                keeps = (True, False) if number % 2 else (False, True)
                costs = {keep: timed(folder, options.activities, milliseconds, how, keep) for keep in keeps}
                pairs.append((costs[True], costs[False]))
            wall, cpu = (median(kept[k] / not_kept[k] for kept, not_kept in pairs) for k in range(2))
            seconds = median(kept.wall for kept, _ in pairs)
            what = "activities that print" if how == "prints" else "silent activities"
            print(
                f"{milliseconds} ms, {options.activities:,} {what}: {seconds:.2f} s; "
                f"{wall:.3f}x of the time without logs, CPU time {cpu:.3f}x",
                flush=True,
            )
        if shutil.which("strace") is None:
            print("system calls are not counted, since strace is not installed")
            return 0
        for milliseconds in each_time:
            silent, printing = (calls(folder, options.activities, milliseconds, how) for how in ("silent", "prints"))
            more = {name: (printing[name] - silent[name]) / options.activities for name in silent | printing}
            largest = sorted(more.items(), key=lambda each: -abs(each[1]))[:_SHOWN]
            print(
                f"{milliseconds} ms: {silent.total() / options.activities:.1f} system calls for a silent activity, "
                f"{sum(more.values()):+.1f} for one that prints: "
                + ", ".join(f"{name} {number:+.1f}" for name, number in largest if abs(number) >= 0.1),
                flush=True,
            )
    return 0


def timed(folder: Path, activities: int, milliseconds: str, how: str, keeps: bool) -> _Cost:
    """A run in a new state folder; ``keeps``: what activities print is kept."""
    here = Path(tempfile.mkdtemp(dir=folder))
    environment = {"PYTHONPATH": str(ROOT / "src")} | ({} if keeps else {"SIMPLEFLOW_LOG_BYTES": "0"})
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "../program.py", str(activities), milliseconds, how],
        cwd=here,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def calls(folder: Path, activities: int, milliseconds: str, how: str) -> Counter[str]:
    """The system calls of a run, with all its processes, by name."""
    here = Path(tempfile.mkdtemp(dir=folder))
    subprocess.run(
        [
            *("strace", "-f", "-c", "-o", "calls", sys.executable, "../program.py"),
            *(str(activities), milliseconds, how),
        ],
        cwd=here,
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
        stderr=subprocess.DEVNULL,
    )
    rows = re.findall(_ROW, (here / "calls").read_text(), re.MULTILINE)
    return Counter({call: int(number) for number, call in rows if call != "total"})


if __name__ == "__main__":
    sys.exit(main())
