"""The graph of which step forces which, and what follows from it.

A run of a step (the *origin*) forces every step that its ``force_steps_if_executed`` covers (its *dependents*). From
that follow three rules:

- A dependent waits for an origin that is running, or will run once what it waits for has ended, and then runs.
- A dependent whose latest origin failed is refused.
- A dependent that ran while an origin began after it has worked with old data: its work is stale, and it is not marked.

Steps that enclose each other are no origin and dependent: neither could ever wait for the other.

A run that the history holds and that this evaluation has not reached counts as well, as far as its markers tell. But
nothing can wait for it: it may be submitted only after the step that would wait.
"""

from __future__ import annotations

from collections.abc import Collection

from simpleflow.futures import Promise
from simpleflow.step import rules
from simpleflow.step.constants import DEPENDENT_OF
from simpleflow.step.ledger import Ledger
from simpleflow.step.recorded_verdicts import Recorded
from simpleflow.step.run_record import StepRun


class Dependencies:
    """Which runs force which steps, which steps wait, and whose marks are being written."""

    def __init__(self, ledger: Ledger) -> None:
        self.waiting: dict[StepRun, Promise] = {}  # steps whose verdict has to wait, and for what
        self.marking: dict[StepRun, Promise] = {}  # runs whose mark is being written, and what ends with the writing
        self._ledger = ledger
        self._origins: dict[str, dict[StepRun, None]] = {}  # by pattern, the runs that force it

    def add(self, run: StepRun) -> None:
        """A step is going to run: from now on its dependents are forced."""
        for pattern in run.dependents:
            self._ledger.forced.add(pattern, DEPENDENT_OF + run.name, always=True)
            self._origins.setdefault(pattern, {})[run] = None

    @property
    def is_quiet(self) -> bool:
        """True if no step has a bearing on another, as far as is known: none forces one, waits, or is being marked."""
        return not (self._origins or self.waiting or self.marking or self._ledger.catching_up)

    # Origins of a step

    def _origins_of(self, run: StepRun) -> list[StepRun]:
        if not self._origins:
            return []
        return [
            origin
            for pattern in rules.patterns_covering(run.name)
            for origin in self._origins.get(pattern, ())
            if origin is not run and origin not in run.enclosing and run not in origin.enclosing
        ]

    def unfinished_origin(self, run: StepRun) -> StepRun | None:
        """An origin of ``run`` that is running, or waits and may run later."""
        if not self._origins and not self.waiting:
            return None
        for origin in self._origins_of(run):
            if not origin.done:
                return origin
        for other in self.waiting:
            if other.done or other is run or not other.forces(run.name):
                continue
            if not self._waits_for(other, run.enclosing | {run}):
                return other
        return None

    def _waits_for(self, run: StepRun, others: Collection[StepRun]) -> bool:
        """True if ``run`` waits, directly or not, for one of ``others``, or is a part of one."""
        awaited: Promise | None = run
        while awaited is not None:
            if not isinstance(awaited, StepRun):  # an activity: it waits for nothing
                return False
            if awaited in others or not awaited.enclosing.isdisjoint(others):
                return True
            awaited = self.waiting.get(awaited)
        return False

    def unreached_origin(self, run: StepRun) -> str | None:
        """The name of an origin that the history holds, that has not ended, and that was not reached."""
        names = (each.name for each in self._ledger.unreached_runs() if each.outcome is None and each.forces(run.name))
        return next(names, None)

    def failed_origin(self, run: StepRun) -> StepRun | None:
        """An origin whose latest run failed."""
        latest = self._ledger.latest
        return next((each for each in self._origins_of(run) if each.failed and latest[each.name] is each), None)

    def later_origin(self, run: StepRun) -> str | None:
        """The name of an origin that began after ``run``: the work of ``run`` is stale."""
        if not self._origins and not self._ledger.catching_up:
            return None
        reached = (origin.name for origin in self._origins_of(run) if origin.order > run.order)
        unreached = (
            each.name for each in self._ledger.unreached_runs() if each.order > run.order and each.forces(run.name)
        )
        return next(reached, None) or next(unreached, None)

    # Dependents of a step

    def unreached_dependents(self, run: StepRun) -> list[Recorded]:
        """Runs of its dependents that the history holds, that have not ended, and that were not reached."""
        return [each for each in self._ledger.unreached_runs() if each.outcome is None and run.forces(each.name)]

    def made_stale_by(self, run: StepRun) -> list[str]:
        """The done names, sorted, whose marks have to be removed before the work of ``run``."""
        done = self._ledger.done
        names = {run.name} if run.name in done else set()
        for pattern in run.dependents:
            names.update(done.covered_by(pattern))
        for recorded in self._ledger.recorded:  # marks that another run is just removing may still be there
            if recorded.outcome is None:
                names.update(name for name in recorded.unmarks if run.forces(name))
        names.update(recorded.name for recorded in self.unreached_dependents(run))
        return sorted(names - {each.name for each in run.enclosing})

    def mark_being_written(self, run: StepRun) -> Promise | None:
        """A dependent whose mark is being written: its run, or only the writing if the run was cancelled meanwhile."""
        for other, written in self.marking.items():
            if other not in run.enclosing and run.forces(other.name):
                return written if other.done else other
        return None
