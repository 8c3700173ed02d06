"""What simpleflow is to reach, beside others in the same run."""

from __future__ import annotations

from typing import NamedTuple

from bench.contenders import DBOS, DOIT, PLAIN, SIMPLEFLOW, Contender
from bench.rounds import BURN, BURNS, COLD, FAN, LARGEST, START, TOGETHER, WARM, Results, at, cpu, middle

WORKERS = 2


class Target(NamedTuple):
    """A figure of simpleflow, or how many times another figure it is, and the most that it may be."""

    name: str
    column: str
    limit: float
    base: Contender | float = 1.0
    """Somebody else's figure in the same column, or a constant."""
    base_column: str | None = None
    unit: str = "x"

    @property
    def beside(self) -> str:
        if isinstance(self.base, Contender):
            return self.base_column or self.base.name
        return f"{self.base:.2f} s, ideal" if self.unit == "x" else "-"

    def reached(self, results: Results) -> float | None:
        """What is to be compared with the limit; None if the other was not measured."""
        if isinstance(self.base, Contender):
            return results.ratio(SIMPLEFLOW, self.column, self.base, self.base_column)
        figure = results.figure(SIMPLEFLOW, self.column)
        return None if figure is None else figure / self.base

    def reached_in_cpu_time(self, results: Results) -> float | None:
        """The same of CPU time, which a busy machine changes less; None if that says nothing."""
        if not isinstance(self.base, Contender):
            return None
        return results.ratio(SIMPLEFLOW, cpu(self.column), self.base, cpu(self.base_column or self.column))


def targets(sizes: tuple[int, ...], seconds: float) -> list[Target]:
    """All of them; ``seconds`` are those of CPU time of each activity that keeps a core busy."""
    number, most = middle(sizes), sizes[-1]
    found = [
        Target("start-up", START, 1.3, DOIT),
        Target("cold, a step", at(COLD, number), 0.35, DBOS),
        Target("cold, a step", at(COLD, number), 2.0, PLAIN),
        Target("warm, a step", at(WARM, number), 1.0, DOIT),
        Target("fan-out, an activity", FAN, 1.5, DOIT),
        Target("8 x CPU", BURN, 1.05, BURNS * seconds / WORKERS),
    ]
    if most > number:
        found += [
            Target(f"{kind}, a step, N = {most:,}", at(kind, most), 1.3, SIMPLEFLOW, at(kind, number))
            for kind in (COLD, WARM)
        ]
    for column, whose in ((LARGEST, "the largest process"), (TOGETHER, "all processes")):
        found.append(Target(f"peak memory of {whose}, N = {most:,}", column, 120.0, unit="MiB"))
    return found
