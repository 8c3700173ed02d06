"""When the verdict on a step can be taken, and what it is.

Theory of operation
-------------------
A verdict is taken in two phases. First everything that has a bearing on it must have ended; only then the rules are
applied (``rules.verdict``). A verdict waits for:

1. an earlier submission of the same name that is still running: this one joins it and takes no verdict; or one that is
   being skipped, and whose marker is not recorded yet: ``run`` may be evaluated anew before that, and come to another
   verdict. So a reading that is kept under the number of a verdict belongs to that verdict, and the markers of one
   name are in the order of its submissions;
2. an origin (a step that forces this one) that is running, or may run once what it waits for has ended: otherwise this
   step would be skipped, or would work with old data, although the origin is about to change that;
3. the writing of a mark that this step would make stale if it runs: otherwise the mark would be written after it was
   removed. This holds for a writing that only the history knows of, too. It also waits while another step that runs
   removes the mark of this one: until then, its name counts as done;
4. its own mark, if the mark's fingerprint, the result that it keeps or the steps inside it decide what to do, the files
   of its fingerprint and its outputs (``readings``), and the marks of its origins and of those of the steps inside, if
   it compares them (``origins``, ``inside``);
5. the claim on the step, where other workflow runs share the marks.

After each wait the scheduler starts again from the top, since what has ended may have changed every other answer.
Nothing waits in a circle: the scheduler passes over an origin that itself waits for this step (``dependencies``).

A step that is left out, since only some others are to run, waits for 1 alone: other steps change nothing for it.

A verdict that the history holds is not taken again: it is carried out as it was recorded. New verdicts come after the
recorded ones (see ``ledger``): the step's life waits with them until the evaluation is idle.

The scheduler returns what is next as a value. It carries out nothing, except that it starts the activities that a wait
is for: reading a mark (4) and claiming (5).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from simpleflow.exceptions import InputError, TaskFailed
from simpleflow.futures import Promise
from simpleflow.named_tuple import NamedTuple
from simpleflow.scopes import Scope
from simpleflow.step import changes, constants, fingerprints, made_with, rules
from simpleflow.step.claiming import Claiming
from simpleflow.step.dependencies import Dependencies
from simpleflow.step.handed_up import HandedUp
from simpleflow.step.host import Host, scope_label, submit
from simpleflow.step.inside import Inside
from simpleflow.step.ledger import Ledger
from simpleflow.step.made_with import MadeWith, parse
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.step.marks_ahead import MarksAhead
from simpleflow.step.one_work import OneWork
from simpleflow.step.origins import ORIGINS, Above, Marks
from simpleflow.step.reading_tasks import Wanted
from simpleflow.step.readings import Reading, Readings
from simpleflow.step.recorded_verdicts import Recorded
from simpleflow.step.run_record import StepRun
from simpleflow.step.until import Until


class Wait(NamedTuple):
    """Ask again once the promise is final."""

    promise: Promise


class Join(NamedTuple):
    """The same step is running, or has run under this verdict: end as that run does."""

    run: StepRun


class Postpone(NamedTuple):
    """Leave the step to the execution that continues this one, or to the next run, since this one stops."""


class Begin(NamedTuple):
    """Run or skip the step, as the verdict says; ``stale``: why the work is stale from the start, if it is."""

    verdict: rules.Verdict
    recorded: Recorded | None = None
    stale: str | None = None


class Refuse(NamedTuple):
    """Let the step fail without running: its ``origin`` failed."""

    verdict: rules.Verdict
    origin: str
    recorded: Recorded | None = None


class Fail(NamedTuple):
    """Let the step fail without running: its mark could not be read, or the step not be claimed."""

    verdict: rules.Verdict
    failure: BaseException
    recorded: Recorded | None = None


Verdict = Begin | Refuse | Fail
Next = Wait | Join | Postpone | Verdict


class Scheduler:
    """Gives the next action for each submission of a step, until its verdict can be taken."""

    def __init__(self, host: Host, ledger: Ledger, marks: MarkActivities) -> None:
        self.ledger = ledger
        self.marks = marks
        self.dependencies = Dependencies(ledger)
        self.claiming = Claiming(host, marks, ledger)
        self.one_work = OneWork(host, self.made_with, lambda name: marks.listed.find(name))
        self.until = Until(host, ledger)
        self.ahead = MarksAhead(host, marks, ledger)
        self._readings = Readings(host, marks)
        self.handed_up = HandedUp(ledger, marks, self.dependencies)
        self._inside = Inside(host, marks, ledger, self.dependencies)
        self._host = host
        self._executor = host.executor

    def next(self, run: StepRun) -> Next:
        """The next thing to do for a submission without a verdict. Raises InputError for a step inside itself."""
        ledger, dependencies = self.ledger, self.dependencies
        latest = ledger.latest.get(run.name)
        if latest in run.enclosing:
            raise InputError(f"step {run.name!r} stands inside itself")
        if latest is not None and not latest.done:
            return Join(latest)
        recorded = ledger.recorded_verdict(run.name)
        if recorded is not None:
            return Join(ledger.latest[run.name]) if recorded.reached else _as_recorded(recorded)
        if self.until.is_asked_for:
            self.until.settle()
            if self.until.holds(run):
                return Postpone()
        if self._executor.filling and ledger.has_progressed and not run.enclosing:
            return Postpone()
        if (skipping := self._skipping_before(run)) is not None:
            return Wait(skipping)
        if ledger.request.only and ledger.request.leaves_out(run.name, (each.name for each in run.enclosing)):
            return Begin(rules.LEFT_OUT)
        is_quiet = dependencies.is_quiet
        if not is_quiet:
            awaited = (
                dependencies.unfinished_origin(run)
                or dependencies.mark_being_written(run)
                or dependencies.mark_being_removed(run)
                or self._unreached_writing(run)
            )
            if awaited is not None:
                return Wait(awaited)
            origin = dependencies.failed_origin(run)
            if origin is not None:
                claim = self.claiming.latest_try(run)
                if claim is not None and not claim.done:
                    return Wait(claim)  # once it is granted, the refused step gives it up
                return _refuse(origin)
        for each in ledger.above:
            if (above := each.failed_origin(run.name, run.after)) is not None:
                return _refuse(above)
        return self._judge(run, is_quiet)

    def origins(self, run: StepRun) -> dict[str, Marks]:
        """The marks of the origins that the mark of ``run`` tells of, by key: see ``origins``."""
        above = self.ledger.above
        if not (run.after or above):
            return {}
        own = self.dependencies.origin_marks(run)
        found: dict[str, Marks] = {key: [(*self.marks.location, names)] for key, names in own.items()}
        for each in above:
            for key, marks in each.marks(run.name, run.after).items():
                found.setdefault(key, []).append(marks)
        return found

    def handed_down(self) -> Mapping[str, Any]:
        """The facts about the steps here and above for a child that is submitted now."""
        self.marks.hand_down_claims()
        scope = self._host.executor.scope
        enclosing = [owner for owner in scope.owners() if isinstance(owner, StepRun)]
        here = self.dependencies.handed_down(enclosing, Above(*self.marks.location))
        names = [each.name for each in enclosing]
        further = self.ledger.request.hands_down(names, self.until.hands_down(names))
        return {ORIGINS: [each.to_json() for each in (*self.ledger.above, here)], **further}

    def _unreached_writing(self, run: StepRun) -> Promise | None:
        """The writing of a mark that this step would make stale, by a run that this evaluation has not reached."""
        for recorded in self.dependencies.unreached_dependents(run):
            marking = self.marks.mark(recorded.name)
            scope = Scope(scope_label(recorded.name, recorded.number))
            if self._executor.is_recorded(marking.activity, scope):
                promise = submit(self._host, marking, scope)
                if not promise.done:
                    return promise
        return None

    def _judge(self, run: StepRun, is_quiet: bool) -> Next:
        """Apply the rules; read the mark first where it decides, and claim the step if it is going to run.

        ``is_quiet``: no other step has a bearing on it, as far as is known.
        """
        step, done = run.step, run.name in self.ledger.done
        verdict = self._verdict(run, done)
        found: Reading | None = None
        looks_inside = done and not (verdict.run or self.marks.reads_all) and step.holds_steps()
        if (
            step.fingerprint is not None
            or step.ready_made is not None
            or step.outputs
            or step.keep_result
            or looks_inside
        ):
            reading = self._read(run, verdict, done, looks_inside)
            if isinstance(reading, Promise):
                return _wait_or_fail(reading)
            found = reading
        if step.ready_made is not None:
            longest = fingerprints.MAX_BESIDE_RESULT if step.keep_result else fingerprints.MAX_WHOLE
            states = () if found is None else found.files
            run.fingerprint = step.ready_made.text(self.made_with(run), states, longest)
        if done and not verdict.run:
            done = found is None or found.mark is not None
            changed = [] if verdict.forced or not done else self._changed(run, found)
            listed = self.marks.listed
            looks_inside = looks_inside or run.name in listed.parts or run.name in listed.children
            if looks_inside and done and not verdict.forced and self.ledger.is_from_before(run.name):
                inside = self._inside.missing(run, found, self._next_scope(run))
                if isinstance(inside, Promise):
                    return _wait_or_fail(inside)
                changed += [] if inside is None else [constants.PART_MISSING + inside]
            if not done or changed:
                verdict = self._verdict(run, done, changed)
        compares = bool(run.after or self.ledger.above) and done and not (verdict.run or verdict.forced)
        if compares and (origins := self.origins(run)):
            comparing = submit(self._host, self.marks.compare_origins(run.name, origins), self._next_scope(run))
            if not comparing.done or comparing.failure is not None:
                return _wait_or_fail(comparing)
            verdict = self._verdict(
                run, done, stale=[constants.DEPENDENT_OF + key for key in comparing.result["stale"]]
            )
        if verdict.run and made_with.NOT_KEPT in self.made_with(run).arguments:
            made_with.check_known(run.step.calls())  # before anything has begun
        if verdict.run and self.marks.claims:
            claimed = self.claiming.claim(run, verdict, self._changes)
            if isinstance(claimed, Promise):
                return _wait_or_fail(claimed)
            verdict = claimed
        if is_quiet:
            return Begin(verdict)
        origin = self.dependencies.unreached_origin(run) or self.dependencies.passed_origin(run)
        return Begin(verdict, stale=None if origin is None else constants.DEPENDENT_OF + origin)

    def _skipping_before(self, run: StepRun) -> StepRun | None:
        """An earlier submission of the same name that is being skipped, and whose marker is not recorded yet."""
        skipping = self.ledger.skipping.get(run.name)
        if skipping is None or skipping.done or self.dependencies.waits.leads_to(skipping, run.enclosing | {run}):
            return None
        return skipping

    def _read(self, run: StepRun, verdict: rules.Verdict, done: bool, looks_inside: bool) -> Reading | Promise | None:
        """The reading for the verdict (mark, files, outputs), or a promise to wait for; None if it depends on none.

        ``looks_inside``: its mark may tell of steps inside it, and was not read when the marks were listed.
        """
        step, is_skipped = run.step, done and not verdict.run
        has_fingerprint = step.ready_made is not None or step.fingerprint is not None
        is_open = is_skipped and not verdict.forced
        ready_made = step.ready_made
        # If it is forced, nothing is compared. But if it runs, its mark tells the files that it was made with.
        patterns = ready_made.patterns if ready_made is not None and (verdict.run or is_open) else []
        outputs = step.outputs if is_open else []
        reads_mark = is_open and (has_fingerprint or bool(outputs) or looks_inside)
        is_alone = is_skipped and not (patterns or outputs)
        if is_alone and (step.keep_result or reads_mark) and self.ahead.serves(run.name):
            found = self.ahead.find(run.name)
            return found if isinstance(found, Promise) else Reading(found)
        if is_alone and step.keep_result:
            reading = submit(self._host, self.marks.get_mark(run.name), self._next_scope(run))
            return Reading(reading.result) if reading.done and reading.failure is None else reading
        if not (patterns or reads_mark):
            return None
        wanted = Wanted(run.name, reads_mark, patterns, outputs)
        return self._readings.find(wanted, self.ledger.next_number(run.name))

    def _changed(self, run: StepRun, found: Reading | None) -> list[str]:
        """The reasons to run a step although it is done; ``found``: its mark, if it was read."""
        step, changed = run.step, []
        before = self.marks.listed.find(run.name) if found is None or found.mark is None else None
        if found is not None and found.mark is not None:
            before = parse(found.mark.get("made_with"))
            fingerprint = found.mark["fingerprint"]
            if step.ready_made is not None and fingerprint != run.fingerprint:
                calls, now = step.calls(), run.fingerprint or ""
                changed += fingerprints.differences(fingerprint, now, self.made_with(run), calls)
            elif step.ready_made is None and step.fingerprint not in (None, fingerprint):
                changed.append(constants.INPUTS_CHANGED)
            changed += [constants.OUTPUT_MISSING + each for each in found.missing]
        if before is not None and self.ledger.is_from_before(run.name):
            changed += self._changes(run, before)
        return changed

    def made_with(self, run: StepRun) -> MadeWith:
        """The inputs of a step."""
        if run.made_with is None:
            run.made_with = made_with.of_calls(run.step.calls(), made_with.file_of(type(self._host)))
        return run.made_with

    def _changes(self, run: StepRun, before: MadeWith) -> list[str]:
        """Note how the step differs from what it was ``before``. Returns the reasons to run it, if there are any."""
        if self.marks.changes == changes.IGNORE:
            return []
        now = self.made_with(run)
        if before == now:
            run.made_with = before  # so that there are not two of the same texts
            if run.changes is not None:
                run.changes = None
        else:
            run.changes = changes.compare(before, now, run.step.calls())
        return run.changes.reasons() if run.changes is not None and self.marks.changes == changes.RUN else []

    def _verdict(
        self, run: StepRun, done: bool, changed: Collection[str] = (), stale: Collection[str] = ()
    ) -> rules.Verdict:
        ledger = self.ledger
        requested = ledger.forced.count or ledger.skipped.count or ledger.request.only or run.step.force
        if not (requested or run.after or ledger.catching_up):  # nearly always
            return rules.verdict(run.name, done=done, changed=changed, stale=stale)
        forced = ledger.forcing(run.name, run.forced_count)
        if (run.after or ledger.catching_up) and (reasons := self.dependencies.forced_by(run)):
            forced[run.name] = [*forced.get(run.name, ()), *reasons]
        return rules.verdict(
            run.name,
            force=bool(run.step.force),
            forced=forced,
            skipped=ledger.skipped.covering(run.name, run.skipped_count),
            done=done,
            changed=changed,
            stale=stale,
            only=ledger.request.only_reasons(run.name),
        )

    def _next_scope(self, run: StepRun) -> Scope:
        return Scope(scope_label(run.name, self.ledger.next_number(run.name)))


def _refuse(origin: str) -> Refuse:
    return Refuse(rules.Verdict(False, True, (constants.DEPENDENT_OF + origin,)), origin)


def _wait_or_fail(promise: Promise) -> Wait | Fail:
    failure = promise.failure if promise.done else None
    return Wait(promise) if failure is None else Fail(rules.Verdict(False, False), failure)


def _as_recorded(recorded: Recorded) -> Verdict:
    """The verdict that the history holds."""
    details = recorded.details
    run = recorded.status == constants.SCHEDULED
    verdict = rules.Verdict(run, bool(details.get("forced")), tuple(details.get("reasons") or ()))
    if recorded.status != constants.REFUSED:
        return Begin(verdict, recorded, details.get("stale"))
    if details.get("refused") is not None:
        return Refuse(verdict, details["refused"], recorded)
    return Fail(verdict, TaskFailed(recorded.name, details.get("error")), recorded)
