"""The rounds. Each round measures every contender once for each column, so that noise affects all of them alike."""

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
"""The columns that can be requested."""

SIZES = (100, 1_000, 10_000)
BURNS = 8
_REPEATS = 5
_CPU = ", CPU time"

Key = tuple[str, str]


class Taken(NamedTuple):
    """A time in seconds. The busier the machine is, the more the two differ."""

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
    """The reasons for which slow measurements were left out."""

    def add(self, contender: Contender, column: str, figure: float) -> None:
        self.figures.setdefault((contender.name, column), []).append(figure)

    def given_up(self, contender: Contender, column: str) -> bool:
        """Return True if it failed or was left out."""
        return (contender.name, column.removesuffix(_CPU)) in self.failures or self.was_slow(contender, column)

    def was_slow(self, contender: Contender, column: str) -> bool:
        return (contender.name, column.removesuffix(_CPU)) in self.left_out

    def figure(self, contender: Contender, column: str) -> float | None:
        """Return the median of the rounds; None if it was not measured, failed, or was left out."""
        found = self.figures.get((contender.name, column))
        return median(found) if found and not self.given_up(contender, column) else None

    def ratio(self, contender: Contender, column: str, base: Contender, base_column: str | None = None) -> float | None:
        """Return the ratio to the figure of ``base``: the median over the rounds, since noise changes with time."""
        base_column = base_column or column
        mine = self.figures.get((contender.name, column), [])
        others = self.figures.get((base.name, base_column), [])
        found = [one / other for one, other in zip(mine, others, strict=False) if other > 0]
        known = not self.given_up(contender, column) and not self.given_up(base, base_column)
        return median(found) if found and known else None


def at(column: str, number: int) -> str:
    """Return the column for a number of steps."""
    return f"{column}, N = {number:,}"


def cpu(column: str) -> str:
    """Return the column with the CPU time of another column."""
    return column + _CPU


def middle(sizes: tuple[int, ...]) -> int:
    """Return the number of steps at which all contenders are measured and compared."""
    return sizes[(len(sizes) - 1) // 2]


@dataclass
class Rounds:
    """Measures round by round. ``results`` holds all figures so far.

    Args:
        contenders: the contenders to measure.
        root: folder in which each process gets a new folder. Nothing in it is deleted before the end: ext4 avoids
            inodes that were just freed, which would slow down later processes.
        sizes: numbers of steps, ascending. The middle one is also the number of activities of a fan-out.
        seconds: CPU time of each activity in the group that keeps cores busy.
        patience: seconds for which a short measurement is repeated within a round.
        cap: seconds after which a process is killed. A process that is expected to take longer is not started.
        columns: the columns to measure.
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
        """Start every contender once, so that everything is compiled and in the disk's cache."""
        for contender in self.contenders:
            self._attempt(contender, START, self._start)
        self.results.figures.clear()

    def round(self, first: bool = True) -> Iterator[str]:
        """Measure everything once, memory in the first round only. Yields each column's name before it is measured."""
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
                for number in self.sizes[self.sizes.index(self.middle) : -1]:
                    self._attempt(contender, at(LARGEST, number), partial(self._memory_at, number=number))

    def _contenders_at(self, number: int) -> list[Contender]:
        able = [contender for contender in self.contenders if STEPS in contender.kinds]
        return [contender for contender in able if number == self.middle or not contender.aside]

    def _attempt(self, contender: Contender, column: str, measure: Callable[[Contender], Taken | float]) -> None:
        """Record a figure, or why there is none. A measurement that failed, or cannot start, is not repeated."""
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

    def _memory_at(self, contender: Contender, number: int) -> float:
        self._expect(contender, number)
        return self._run(contender, Work(STEPS, number), watch=True).largest

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
        """Run this many steps in a new folder. Returns the time per step."""
        self._expect(contender, number)
        folder = self._new_folder()
        taken = self._without_start(contender, Work(STEPS, number), folder)
        self._cold_folders[contender.name, number] = folder
        return taken.by(number)

    def _expect(self, contender: Contender, number: int) -> None:
        """Raise TooSlow if this many steps are expected to exceed the cap, going by the time per step so far."""
        if self.results.given_up(contender, at(COLD, number)):
            raise TooSlow("the cold run of this size was left out")
        known = [self.results.figure(contender, at(COLD, size)) for size in self.sizes if size <= number]
        each = [figure for figure in known if figure is not None]
        if each and each[-1] * number > self.cap:
            raise TooSlow(f"about {each[-1] * number:,.0f} s are expected, more than {self.cap:g} s")

    def _without_start(self, contender: Contender, work: Work, folder: Path | None = None) -> Taken:
        """Time a run without its start: time an empty run just before it, since noise changes, and subtract that."""
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
        """Repeat a measurement and return the medians; one that takes longer than ``patience`` is made once."""
        end = time.monotonic() + self.patience
        found = [measure()]
        while len(found) < _REPEATS and time.monotonic() < end:
            found.append(measure())
        return Taken(median(each.elapsed for each in found), median(each.cpu for each in found))
