"""The graph of which step forces which, and what follows from it.

A run of a step (the *origin*) forces every step that its ``force_steps_if_executed`` covers (its *dependents*), and
every step that says in ``after`` that it depends on it. From that follow three rules:

- A dependent waits for an origin that is running, or will run once what it waits for has ended, and then runs.
- A dependent whose latest origin failed is refused, and so are the dependents of that one.
- A dependent that ran while an origin began after it has worked with old data: its work is stale, and it is not marked.

Steps that enclose each other are no origin and dependent: neither could ever wait for the other. A dependent that would
wait in a circle (``waits``) does not wait either: it works with old data, and so its work is stale.

A run that the history holds and that this evaluation has not reached counts as well, as far as its markers tell. But
nothing can wait for it: it may be submitted only after the step that would wait.

Origins in the executions above this one, and origins that ran before a dependent was known, are a matter of the marks:
see ``origins``.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence

from simpleflow.futures import Promise
from simpleflow.step import rules
from simpleflow.step.constants import DEPENDENT_OF, FAILED, SCHEDULED
from simpleflow.step.ledger import Ledger
from simpleflow.step.origins import Above
from simpleflow.step.recorded_verdicts import Recorded
from simpleflow.step.run_record import StepRun
from simpleflow.step.waits import Waits

_MOST = 8_000  # characters of names that are handed down to a child: its input has to fit into a field


class Dependencies:
    """Which runs force which steps, which steps wait, and whose marks are being written."""

    def __init__(self, ledger: Ledger) -> None:
        self.waits = Waits()
        self.marking: dict[StepRun, Promise] = {}  # runs whose mark is being written, and what ends with the writing
        self._removing: dict[StepRun, tuple[Collection[str], Promise]] = {}  # the names whose marks runs are removing
        self._ledger = ledger
        self._refused: set[StepRun] = set()
        self._passed: dict[StepRun, str] = {}  # steps that cannot wait for an origin that runs, and its name
        self._origins: dict[str, dict[StepRun, None]] = {}  # by pattern, the runs that force it
        self._ran: dict[str, StepRun | list[StepRun]] = {}  # by name, the runs of steps: nearly always the only one
        self._ran_names = rules.Names(members=self._ran)
        self._after: dict[str, dict[StepRun, None]] = {}  # by pattern, the submissions that say they depend on it
        self._known = ledger.verdicts  # the names of all steps that were submitted
        self._inside: dict[str, list[StepRun]] = {}  # by name, the submissions that are a part of another step
        self._inside_names = rules.Names(members=self._inside)
        self._declared: dict[str, list[StepRun]] = {}  # by name, the submissions of steps that say what they force

    def submitted(self, run: StepRun) -> None:
        """A step was submitted."""
        self._known.setdefault(run.name, 0)
        for pattern in run.after:
            self._after.setdefault(pattern, {})[run] = None
        if run.enclosing:
            self._inside_names.add(run.name)
            self._inside.setdefault(run.name, []).append(run)
        if run.dependents:
            self._declared.setdefault(run.name, []).append(run)

    def add(self, run: StepRun) -> None:
        """A step is going to run: from now on its dependents are forced."""
        for pattern in run.dependents:
            self._ledger.forced.add(pattern, DEPENDENT_OF + run.name, always=True)
            self._origins.setdefault(pattern, {})[run] = None
        self._ran_names.add(run.name)
        before = self._runs_of(run.name)
        self._ran[run.name] = [*before, run] if before else run

    def add_refused(self, run: StepRun) -> None:
        """A step is refused: its dependents are forced, and so refused, but what they have done is not stale."""
        self._refused.add(run)
        self.add(run)

    def remove(self, run: StepRun) -> None:
        """A step that was going to run is left to another run, which has done it."""
        left = [each for each in self._runs_of(run.name) if each is not run]
        if left:
            self._ran[run.name] = left
        else:
            self._ran_names.discard(run.name)
            self._ran.pop(run.name, None)
        if (written := self.marking.pop(run, None)) is not None:
            written.finish()
        self.end_removal(run)

    def _runs_of(self, name: str) -> Sequence[StepRun]:
        ran = self._ran.get(name, ())
        return (ran,) if isinstance(ran, StepRun) else ran

    @property
    def is_quiet(self) -> bool:
        """True if no step has a bearing on another, as far as is known: none forces one, waits, or is being marked."""
        return not (self._origins or self._after or self.waits.awaited or self.marking or self._ledger.catching_up)

    # Origins of a step

    def _origins_of(self, run: StepRun) -> list[StepRun]:
        if not (self._origins or run.after):
            return []
        found = {
            origin: None
            for pattern in rules.patterns_covering(run.name)
            for origin in self._origins.get(pattern, ())
            if origin is not run and origin not in run.enclosing and run not in origin.enclosing
        }
        return [*found, *(origin for origin in self._ran_before(run) if origin not in found)]

    def _ran_before(self, run: StepRun) -> Iterator[StepRun]:
        """The runs of steps of which ``run`` says that it depends on them."""
        for name in dict.fromkeys(name for pattern in run.after for name in self._ran_names.covered_by(pattern)):
            if name != run.name:
                yield from (
                    origin
                    for origin in self._runs_of(name)
                    if origin not in run.enclosing and run not in origin.enclosing
                )

    def forced_by(self, run: StepRun) -> list[str]:
        """The reasons that force ``run`` and that no forced name gives.

        It says on which steps it depends, or an origin of it was not reached.
        """
        origins = [*(origin.name for origin in self._ran_before(run)), *self._unreached_origins(run)]
        return [DEPENDENT_OF + name for name in dict.fromkeys(origins)]

    def _unreached_origins(self, run: StepRun) -> dict[str, Recorded]:
        """By name, the latest runs of its origins that the history holds and that were not reached."""
        if not self._ledger.catching_up:
            return {}
        return {each.name: each for each in self._ledger.unreached_runs() if _forces(each, run)}

    def origin_marks(self, run: StepRun) -> dict[str, list[str]]:
        """The done names that ``run`` says it depends on, by pattern."""
        around = {each.name for each in run.enclosing} | {run.name}
        return {
            pattern: [name for name in self._ledger.done.covered_by(pattern) if name not in around]
            for pattern in run.after
        }

    def done_origins(self, run: StepRun, part: str, pattern: str) -> list[str]:
        """The done names that ``part``, a step inside ``run``, says it depends on with that pattern."""
        around = {each.name for each in run.enclosing} | {run.name, part}
        return [name for name in self._ledger.done.covered_by(pattern) if name not in around]

    def forces_any(self, run: StepRun, pattern: str) -> bool:
        """True if ``run`` forces one of the steps that the pattern covers, as far as they are known."""
        if not pattern:
            return False
        names = {*self._ledger.done.covered_by(pattern), *(name for name in self._known if rules.covers(pattern, name))}
        after = {each.name for each in self._submitted_after(run)}
        return any(run.covers(name) or name in after for name in names)

    def running_origin(self, run: StepRun, patterns: Collection[str]) -> StepRun | None:
        """A step that the patterns cover, that is running, and that ``run`` can wait for."""
        around = run.enclosing | {run}
        for name in dict.fromkeys(name for pattern in patterns for name in self._ran_names.covered_by(pattern)):
            for origin in self._runs_of(name):
                beside = origin not in around and run not in origin.enclosing
                if beside and not origin.done and not self.waits.leads_to(origin, around):
                    return origin
        return None

    def unfinished_origin(self, run: StepRun) -> StepRun | None:
        """An origin of ``run`` that is running, or waits and may run later."""
        if not (self._origins or run.after or self.waits.awaited):
            return None
        around = run.enclosing | {run}
        self._passed.pop(run, None)
        for origin in self._origins_of(run):
            if not origin.done:
                if not self.waits.leads_to(origin, around):
                    return origin
                self._passed[run] = origin.name
        for other in self.waits.that_may_force(run):
            if other.done or other is run or not other.forces(run):
                continue
            if not self.waits.leads_to(other, around):
                return other
        return None

    def passed_origin(self, run: StepRun) -> str | None:
        """The name of an origin that is running and that waits for ``run``: the work of ``run`` will be stale."""
        return self._passed.get(run)

    def unreached_origin(self, run: StepRun) -> str | None:
        """The name of an origin that the history holds, that has not ended, and that was not reached."""
        if not self._ledger.catching_up:
            return None
        names = (each.name for each in self._ledger.unreached_runs() if each.outcome is None and _forces(each, run))
        return next(names, None)

    def failed_origin(self, run: StepRun) -> str | None:
        """The name of an origin whose latest run failed."""
        latest, unreached = self._ledger.latest, self._unreached_origins(run)
        for origin in self._origins_of(run):
            if origin.failed and latest[origin.name] is origin:
                recorded = unreached.get(origin.name)
                if recorded is None or recorded.order < origin.order:
                    return origin.name
        for name, recorded in unreached.items():
            is_latest = name not in latest or latest[name].order < recorded.order
            if is_latest and (recorded.outcome or {}).get("status") == FAILED:
                return name
        return None

    def why_stale(self, run: StepRun) -> str | None:
        """Why the work of ``run`` is stale, or that of a step inside it, without which it is not done; None if not."""
        origin = self._later_origin(run)
        for part in run.parts_that_count() if origin is None else ():
            if part.stale is not None:
                return part.stale
            origin = origin or self._ledger.removed_since(part)
        return None if origin is None else DEPENDENT_OF + origin

    def _later_origin(self, run: StepRun) -> str | None:
        """The name of an origin that began after ``run``: the work of ``run`` is stale."""
        if not (self._origins or run.after or self._ledger.catching_up):
            return None
        origins = (origin for origin in self._origins_of(run) if origin.order > run.order)
        reached = (origin.name for origin in origins if origin not in self._refused)
        unreached = (
            each.name for each in self._ledger.unreached_runs() if each.order > run.order and _forces(each, run)
        )
        return next(reached, None) or next(unreached, None)

    # Dependents of a step

    def unreached_dependents(self, run: StepRun) -> list[Recorded]:
        """Runs of its dependents that the history holds, that have not ended, and that were not reached."""
        return [
            each
            for each in self._ledger.unreached_runs()
            if each.outcome is None and (run.covers(each.name) or each.is_after(run.name))
        ]

    def made_stale_by(self, run: StepRun) -> list[str]:
        """The done names, sorted, whose marks have to be removed before the work of ``run``."""
        done = self._ledger.done
        names = {run.name} if run.name in done else set()
        for pattern in run.dependents:
            names.update(done.covered_by(pattern))
        after = {each.name for each in self._submitted_after(run)}
        names.update(name for name in after if name in done)
        around = self._around_dependents(run)
        for recorded in self._ledger.recorded:  # marks that another run is just removing may still be there
            if recorded.outcome is None:
                mine = {run.name} | after | around
                names.update(name for name in recorded.unmarks if run.covers(name) or name in mine)
        names.update(recorded.name for recorded in self.unreached_dependents(run))
        if self._ledger.catching_up:
            unreached = (each for each in self._ledger.recorded if not each.reached and each.is_after(run.name))
            names.update(each.name for each in unreached if each.name in done)
        # One that is running will see at its end if a step inside it is stale, but its old mark may still be there.
        names.update(name for name in around if name in done)
        return sorted(names - {each.name for each in run.enclosing})

    def _around_dependents(self, run: StepRun) -> set[str]:
        """The names of the steps that a dependent of ``run`` is a part of, and that are not done while it is not."""
        chains: list[Collection[str]] = []
        if self._inside:
            names = {name for pattern in run.dependents for name in self._inside_names.covered_by(pattern)}
            names.update(each.name for each in self._submitted_after(run) if each.name in self._inside_names)
            parts = [part for name in names for part in self._inside[name]]
            chains += [part.inside for part in parts if part.verdict.run or not part.verdict.forced]
        if self._ledger.catching_up:
            chains += [
                recorded.details.get("inside") or ()
                for recorded in self._ledger.recorded
                if not recorded.reached and (run.covers(recorded.name) or recorded.is_after(run.name))
            ]
        # Where one of them forces ``run`` in turn, neither would ever be done. So it stays, and those around it too.
        return {
            name for chain in chains for name in itertools.takewhile(lambda each: not self._is_origin(each, run), chain)
        }

    def _is_origin(self, name: str, run: StepRun) -> bool:
        if run.is_after(name) or any(each.covers(run.name) for each in self._declared.get(name, ())):
            return True
        return any(each.name == name and each.forces(run.name) for each in self._ledger.recorded)

    def mark_being_written(self, run: StepRun) -> Promise | None:
        """A step whose mark is being written and made stale: its run, or only the writing if the run was cancelled."""
        around = self._around_dependents(run) if self.marking else ()
        for other, written in self.marking.items():
            if other not in run.enclosing and (run.forces(other) or other.name in around):
                return written if other.done else other
        return None

    def begin_removal(self, run: StepRun, names: Collection[str]) -> None:
        """``run`` has begun to remove these marks with an activity; ``end_removal`` has to follow."""
        self._removing[run] = names, Promise()

    def end_removal(self, run: StepRun) -> None:
        """The activity has ended, if there was one."""
        if (removing := self._removing.pop(run, None)) is not None:
            removing[1].finish()

    def mark_being_removed(self, run: StepRun) -> Promise | None:
        """What ends with the removal of the mark of ``run`` by another step."""
        return next((removed for names, removed in self._removing.values() if run.name in names), None)

    def _submitted_after(self, run: StepRun) -> Iterator[StepRun]:
        """The submissions so far that say they depend on ``run``."""
        if self._after:
            for pattern in rules.patterns_covering(run.name):
                yield from (
                    each for each in self._after.get(pattern, ()) if each.name != run.name and each not in run.enclosing
                )

    # Origins of children

    def handed_down(self, enclosing: Collection[StepRun], here: Above) -> Above:
        """``here``, with what a child inside ``enclosing`` has to know of the steps of this execution."""
        unreached = list(self._ledger.unreached_runs())
        forces: dict[str, dict[str, None]] = {}
        for name, submissions in self._declared.items():
            forces[name] = dict.fromkeys(pattern for each in submissions for pattern in each.dependents)
        for recorded in unreached:
            forces.setdefault(recorded.name, {}).update(dict.fromkeys(recorded.details.get("forces") or ()))
        forces = _cut({name: patterns for name, patterns in forces.items() if patterns}, self._known)
        failed = {name for name in self._ran if max(self._runs_of(name), key=lambda run: run.order).failed}
        failed |= {each.name for each in unreached if (each.outcome or {}).get("status") == FAILED}
        ran = {*self._ran, *(each.name for each in unreached)}
        return here._replace(
            forces={name: tuple(forces[name]) for name in sorted(forces)},
            ran=tuple(sorted(name for name in forces if name in ran)),
            failed=tuple(sorted(failed)),
            inside=tuple(sorted(each.name for each in enclosing)),
        )


def _cut(forces: dict[str, dict[str, None]], known: Collection[str]) -> dict[str, dict[str, None]]:
    """The patterns by name. If they are very many, those that are names of steps of this execution are left out."""
    if sum(len(name) + sum(map(len, patterns)) for name, patterns in forces.items()) <= _MOST:
        return forces
    kept = {name: {each: None for each in patterns if each not in known} for name, patterns in forces.items()}
    return {name: patterns for name, patterns in kept.items() if patterns}


def _forces(recorded: Recorded, run: StepRun) -> bool:
    """True if a recorded run forces ``run``: one of the two says so."""
    return recorded.forces(run.name) or (recorded.status == SCHEDULED and run.is_after(recorded.name))
