"""What one evaluation of a workflow knows of its steps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simpleflow.base import Executor
from simpleflow.futures import Future
from simpleflow.step import rules
from simpleflow.step.constants import DEPENDENT_OF, MARKER_NAME, SCHEDULED, SKIPPED

if TYPE_CHECKING:
    from simpleflow.step.submittable import StepFuture

_UNRECORDED = 1 << 40  # comes after every place in a history


class Steps:
    """Forced and skipped names, which steps are done, which are being played, and which force which."""

    def __init__(self, executor: Executor) -> None:
        self.forced: dict[str, dict[str, None]] = {}
        self.skipped: dict[str, dict[str, None]] = {}
        self.listing: Future | None = None
        self.done = rules.Names()
        self.known: list[str] = []  # names in the order in which they became known as done
        self.latest: dict[str, StepFuture] = {}  # the latest play of each name
        self.marking: dict[StepFuture, None] = {}  # plays whose mark is being written
        self._origins: dict[str, dict[StepFuture, None]] = {}  # by pattern, the plays that force it
        self._plays: dict[str, int] = {}
        self._order = _UNRECORDED
        self._recorded: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        for place, text in enumerate(executor.recorded_markers(MARKER_NAME)):
            details = _details(text)
            if details.get("status") in (SCHEDULED, SKIPPED):
                self._recorded.setdefault(details["step"], []).append((place, details))

    def add(self, patterns: dict[str, dict[str, None]], names: Iterable[str], reason: str | None) -> None:
        """Add patterns to ``forced`` or ``skipped``."""
        for name in names:
            reasons = patterns.setdefault(name, {})
            if reason is not None:
                reasons[reason] = None

    def listed(self, names: Iterable[str]) -> None:
        """The done marks have been read."""
        for name in names:
            if name not in self.done:
                self.done.add(name)
                self.known.append(name)

    def next_verdict(self, name: str) -> tuple[int, int, dict[str, Any] | None]:
        """The number of the next verdict on ``name`` in this run, its order among all verdicts, and what the history
        holds of it: a verdict that was taken stands, whatever else has come to be known since."""
        number = self._plays.get(name, 0)
        self._plays[name] = number + 1
        recorded = self._recorded.get(name, ())
        if number < len(recorded):
            return number, *recorded[number]
        self._order += 1
        return number, self._order, None

    def has_recorded_verdict(self, name: str) -> bool:
        """Whether the next verdict on ``name`` is in the history."""
        return self._plays.get(name, 0) < len(self._recorded.get(name, ()))

    def play(self, step: StepFuture, dependents: Iterable[str]) -> None:
        """A step is going to be played; from now on its dependents are forced."""
        self.latest[step.name] = step
        for pattern in dependents:
            self.add(self.forced, [pattern], DEPENDENT_OF + step.name)
            self._origins.setdefault(pattern, {})[step] = None

    def completed(self, step: StepFuture) -> None:
        """A step has been played and marked."""
        if step.name not in self.done:
            self.done.add(step.name)
            self.known.append(step.name)

    def origins(self, step: StepFuture) -> list[StepFuture]:
        """The plays that force ``step``, less those that it stands in and those that stand in it."""
        return [
            origin
            for pattern in rules.patterns_covering(step.name)
            for origin in self._origins.get(pattern, ())
            if origin is not step and origin not in step.enclosing and step not in origin.enclosing
        ]

    def awaited_origin(self, step: StepFuture) -> StepFuture | None:
        """A play that forces ``step`` and is still going on."""
        return next((origin for origin in self.origins(step) if not origin._done), None)

    def failed_origin(self, step: StepFuture) -> StepFuture | None:
        """A step that forces ``step`` and whose latest play failed."""
        return next((each for each in self.origins(step) if each.failed and self.latest[each.name] is each), None)

    def overtaken(self, step: StepFuture) -> StepFuture | None:
        """A play that forces ``step`` and began after it: what ``step`` has done is stale."""
        return next((origin for origin in self.origins(step) if origin.order > step.order), None)

    def made_stale_by(self, step: StepFuture, dependents: Iterable[str]) -> list[str]:
        """The done names whose marks must go before ``step`` is played, sorted."""
        names = {step.name} if step.name in self.done else set()
        around = {each.name for each in step.enclosing}
        for pattern in dependents:
            names.update(name for name in self.done.covered_by(pattern) if name not in around)
        return sorted(names)

    def mark_under_way(self, step: StepFuture, dependents: Iterable[str]) -> StepFuture | None:
        """A play that ``step`` would make stale and whose mark is just being written."""
        for other in self.marking:
            if other not in step.enclosing and any(rules.covers(pattern, other.name) for pattern in dependents):
                return other
        return None


def _details(text: str | None) -> dict[str, Any]:
    """The details of a step's marker; empty if they are not a step's."""
    try:
        details = json.loads(text or "")
    except ValueError:
        return {}
    return details if isinstance(details, dict) and isinstance(details.get("step"), str) else {}
