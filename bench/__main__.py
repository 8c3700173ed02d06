"""``python -m bench``: measure everything in one interleaved run, and print it. The exit code is 0 for any figures."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.contenders import CONTENDERS
from bench.plot import plot
from bench.report import report
from bench.rounds import COLUMNS, SIZES, Rounds


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    root = Path(tempfile.mkdtemp(prefix="simpleflow-bench-"))
    try:
        rounds = Rounds(
            [contender for contender in CONTENDERS if contender.installed],
            root,
            options.sizes,
            options.seconds,
            options.patience,
            options.cap,
            options.only,
        )
        print(_headline(options.rounds, root), flush=True)
        began = time.monotonic()
        rounds.warm_up()
        for number in range(1, options.rounds + 1):
            for column in rounds.round(first=number == 1):
                _progress(f"round {number} of {options.rounds}: {column}")
        _progress("")
        print(report(rounds.results, rounds.sizes, options.seconds, rounds.columns))
        if options.plot:
            options.plot.write_text(plot(rounds.results, rounds.sizes))
            print(f"plot: {options.plot}")
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
    parser.add_argument(
        "--sizes", type=_sizes, default=SIZES, metavar="N,N", help="numbers of steps; default: 100,1000,10000"
    )
    parser.add_argument(
        "--rounds", type=_positive, default=3, metavar="N", help="rounds; medians are shown; default: 3"
    )
    parser.add_argument(
        "--only", type=_columns, default=COLUMNS, metavar="A,B", help=f"measure only some of {', '.join(COLUMNS)}"
    )
    parser.add_argument("--plot", type=_file, metavar="FILE", help="write a plot of cold and warm runs, as SVG")
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU seconds of each busy activity; default: 0.5")
    parser.add_argument(
        "--cap", type=float, default=60.0, metavar="SECONDS", help="leave out processes that take longer; default: 60"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="repeat short measurements for this long; default: 1",
    )
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return number


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(part.strip()) for part in text.split(",")}))


def _columns(text: str) -> tuple[str, ...]:
    given = [part.strip() for part in text.split(",")]
    for part in given:
        if part not in COLUMNS:
            raise argparse.ArgumentTypeError(f"{part!r} is not one of {', '.join(COLUMNS)}")
    return tuple(given)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():  # reported before everything is measured
        raise argparse.ArgumentTypeError(f"{text!r}: there is no folder {str(path.parent)!r}")
    return path


def _headline(rounds: int, root: Path) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    medians = "one round" if rounds == 1 else f"medians of {rounds} interleaved rounds"
    packages = {contender.package for contender in CONTENDERS if contender.package and contender.installed}
    versions = ", ".join(f"{package} {version(package)}" for package in sorted(packages)) or "no peers"
    where = f"Python {platform.python_version()}, {cores} cores, files in {root}; {versions}"
    return f"{medians}; {where}\n(2.00x) means twice the time of the plain script\n"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
