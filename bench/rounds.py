"""The rounds: every contender is measured once for each column in each of them, so that noise meets all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.contenders import CPU, FAN_OUT, STEPS, Contender, Work
from bench.measure import Failed, TooSlow, Usage, run

START = "start"
COLD = "cold"
WARM = "warm"
FAN = "fan-out"
BURN = "cpu"
LARGEST = "memory"
TOGETHER = "memory of all"

COLUMNS = (START, COLD, WARM, FAN, BURN, LARGEST)
"""What can be asked for."""

SIZES = (100, 1_000, 10_000)
BURNS = 8
_REPEATS = 5
_CPU = ", CPU time"

Key = tuple[str, str]


class Taken(NamedTuple):
    """Seconds that went by, and seconds of CPU time: those differ the more, the busier the machine is."""

    elapsed: float
    cpu: float

    def minus(self, start: Taken) -> Taken:
        return Taken(max(0.0, self.elapsed - start.elapsed), max(0.0, self.cpu - start.cpu))

    def by(self, number: int) -> Taken:
        return Taken(self.elapsed / number, self.cpu / number)


@dataclass
class Results:
    """Figures by contender and column, one for each round: seconds, seconds per step, or MiB."""

    figures: dict[Key, list[float]] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)
    left_out: dict[Key, str] = field(default_factory=dict)
    """What was too slow to wait for."""

    def add(self, contender: Contender, column: str, figure: float) -> None:
        self.figures.setdefault((contender.name, column), []).append(figure)

    def given_up(self, contender: Contender, column: str) -> bool:
        """Whether it failed, or was slow."""
        return (contender.name, column.removesuffix(_CPU)) in self.failures or self.was_slow(contender, column)

    def was_slow(self, contender: Contender, column: str) -> bool:
        return (contender.name, column.removesuffix(_CPU)) in self.left_out

    def figure(self, contender: Contender, column: str) -> float | None:
        """The median of the rounds; None if it was not measured, failed, or was too slow."""
        found = self.figures.get((contender.name, column))
        return median(found) if found and not self.given_up(contender, column) else None

    def ratio(self, contender: Contender, column: str, base: Contender, base_column: str | None = None) -> float | None:
        """How many times the figure of ``base``: the median of the rounds' ratios, since noise changes with time."""
        base_column = base_column or column
        mine = self.figures.get((contender.name, column), [])
        others = self.figures.get((base.name, base_column), [])
        found = [one / other for one, other in zip(mine, others, strict=False) if other > 0]
        known = not self.given_up(contender, column) and not self.given_up(base, base_column)
        return median(found) if found and known else None


def at(column: str, number: int) -> str:
    """The column for a number of steps."""
    return f"{column}, N = {number:,}"


def cpu(column: str) -> str:
    """The column for the CPU time of what is measured in another."""
    return column + _CPU


def middle(sizes: tuple[int, ...]) -> int:
    """The number of steps at which everything is measured, and compared."""
    return sizes[(len(sizes) - 1) // 2]


@dataclass
class Rounds:
    """Measures; ``results`` has what was found so far.

    Args:
        contenders: who is measured.
        root: folder in which each process gets a new one. Nothing in it is deleted meanwhile: ext4 avoids inodes that
            were just freed, which would slow down those that come after.
        sizes: how many steps, in ascending order; the middle one is the number of activities of a fan-out too.
        seconds: of CPU time that each activity of the group that keeps cores busy takes.
        patience: seconds in which a short measurement is repeated within a round.
        cap: seconds after which a process is not waited for; if so many are to be expected, it is not begun.
    """

    contenders: list[Contender]
    root: Path
    sizes: tuple[int, ...]
    seconds: float
    patience: float
    cap: float
    columns: tuple[str, ...] = COLUMNS
    results: Results = field(default_factory=Results)
    _folders: int = 0
    _cold_folders: dict[tuple[str, int], Path] = field(default_factory=dict)

    @property
    def middle(self) -> int:
        return middle(self.sizes)

    def warm_up(self) -> None:
        """Have everything compiled and in the disk's cache."""
        for contender in self.contenders:
            self._attempt(contender, START, self._start)
        self.results.figures.clear()

    def round(self, first: bool = True) -> Iterator[str]:
        """Measure everything once, memory in the first round only; yields the name of each column when it begins."""
        self._cold_folders.clear()
        for column, measure in ((START, self._starts), (FAN, self._fan_out), (BURN, self._burn)):
            if column in self.columns:
                yield column
                for contender in self.contenders:
                    if column == START or {FAN: FAN_OUT, BURN: CPU}[column] in contender.kinds:
                        self._attempt(contender, column, measure)
        for number in self.sizes:
            for column, measure_steps in ((COLD, self._cold), (WARM, self._warm)):
                if column in self.columns:
                    yield at(column, number)
                    for contender in self._contenders_at(number):
                        self._attempt(contender, at(column, number), partial(measure_steps, number=number))
        if first and LARGEST in self.columns:
            yield LARGEST
            for contender in self._contenders_at(self.sizes[-1]):
                self._attempt(contender, LARGEST, self._memory)

    def _contenders_at(self, number: int) -> list[Contender]:
        able = [contender for contender in self.contenders if STEPS in contender.kinds]
        return [contender for contender in able if number == self.middle or not contender.aside]

    def _attempt(self, contender: Contender, column: str, measure: Callable[[Contender], Taken | float]) -> None:
        """Note a figure, or why there is none; what failed once, or cannot start, is not tried again."""
        if self.results.given_up(contender, START) or self.results.given_up(contender, column):
            return
        try:
            found = measure(contender)
            if isinstance(found, Taken):
                self.results.add(contender, cpu(column), found.cpu)
                found = found.elapsed
            self.results.add(contender, column, found)
        except TooSlow as slow:
            self.results.left_out[contender.name, column] = str(slow)
        except Failed as failed:
            self.results.failures[contender.name, column] = str(failed)

    # Columns

    def _starts(self, contender: Contender) -> Taken:
        return self._repeat(lambda: self._start(contender))

    def _cold(self, contender: Contender, number: int) -> Taken:
        return self._repeat(lambda: self._cold_run(contender, number))

    def _warm(self, contender: Contender, number: int) -> Taken:
        if (contender.name, number) not in self._cold_folders:
            self._cold_run(contender, number)
        folder = self._cold_folders[contender.name, number]
        return self._repeat(lambda: self._without_start(contender, Work(STEPS, number), folder).by(number))

    def _fan_out(self, contender: Contender) -> Taken:
        number = self.middle
        return self._repeat(lambda: self._without_start(contender, Work(FAN_OUT, number)).by(number))

    def _burn(self, contender: Contender) -> Taken:
        return self._without_start(contender, Work(CPU, BURNS, self.seconds))

    def _memory(self, contender: Contender) -> float:
        self._expect(contender, self.sizes[-1])
        usage = self._run(contender, Work(STEPS, self.sizes[-1]), watch=True)
        if usage.together is not None:
            self.results.add(contender, TOGETHER, usage.together)
        return usage.largest

    # Processes

    def _start(self, contender: Contender) -> Taken:
        usage = self._run(contender, Work(STEPS, 0))
        return Taken(usage.seconds, usage.cpu)

    def _cold_run(self, contender: Contender, number: int) -> Taken:
        """Seconds for each step of so many that are not done yet."""
        self._expect(contender, number)
        folder = self._new_folder()
        taken = self._without_start(contender, Work(STEPS, number), folder)
        self._cold_folders[contender.name, number] = folder
        return taken.by(number)

    def _expect(self, contender: Contender, number: int) -> None:
        """Raises TooSlow if so many steps take longer than the cap, going by the time of each of fewer."""
        if self.results.given_up(contender, at(COLD, number)):
            raise TooSlow("a cold run of so many was left out")
        known = [self.results.figure(contender, at(COLD, size)) for size in self.sizes if size <= number]
        each = [figure for figure in known if figure is not None]
        if each and each[-1] * number > self.cap:
            raise TooSlow(f"about {each[-1] * number:,.0f} s are to be expected, more than {self.cap:g} s")

    def _without_start(self, contender: Contender, work: Work, folder: Path | None = None) -> Taken:
        """What the work takes beyond a start, which is measured just before: noise changes with time."""
        start = self._start(contender)
        usage = self._run(contender, work, folder)
        return Taken(usage.seconds, usage.cpu).minus(start)

    def _run(self, contender: Contender, work: Work, folder: Path | None = None, watch: bool = False) -> Usage:
        return run(contender.command(work), folder or self._new_folder(), self.root / "log", watch, self.cap)

    def _new_folder(self) -> Path:
        self._folders += 1
        folder = self.root / str(self._folders)
        folder.mkdir()
        return folder

    def _repeat(self, measure: Callable[[], Taken]) -> Taken:
        """The medians of some measurements: one, unless it is a short one."""
        end = time.monotonic() + self.patience
        found = [measure()]
        while len(found) < _REPEATS and time.monotonic() < end:
            found.append(measure())
        return Taken(median(each.elapsed for each in found), median(each.cpu for each in found))
