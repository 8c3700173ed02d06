"""The steps that an execution hands up to the step around it, as ``parts_in_children`` describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simpleflow.scopes import Child
from simpleflow.step import parts_in_children, rules
from simpleflow.step.dependencies import Dependencies
from simpleflow.step.ledger import Ledger
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.step.run_record import StepRun


class HandedUp:
    """The steps that an execution hands up."""

    def __init__(self, ledger: Ledger, marks: MarkActivities, dependencies: Dependencies) -> None:
        self._ledger = ledger
        self._marks = marks
        self._dependencies = dependencies

    def groups(self, runs: Iterable[StepRun], children: Iterable[Child]) -> list[Any]:
        """The steps in these runs of steps and in these children, for the execution above."""
        own: dict[str, Any] = {}
        below: list[Any] = []
        for run in runs:
            for name, after in {run.name: run.after, **run.known_parts}.items():
                if origins := self._origins(run, name, after):
                    own[name] = origins
            below += run.below
        for child in children:
            below += child.inside
        return parts_in_children.fitting([[*self._marks.location, own], *below] if own else below)

    def _origins(self, run: StepRun, name: str, after: Sequence[str]) -> Mapping[str, Any]:
        """The marks of what ``name`` depends on, which is ``run`` or a part of it, by key."""
        here = self._dependencies
        found: dict[str, list[list[Any]]] = {
            key: [[*self._marks.location, here.done_origins(run, name, key)]] for key in after
        }
        for above in self._ledger.above:
            for key, (bucket, path, wanted) in above.marks(name, after).items():
                but = [each for each in above.inside if isinstance(wanted, str) and rules.covers(wanted, each)]
                found.setdefault(key, []).append([bucket, path, wanted, *([but] if but else [])])
        return found
