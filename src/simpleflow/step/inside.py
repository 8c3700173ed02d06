"""Whether the steps inside a done step are still done: it is done only while they are.

A run that skips a step does not reach the steps inside it. Their marks may be gone: an origin has removed them, in this
run or an earlier one, or somebody has. So the mark of a step tells of the steps inside it that ran or were skipped, and
of the names that each says it depends on (``marker_content``). The same holds for the steps of children inside that
depend on steps outside (``parts_in_children``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simpleflow.futures import Promise
from simpleflow.scopes import Scope
from simpleflow.step import parts_in_children, rules
from simpleflow.step.dependencies import Dependencies
from simpleflow.step.host import Host, submit
from simpleflow.step.ledger import Ledger
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.step.readings import Reading
from simpleflow.step.run_record import StepRun

_NONE: Mapping[str, Sequence[str]] = {}


class Inside:
    """Looks at the steps inside done steps."""

    def __init__(self, host: Host, marks: MarkActivities, ledger: Ledger, dependencies: Dependencies) -> None:
        self._host = host
        self._marks = marks
        self._ledger = ledger
        self._dependencies = dependencies

    def missing(self, run: StepRun, found: Reading | None, scope: Scope) -> str | Promise | None:
        """The name of a step inside that is not done any more, or is stale; None if there is none.

        Returns a promise to wait for if that is not known yet. ``found``: the mark of the step, if it was read;
        ``scope``: of its verdict.
        """
        read = found.mark.get("parts") if found is not None and found.mark is not None else None
        run.known_parts = parts = read or self._marks.listed.parts.get(run.name) or _NONE
        for name, after in parts.items():
            if name not in self._ledger.done:
                if not self._is_cycle(run, name):
                    return name
            elif others := self._others(run, name, after):
                stale = self._is_stale(run, name, others, scope.child(f"inside.{name}"))
                if isinstance(stale, Promise):
                    return stale
                if stale:
                    return name
        return self._missing_below(run, found, scope)

    def _missing_below(self, run: StepRun, found: Reading | None, scope: Scope) -> str | Promise | None:
        """The same for the steps of children inside that depend on steps outside."""
        read = found.mark.get("children") if found is not None and found.mark is not None else None
        run.below = groups = parts_in_children.of_mark(read or self._marks.listed.children.get(run.name))
        if not groups:
            return None
        awaited = self._dependencies.running_origin(run, parts_in_children.keys_at(groups, self._marks.location))
        if awaited is not None:
            return awaited
        comparing = submit(self._host, self._marks.compare_origins(run.name, {}, groups), scope.child("children"))
        if not comparing.done or comparing.failure is not None:
            return comparing
        every = (name for name, key in comparing.result["inside"] if not self._dependencies.forces_any(run, key))
        return next(every, None)

    def _others(self, run: StepRun, part: str, after: Sequence[str]) -> list[str]:
        """The patterns but for those that cover only ``run`` or steps around it: of these, the part is no dependent."""
        around = self._around(run)
        return [
            pattern
            for pattern in after
            if not any(rules.covers(pattern, name) for name in around)
            or self._dependencies.done_origins(run, part, pattern)
        ]

    @staticmethod
    def _around(run: StepRun) -> list[str]:
        return [run.name, *(each.name for each in run.enclosing)]

    def _is_stale(self, run: StepRun, part: str, after: Sequence[str], scope: Scope) -> bool | Promise:
        """True if the steps that ``part`` depends on have run since; a promise while that is not known."""
        dependencies = self._dependencies
        awaited = dependencies.running_origin(run, after)
        if awaited is not None:
            return awaited
        names = {each: dependencies.done_origins(run, part, each) for each in after}
        stale = self._compare(part, names, scope)
        if isinstance(stale, Promise):
            return stale
        # If the part ran outside of the steps around it, a pattern that covers these stood for them as well.
        more = {each: [name for name in self._around(run) if rules.covers(each, name)] for each in stale}
        if not (stale and all(more.values())):
            return bool(stale)
        wider = self._compare(part, {each: names[each] + more[each] for each in stale}, scope.child("around"))
        return wider if isinstance(wider, Promise) else bool(wider)

    def _compare(self, part: str, names: Mapping[str, list[str]], scope: Scope) -> list[str] | Promise:
        """Those of the patterns whose done ``names`` the part has not seen; a promise while that is not known."""
        origins = {each: [(*self._marks.location, found)] for each, found in names.items()}
        comparing = submit(self._host, self._marks.compare_origins(part, origins), scope)
        if not comparing.done or comparing.failure is not None:
            return comparing
        return list(comparing.result["stale"])

    def _is_cycle(self, run: StepRun, part: str) -> bool:
        """True if ``run`` forces a step that forces its ``part``: then it would never be done."""
        forces = self._marks.listed.forces
        forced = [name for name in forces if run.covers(name)] if run.dependents else ()
        return any(rules.covers(pattern, part) for name in forced for pattern in forces[name])
