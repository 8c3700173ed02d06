"""``python -m bench.pictures``: how long the pictures of a large run take, and how large they are.

The run is made up (``synthetic_run``), and is in memory as rows, as the page has it. Reading a history from a state
folder is not measured here. The limits are for CPU time, which depends less on the load of the machine.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from bench.synthetic_run import BEGIN, synthetic_view
from simpleflow.pictures.failures import ShownRun
from simpleflow.pictures.graph import graph_svg
from simpleflow.pictures.perfetto import trace
from simpleflow.pictures.report import report_html
from simpleflow.pictures.timeline import timeline_svg
from simpleflow.views.critical_path import critical_path


class Case(NamedTuple):
    """A picture, and what it may take at most; None: there is no limit."""

    name: str
    draw: Callable[[], str]
    seconds: float | None = None
    size: int | None = None  # characters


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, metavar="N", help="steps; default: 10,000")
    parser.add_argument("--activities", type=int, default=100_000, metavar="N", help="activities; default: 100,000")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds; medians are shown; default: 5")
    options = parser.parse_args(arguments)
    view, events = synthetic_view(options.steps, options.activities)
    attempts = sum(1 for _ in view.attempts)
    print(f"{len(view.steps):,} steps, {attempts:,} tries of activities, {len(events):,} events")
    path = critical_path(view, events)
    [failed_view, failed_events] = synthetic_view(options.steps, options.activities, fails=True)
    cases = [
        Case("critical path", lambda: str(len(critical_path(view, events)))),
        Case("timeline, whole run", lambda: timeline_svg(view, critical=path), 2.0, 700_000),
        Case("timeline by worker", lambda: timeline_svg(view, critical=path, by="worker"), 2.0, 700_000),
        Case("timeline, a minute", lambda: timeline_svg(view, begin=BEGIN + 60, end=BEGIN + 120), 0.3, 700_000),
        Case("timeline, one group", lambda: timeline_svg(view, critical=path, under="load.region03"), 0.3, 700_000),
        Case("graph", lambda: graph_svg(view)),
        Case("report of a failed run", lambda: report_html([ShownRun(failed_view, failed_events)])),
        Case("trace for Perfetto", lambda: "".join(trace(view, path))),
    ]
    gc.freeze()
    missed = [case.name for case in cases if not _measure(case, options.rounds)]
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"load of the machine in the last 1, 5 and 15 minutes: {load}")
    print(f"missed: {', '.join(missed)}" if missed else "all targets are reached")
    return 1 if missed else 0


def _measure(case: Case, rounds: int) -> bool:
    elapsed, cpu, size = [], [], 0
    for _ in range(rounds):
        began, began_cpu = time.perf_counter(), time.process_time()
        size = len(case.draw())
        elapsed.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
    limit = "" if case.seconds is None else f"  at most {case.seconds:.1f} s, {(case.size or 0) // 1000} kB"
    print(f"{case.name:<24} {median(elapsed):6.3f} s {median(cpu):6.3f} s of CPU {size / 1000:10,.0f} kB{limit}")
    too_slow = case.seconds is not None and median(cpu) > case.seconds
    return not too_slow and (case.size is None or size <= case.size)


if __name__ == "__main__":
    raise SystemExit(main())
