"""The verdicts that a history already holds, read from the markers of steps.

simpleflow may evaluate ``run`` again from its first line. A verdict that was taken stands then. But the new evaluation
may reach the steps in another order than the one in which they ran, so it reads from their markers which verdict came
first, what each run of a step forces, which marks it removed, and how many submissions joined it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from simpleflow.step import rules
from simpleflow.step.constants import COMPLETED, FAILED, REFUSED, SCHEDULED, SKIPPED

_VERDICT = frozenset({"step", "status", "forced", "reasons"})


class Recorded(msgspec.Struct):
    """One verdict that the history holds."""

    order: int  # index of its marker among the markers of steps
    status: str  # SCHEDULED, SKIPPED or REFUSED
    details: dict[str, Any]  # of the marker of the verdict
    outcome: dict[str, Any] | None = None  # details of the marker with which a run of the step ended
    ended: int = 0  # index of that marker
    number: int = 0  # counts the verdicts on one name, from 0
    reached: bool = False  # this evaluation has submitted the step that the verdict is about

    @property
    def name(self) -> str:
        """The name of the step."""
        return str(self.details["step"])

    @property
    def unmarks(self) -> list[str]:
        """The names whose marks the run removed before its work."""
        return list(self.details.get("unmarks") or ())

    @property
    def joined(self) -> int:
        """How many later submissions had joined the run when it ended."""
        return int(self.outcome.get("joined") or 0) if self.outcome else 0

    @property
    def inputs(self) -> dict[str, Any]:
        """The keys of the marker beyond the verdict, to be recorded again in the same words."""
        if self.details.get("status") == FAILED:
            return {}
        return {key: value for key, value in self.details.items() if key not in _VERDICT}

    @property
    def extra(self) -> dict[str, Any]:
        """The keys of the outcome beyond the verdict, to be recorded again in the same words."""
        return {key: value for key, value in (self.outcome or {}).items() if key not in _VERDICT}

    @property
    def forces_patterns(self) -> list[str]:
        """The patterns that it forces, if it is a run of a step."""
        return list(self.details.get("forces") or ()) if self.status == SCHEDULED else []

    def forces(self, name: str) -> bool:
        """True if it is a run of a step that says that it forces ``name``."""
        return any(rules.covers(pattern, name) for pattern in self.forces_patterns)

    def is_after(self, name: str) -> bool:
        """True if the step says that it depends on ``name``."""
        return name != self.name and any(rules.covers(pattern, name) for pattern in self.details.get("after") or ())


def read(markers: Iterable[str | None]) -> list[Recorded]:
    """The verdicts in the details (JSON text) of all markers of steps, in order."""
    found: list[Recorded] = []
    running: dict[str, Recorded] = {}
    for order, text in enumerate(markers):
        details = _details(text)
        status, name = details.get("status"), details.get("step", "")
        if status == SCHEDULED:
            running[name] = Recorded(order, SCHEDULED, details)
            found.append(running[name])
        elif status == SKIPPED:
            found.append(Recorded(order, SKIPPED, details))
        elif status in (COMPLETED, FAILED) and name in running:
            ended = running.pop(name)
            ended.outcome, ended.ended = details, order
        elif status == FAILED:  # the step did not run, or its alternative failed
            refused = "refused" in details or "unread" in details
            found.append(Recorded(order, REFUSED if refused else SKIPPED, details))
    numbers: dict[str, int] = {}
    for recorded in found:
        recorded.number = numbers.get(recorded.name, 0)
        numbers[recorded.name] = recorded.number + 1
    return found


def _details(text: str | None) -> dict[str, Any]:
    """The details of a step's marker; empty if the text is not one."""
    details = details_of(text)
    return details if isinstance(details.get("step"), str) else {}


def details_of(text: str | None) -> dict[str, Any]:
    """The details of a marker; empty if they are no object."""
    try:
        details = json.loads(text or "")
    except ValueError:
        return {}
    return details if isinstance(details, dict) else {}
