"""``python -m bench``: measure everything in one interleaved run, and print it. Exit code 0, whatever comes out."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.contenders import CONTENDERS, PLAIN
from bench.report import report
from bench.rounds import COLUMNS, Rounds


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="simpleflow-bench-"))
    try:
        rounds = Rounds(
            [contender for contender in CONTENDERS if contender.installed],
            root,
            options.steps,
            options.seconds,
            options.patience,
            options.only,
        )
        print(_headline(options.steps, options.rounds, root), flush=True)
        began = time.monotonic()
        rounds.warm_up()
        for number in range(1, options.rounds + 1):
            for column in rounds.round():
                _progress(f"round {number} of {options.rounds}: {column}")
        _progress("")
        print(report(rounds.results, rounds.sizes, rounds.columns))
        load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
        print(f"{time.monotonic() - began:.0f} s; load of the machine in the last 1, 5 and 15 minutes: {load}")
    except KeyboardInterrupt:
        _progress("")
        return 130
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure simpleflow beside other tools.")
    parser.add_argument("--steps", type=_positive, default=1000, metavar="N", help="steps, and activities of a fan-out")
    parser.add_argument("--rounds", type=_positive, default=3, metavar="N", help="of which the medians are shown")
    parser.add_argument("--only", type=_columns, default=COLUMNS, metavar="A,B", help=f"some of {', '.join(COLUMNS)}")
    parser.add_argument("--seconds", type=float, default=0.5, help="that each busy activity takes; default: 0.5")
    parser.add_argument(
        "--patience", type=float, default=1.0, metavar="SECONDS", help="short measurements are repeated so long"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _columns(text: str) -> tuple[str, ...]:
    given = [part.strip() for part in text.split(",")]
    for part in given:
        if part not in COLUMNS:
            raise argparse.ArgumentTypeError(f"{part!r} is not one of {', '.join(COLUMNS)}")
    return tuple(given)


def _headline(steps: int, rounds: int, root: Path) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    medians = "one round" if rounds == 1 else f"medians of {rounds} interleaved rounds"
    where = f"Python {python}, {cores} cores, files in {root}"
    ratio = f"(2.00x): twice the plain script, which does {PLAIN.times} times as many steps"
    return f"N = {steps:,}, {medians}; {where}\n{ratio}\n"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
