"""What the history already says of the steps of a run, for when ``run`` is evaluated again.

A verdict that was taken stands. Steps are met in another order then than they were played in, so their order, what each
forces, what it unmarked and who joined it are read from their markers.
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
    """One verdict. ``status`` is scheduled, skipped or refused; ``outcome`` is the marker with which the play ended.

    ``number`` counts the verdicts on one name, from 0; ``met``: this evaluation has come to it.
    """

    order: int
    status: str
    details: dict[str, Any]
    outcome: dict[str, Any] | None = None
    number: int = 0
    met: bool = False

    @property
    def name(self) -> str:
        return str(self.details["step"])

    @property
    def unmarks(self) -> list[str]:
        """The names whose marks it removed before its work."""
        return list(self.details.get("unmarks") or ())

    @property
    def joined(self) -> int:
        """How many submissions had joined the play when it ended."""
        return int(self.outcome.get("joined") or 0) if self.outcome else 0

    @property
    def extra(self) -> dict[str, Any]:
        """What the outcome says beyond the verdict, to be said again in the same words."""
        return {key: value for key, value in (self.outcome or {}).items() if key not in _VERDICT}

    def forces(self, name: str) -> bool:
        """Whether it is a play that forces ``name``."""
        patterns = self.details.get("forces") or () if self.status == SCHEDULED else ()
        return any(rules.covers(pattern, name) for pattern in patterns)


def read(markers: Iterable[str | None]) -> list[Recorded]:
    """The verdicts that the markers speak of, in order."""
    found: list[Recorded] = []
    playing: dict[str, Recorded] = {}
    for order, text in enumerate(markers):
        details = _details(text)
        status, name = details.get("status"), details.get("step", "")
        if status == SCHEDULED:
            playing[name] = Recorded(order, SCHEDULED, details)
            found.append(playing[name])
        elif status == SKIPPED:
            found.append(Recorded(order, SKIPPED, details))
        elif status in (COMPLETED, FAILED) and name in playing:
            playing.pop(name).outcome = details
        elif status == FAILED:  # it was not played, or its alternative failed
            refused = "refused" in details or "unread" in details
            found.append(Recorded(order, REFUSED if refused else SKIPPED, details))
    numbers: dict[str, int] = {}
    for recorded in found:
        recorded.number = numbers.get(recorded.name, 0)
        numbers[recorded.name] = recorded.number + 1
    return found


def _details(text: str | None) -> dict[str, Any]:
    """The details of a step's marker; empty if they are not a step's."""
    try:
        details = json.loads(text or "")
    except ValueError:
        return {}
    return details if isinstance(details, dict) and isinstance(details.get("step"), str) else {}
