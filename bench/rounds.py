"""The rounds: every contender is measured once for each column in each of them, so that noise meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from bench.contenders import CPU, FAN_OUT, PLAIN, SIMPLEFLOW, STEPS, Contender, Work
from bench.measure import Failed, Usage, run

START = "start"
COLD = "cold"
WARM = "warm"
FAN = "fan-out"
BURN = "cpu"
LARGEST = "memory"
TOGETHER = "memory of all"
GROWTH = "growth"

COLUMNS = (START, COLD, WARM, FAN, BURN, LARGEST, GROWTH)
"""What can be asked for."""

BURNS = 8
_REPEATS = 5

Key = tuple[str, str]


@dataclass
class Results:
    """Figures by contender and column, one for each round: seconds, seconds per step, or MiB."""

    figures: dict[Key, list[float]] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)

    def add(self, contender: Contender, column: str, figure: float) -> None:
        self.figures.setdefault((contender.name, column), []).append(figure)

    def figure(self, contender: Contender, column: str) -> float | None:
        """The median of the rounds; None if it was not measured, or failed."""
        found = self.figures.get((contender.name, column))
        return median(found) if found and (contender.name, column) not in self.failures else None

    def ratio(self, contender: Contender, column: str, base: Contender, base_column: str | None = None) -> float | None:
        """How many times the figure of ``base``: the median of the rounds' ratios, since noise changes with time."""
        mine = self.figures.get((contender.name, column), [])
        others = self.figures.get((base.name, base_column or column), [])
        found = [one / other for one, other in zip(mine, others, strict=False) if other > 0]
        return median(found) if found and (contender.name, column) not in self.failures else None


def growth(number: int) -> str:
    """The column of the cold per-step time at another number of steps."""
    return f"{GROWTH} {number}"


@dataclass
class Rounds:
    """Measures; ``results`` has what was found so far.

    Args:
        contenders: who is measured.
        root: folder in which each process gets a new one. Nothing in it is deleted meanwhile: ext4 avoids inodes that
            were just freed, which would slow down those that come after.
        steps: how many steps, and activities of a fan-out.
        seconds: of CPU time that each activity of the group that keeps cores busy takes.
        patience: seconds in which a short measurement is repeated within a round.
    """

    contenders: list[Contender]
    root: Path
    steps: int
    seconds: float
    patience: float
    columns: tuple[str, ...] = COLUMNS
    results: Results = field(default_factory=Results)
    _folders: int = 0
    _played: dict[str, Path] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of steps at which growth is measured."""
        return max(1, self.steps // 4), self.steps, self.steps * 4

    def warm_up(self) -> None:
        """Have everything compiled and in the disk's cache."""
        for contender in self.contenders:
            self._attempt(contender, START, self._start)
        self.results.figures.clear()

    def round(self) -> Iterator[str]:
        """Measure everything once; yields the name of each column when it begins."""
        self._played.clear()
        for column, kind, measure in (
            (START, None, self._starts),
            (COLD, STEPS, self._cold),
            (WARM, STEPS, self._warm),
            (FAN, FAN_OUT, self._fan_out),
            (BURN, CPU, self._burn),
            (LARGEST, STEPS, self._memory),
        ):
            if column in self.columns:
                yield column
                for contender in self.contenders:
                    if kind is None or kind in contender.kinds:
                        self._attempt(contender, column, measure)
        if GROWTH in self.columns:
            yield GROWTH
            for number in self.sizes:
                for contender in (PLAIN, SIMPLEFLOW):
                    self._attempt(contender, growth(number), partial(self._growth, number=number * contender.times))

    def _attempt(self, contender: Contender, column: str, measure: Callable[[Contender], float]) -> None:
        """Note a figure, or why there is none; what failed once, or cannot start, is not tried again."""
        failures = self.results.failures
        if (contender.name, START) in failures or (contender.name, column) in failures:
            return
        try:
            self.results.add(contender, column, measure(contender))
        except Failed as failed:
            failures[contender.name, column] = str(failed)

    # Columns

    def _starts(self, contender: Contender) -> float:
        return self._repeat(lambda: self._start(contender))

    def _cold(self, contender: Contender) -> float:
        return self._repeat(lambda: self._play(contender, self.steps * contender.times))

    def _warm(self, contender: Contender) -> float:
        number = self.steps * contender.times
        if contender.name not in self._played:
            self._play(contender, number)
        folder = self._played[contender.name]
        return self._repeat(lambda: self._more_than_start(contender, Work(STEPS, number), folder) / number)

    def _fan_out(self, contender: Contender) -> float:
        return self._repeat(lambda: self._more_than_start(contender, Work(FAN_OUT, self.steps)) / self.steps)

    def _burn(self, contender: Contender) -> float:
        return self._more_than_start(contender, Work(CPU, BURNS, self.seconds))

    def _memory(self, contender: Contender) -> float:
        usage = self._run(contender, Work(STEPS, self.steps), watch=True)
        if usage.together is not None:
            self.results.add(contender, TOGETHER, usage.together)
        return usage.largest

    def _growth(self, contender: Contender, number: int) -> float:
        return self._repeat(lambda: self._play(contender, number))

    # Processes

    def _start(self, contender: Contender) -> float:
        return self._run(contender, Work(STEPS, 0)).seconds

    def _play(self, contender: Contender, number: int) -> float:
        """Seconds for each step of so many that are not done yet."""
        folder = self._new_folder()
        seconds = self._more_than_start(contender, Work(STEPS, number), folder)
        if number == self.steps * contender.times:
            self._played[contender.name] = folder
        return seconds / number

    def _more_than_start(self, contender: Contender, work: Work, folder: Path | None = None) -> float:
        """Seconds that the work takes beyond a start, which is measured just before: noise changes with time."""
        start = self._start(contender)
        return max(0.0, self._run(contender, work, folder).seconds - start)

    def _run(self, contender: Contender, work: Work, folder: Path | None = None, watch: bool = False) -> Usage:
        return run(contender.command(work), folder or self._new_folder(), self.root / "log", watch)

    def _new_folder(self) -> Path:
        self._folders += 1
        folder = self.root / str(self._folders)
        folder.mkdir()
        return folder

    def _repeat(self, measure: Callable[[], float]) -> float:
        """The median of some measurements: one, unless it is a short one."""
        end = time.monotonic() + self.patience
        found = [measure()]
        while len(found) < _REPEATS and time.monotonic() < end:
            found.append(measure())
        return median(found)
