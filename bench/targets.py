"""The targets of simpleflow: limits relative to other contenders in the same run."""

from __future__ import annotations

from typing import NamedTuple

from bench.contenders import DBOS, DOIT, DOIT_THREADS, SIMPLEFLOW, SYNCED, Contender
from bench.rounds import BURN, BURNS, COLD, FAN, LARGEST, START, TOGETHER, WARM, Results, at, cpu, middle

WORKERS = 2


class Target(NamedTuple):
    """A limit for a figure of simpleflow, or for its ratio to another figure."""

    name: str
    column: str
    """The figure of simpleflow."""
    limit: float
    """The most that figure or ratio may be."""
    base: Contender | float = 1.0
    """The figure is divided by the one of this contender, or by a constant."""
    base_column: str | None = None
    """Column of the contender's figure; None: the same column."""
    unit: str = "x"
    """``x`` for a ratio."""

    @property
    def beside(self) -> str:
        if isinstance(self.base, Contender):
            return self.base_column or self.base.name
        return f"{self.base:.2f} s, ideal" if self.unit == "x" else "-"

    def reached(self, results: Results) -> float | None:
        """Return the value to compare with the limit; None if one of the figures was not measured."""
        if isinstance(self.base, Contender):
            return results.ratio(SIMPLEFLOW, self.column, self.base, self.base_column)
        figure = results.figure(SIMPLEFLOW, self.column)
        return None if figure is None else figure / self.base

    def reached_in_cpu_time(self, results: Results) -> float | None:
        """Return the same for CPU time, which depends less on the machine's load; None without a contender as base."""
        if not isinstance(self.base, Contender):
            return None
        return results.ratio(SIMPLEFLOW, cpu(self.column), self.base, cpu(self.base_column or self.column))


def targets(sizes: tuple[int, ...], seconds: float) -> list[Target]:
    """Return all targets. ``seconds`` is the CPU time of each activity that keeps a core busy."""
    number, most = middle(sizes), sizes[-1]
    found = [
        Target("start-up", START, 1.0, DOIT),
        Target("cold, a step", at(COLD, number), 0.35, DBOS),
        Target("cold, a step", at(COLD, number), 4.0, SYNCED),
        Target("warm, a step", at(WARM, number), 1.0, DOIT),
        Target("fan-out, an activity", FAN, 0.35, DOIT),
        Target("fan-out, an activity", FAN, 0.35, DOIT_THREADS),
        Target("8 x CPU", BURN, 1.03, BURNS * seconds / WORKERS),
    ]
    found += [
        Target(f"{kind}, a step, N = {size:,}", at(kind, size), _growth(size), SIMPLEFLOW, at(kind, number))
        for size in sizes
        if size > number
        for kind in (COLD, WARM)
    ]
    found += [
        Target(f"peak memory of the largest process, N = {size:,}", at(LARGEST, size), _memory(size), unit="MiB")
        for size in sizes
        if number <= size < most
    ]
    for column, whose in ((LARGEST, "the largest process"), (TOGETHER, "all processes")):
        found.append(Target(f"peak memory of {whose}, N = {most:,}", column, _memory(most), unit="MiB"))
    return found


def _growth(size: int) -> float:
    """How much longer a step may take with this many steps than with the middle number."""
    return 1.1 if size <= 10_000 else 1.3


def _memory(size: int) -> float:
    """The MiB that a run with this many steps may need."""
    return 32.0 if size <= 1_000 else 60.0 if size <= 10_000 else 200.0
