"""What one evaluation of a workflow knows of its steps."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simpleflow.base import Executor
from simpleflow.futures import Future
from simpleflow.step import rules
from simpleflow.step.constants import COMPLETED, DEPENDENT_OF, FAILED, MARKER_NAME, REFUSED, SCHEDULED, SKIPPED

if TYPE_CHECKING:
    from simpleflow.step.submittable import StepFuture

_UNRECORDED = 1 << 40  # comes after every place in a history


@dataclass
class Recorded:
    """A verdict that the history holds: ``status`` is scheduled, skipped or refused; ``outcome`` is how the play ended."""

    order: int
    status: str
    details: dict[str, Any]
    outcome: dict[str, Any] | None = None


class Patterns:
    """Forced or skipped names, each with its reasons and when they were given."""

    def __init__(self) -> None:
        self._given: dict[str, list[tuple[int, str | None]]] = {}
        self._count = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    @property
    def count(self) -> int:
        """How many have been added so far."""
        return self._count

    def add(self, name: str, reason: str | None, always: bool = False) -> None:
        """Add a name; ``always``: it counts for steps that were submitted before, too."""
        self._count += 1
        given = (0 if always else self._count, reason)
        known = self._given.setdefault(name, [])
        if not any(reason == each for _, each in known):
            known.append(given)

    def reasons(self) -> dict[str, set[str]]:
        """The reasons of each name."""
        return {name: {reason for _, reason in given if reason is not None} for name, given in self._given.items()}

    def covering(self, name: str, count: int) -> dict[str, list[str]]:
        """Those of the first ``count`` that cover ``name``, with their reasons."""
        found = {}
        for pattern in rules.patterns_covering(name):
            given = [reason for number, reason in self._given.get(pattern, ()) if number <= count]
            if given:
                found[pattern] = [reason for reason in given if reason is not None]
        return found


class Steps:
    """Forced and skipped names, which steps are done, which are being played, and which force which."""

    def __init__(self, executor: Executor) -> None:
        self.forced = Patterns()
        self.skipped = Patterns()
        self.listing: Future | None = None
        self.done = rules.Names()
        self.known: list[str] = []  # names in the order in which they became known as done
        self.latest: dict[str, StepFuture] = {}  # the latest play of each name
        self.marking: dict[StepFuture, None] = {}  # plays whose mark is being written
        self.awaiting: dict[StepFuture, StepFuture] = {}  # steps whose verdict must wait, and for whom
        self._origins: dict[str, dict[StepFuture, None]] = {}  # by pattern, the plays that force it
        self._marked: dict[str, int] = {}  # order of the play that wrote the latest mark
        self._unmarked: dict[str, int] = {}  # order of the latest play that removed it
        self._verdicts: dict[str, int] = {}
        self._prefix: list[str] | None = None
        self._order = _UNRECORDED
        self._recorded = read(executor.recorded_markers(MARKER_NAME))
        self._unclaimed = sum(map(len, self._recorded.values()))

    @property
    def catching_up(self) -> bool:
        """Verdicts that the history holds have not been met yet: what is new has to come after them."""
        return self._unclaimed > 0

    def listed(self, names: Iterable[str]) -> None:
        """The done marks have been read."""
        for name in names:
            if name not in self.done:
                self.done.add(name)
                self.known.append(name)

    def known_before(self, number: int) -> list[str]:
        """The first ``number`` names that became known as done; one list for all who ask for the same."""
        if self._prefix is None or len(self._prefix) != number:
            self._prefix = self.known[:number]
        return self._prefix

    def recorded(self, name: str) -> Recorded | None:
        """The next verdict on ``name``, if the history holds it: it stands, whatever has come to be known since."""
        number = self._verdicts.get(name, 0)
        recorded = self._recorded.get(name, ())
        return recorded[number] if number < len(recorded) else None

    def next_verdict(self, name: str) -> tuple[int, int]:
        """Count a verdict on ``name``: its number among those on ``name``, from 0, and its order among all."""
        recorded = self.recorded(name)
        number = self._verdicts.get(name, 0)
        self._verdicts[name] = number + 1
        if recorded is not None:
            self._unclaimed -= 1
            return number, recorded.order
        self._order += 1
        return number, self._order

    def play(self, step: StepFuture) -> None:
        """A step is going to be played; from now on its dependents are forced."""
        self.latest[step.name] = step
        for pattern in step.dependents:
            self.forced.add(pattern, DEPENDENT_OF + step.name, always=True)
            self._origins.setdefault(pattern, {})[step] = None

    def completed(self, step: StepFuture) -> None:
        """A step has been played and marked."""
        if self._unmarked.get(step.name, -1) <= step.order:
            self._marked[step.name] = step.order
            if step.name not in self.done:
                self.done.add(step.name)
                self.known.append(step.name)

    def unmarked(self, step: StepFuture, names: Iterable[str]) -> None:
        """The marks that ``step`` makes stale are gone. Evaluated again, a later mark may have been met before this."""
        for name in names:
            self._unmarked[name] = max(step.order, self._unmarked.get(name, -1))
            if self._marked.get(name, -1) < step.order:
                self.done.discard(name)

    def origins(self, step: StepFuture) -> list[StepFuture]:
        """The plays that force ``step``, less those that it stands in and those that stand in it."""
        return [
            origin
            for pattern in rules.patterns_covering(step.name)
            for origin in self._origins.get(pattern, ())
            if origin is not step and origin not in step.enclosing and step not in origin.enclosing
        ]

    def awaited_origin(self, step: StepFuture) -> StepFuture | None:
        """A play that forces ``step`` and is still going on, or one that will be when what it waits for is over."""
        for origin in self.origins(step):
            if not origin._done:
                return origin
        for other in self.awaiting:
            covered = any(rules.covers(pattern, step.name) for pattern in other.dependents)
            if covered and other is not step and not self._is_held_up_by(other, step.enclosing):
                return other
        return None

    def _is_held_up_by(self, step: StepFuture, others: Collection[StepFuture]) -> bool:
        """Whether ``step`` waits, directly or not, for one of ``others``, or stands in one."""
        awaited: StepFuture | None = step
        while awaited is not None:
            if awaited in others or not awaited.enclosing.isdisjoint(others):
                return True
            awaited = self.awaiting.get(awaited)
        return False

    def failed_origin(self, step: StepFuture) -> StepFuture | None:
        """A step that forces ``step`` and whose latest play failed."""
        return next((each for each in self.origins(step) if each.failed and self.latest[each.name] is each), None)

    def overtaken(self, step: StepFuture) -> StepFuture | None:
        """A play that forces ``step`` and began after it: what ``step`` has done is stale."""
        return next((origin for origin in self.origins(step) if origin.order > step.order), None)

    def made_stale_by(self, step: StepFuture) -> list[str]:
        """The done names whose marks must go before ``step`` is played, sorted."""
        names = {step.name} if step.name in self.done else set()
        around = {each.name for each in step.enclosing}
        for pattern in step.dependents:
            names.update(name for name in self.done.covered_by(pattern) if name not in around)
        return sorted(names)

    def mark_under_way(self, step: StepFuture) -> StepFuture | None:
        """A play that ``step`` would make stale and whose mark is just being written."""
        for other in self.marking:
            if other not in step.enclosing and any(rules.covers(pattern, other.name) for pattern in step.dependents):
                return other
        return None


def read(markers: Iterable[str | None]) -> dict[str, list[Recorded]]:
    """The verdicts that markers speak of, by name, in order."""
    found: dict[str, list[Recorded]] = {}
    for order, text in enumerate(markers):
        details = _details(text)
        status, of_name = details.get("status"), found.setdefault(details.get("step", ""), [])
        playing = of_name[-1] if of_name and of_name[-1].status == SCHEDULED and not of_name[-1].outcome else None
        if status in (SCHEDULED, SKIPPED):
            of_name.append(Recorded(order, status, details))
        elif status in (COMPLETED, FAILED) and playing is not None:
            playing.outcome = details
        elif status == FAILED:  # it was not played, or its alternative failed
            of_name.append(Recorded(order, REFUSED if "refused" in details else SKIPPED, details))
    return found


def _details(text: str | None) -> dict[str, Any]:
    """The details of a step's marker; empty if they are not a step's."""
    try:
        details = json.loads(text or "")
    except ValueError:
        return {}
    return details if isinstance(details, dict) and isinstance(details.get("step"), str) else {}
