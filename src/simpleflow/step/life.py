"""The life of a step, from its submission to its end.

Theory of operation
-------------------
The life of a step is one generator, ``Life.phases``: read it from top to bottom. It yields each promise that it waits
for and is resumed, with that promise, once the promise is final. In order:

1. List the done steps, once in a workflow run.
2. Wait for everything that has a bearing on the verdict, then take it (``scheduler``). Where other workflow runs share
   the marks, this claims the step and removes its own mark.
3. If the step runs: record the marker ``scheduled``; remove the marks that this makes stale; work; write the mark,
   which gives up the claim; record the marker ``completed``. Where other workflow runs share the marks, they may have
   written marks during the work that it makes stale: writing the mark removes them first (``stale_marks``).
4. If it is skipped: read what the mark keeps, if the step keeps results; run the alternative; record ``skipped``.
5. Send the signal.

If anything fails, the step records the marker ``failed``, gives up its claim and ends there.

Crash safety comes from the order in 3. Marks that become stale are removed before the work begins: after a crash at any
instant their steps are not done, and the next workflow run runs them. The mark is written after the work and before
``completed``: if the history says that a step has completed and names no reason against the mark, the mark was written.

The same generator runs each time ``run`` is evaluated again. It submits the same activities in the same scope, so it
gets the recorded results, and it records the same markers, which the history knows already. Two things make up for
what an evaluation cannot know when it begins (see ``ledger``): it uses the recorded verdict and outcome where there are
any (``self._recorded``), and it waits until the evaluation is idle before it does anything new.

Cancelling the future of a step ends its promise at once. A step that had not begun then never begins. One that had goes
on: its work may be half done, and only its marker tells later evaluations and runs how it ended.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from simpleflow.base import Scope, Submittable
from simpleflow.exceptions import AggregateException, TaskFailed
from simpleflow.futures import FINISHED, Promise, promise_of
from simpleflow.step import constants, mark, marker_content, recorded_verdicts, report, rules
from simpleflow.step.host import Host, scope_label, submit
from simpleflow.step.made_with import MAX_MARKER_ARGUMENTS
from simpleflow.step.projection import IN_HISTORY, MARK
from simpleflow.step.recorded_verdicts import Recorded
from simpleflow.step.run_record import StepRun
from simpleflow.step.scheduler import Begin, Join, Postpone, Refuse, Scheduler, Verdict, Wait
from simpleflow.step.stale_marks import NOTHING, Forced
from simpleflow.task import ActivityTask

_NOTHING: Mapping[str, Any] = {}
_IDENTITY = ("step", "status")  # keys that say which marker it is

Phases = Generator[Promise, Promise, None]
"""Yields a promise; gets it back once it is final."""


class Life:
    """The life of one submission of a step."""

    # Most steps of most runs are skipped: what only few of them need is set when they need it.
    _recorded: Recorded | None = None  # the verdict, if the history holds it
    _number: int | None = None  # of its verdict among those on its name
    _inside: Scope | None = None  # see ``_scope``
    _stale: str | None = None  # why the work is stale from the start, so that the step must not be marked
    _claimed = False
    _scheduled: str | None = None  # details of the marker ``scheduled``
    _forced = NOTHING  # what it makes stale, once it has begun
    _versions: Mapping[str, str] = _NOTHING  # of the origins that the work is done with, see ``origins``
    _in_history = False  # the engine removes and writes the marks, see ``projection``
    _inputs: Mapping[str, Any] = _NOTHING  # what the marker of the verdict says beyond the verdict

    def __init__(self, run: StepRun, host: Host, scheduler: Scheduler) -> None:
        self._run = run
        self._host = host
        self._scheduler = scheduler
        self._ledger = scheduler.ledger
        self._marks = scheduler.marks
        self._executor = executor = host.executor
        self._outer = executor.scope  # in which it was submitted
        self._phases = self.phases()

    def go_on(self, promise: Promise | None = None) -> None:
        """Resume the generator with the promise that it has waited for; call again once the next one is final."""
        try:
            awaited = self._phases.send(promise)  # type: ignore[arg-type]  # None starts it
            while awaited.done:
                awaited = self._phases.send(awaited)
        except StopIteration:
            return
        awaited.when_done(self.go_on)

    def phases(self) -> Phases:
        """From the submission to the end."""
        run, waits = self._run, self._scheduler.dependencies.waits
        listing = self._marks.listing()
        if not listing.done:
            yield listing
        if listing.failure is not None:
            self._fail(listing.failure, is_own=True)
            return

        while True:
            if self._ledger.catching_up and self._ledger.recorded_verdict(run.name) is None:
                yield self._idle()
            if run.done:  # cancelled meanwhile
                return
            if waits.awaited:
                waits.end(run)
            found = self._scheduler.next(run)
            if not isinstance(found, Wait):
                break
            yield waits.begin(run, found.promise)

        if isinstance(found, Begin):  # nearly always
            self._scheduler.one_work.check(run, found.verdict.run, self._ledger.latest.get(run.name))
            self._begin(found)
            if found.verdict.run:
                yield from self._work()
                return
            if constants.ALREADY_PLAYED in run.verdict.reasons:
                self._ledger.found_done(run)
            if constants.NOT_AMONG_ONLY in run.verdict.reasons:
                self._leave_out()
            alternative = run.step.alternative()
            if run.step.keep_result or alternative is not None:
                has_value = yield from self._find_value(alternative)
                if not has_value:
                    return
            if self._recorded is None:
                self._inputs = marker_content.when_skipped(run)
            self._record(constants.SKIPPED, self._inputs)
            self._finish()
            return
        if isinstance(found, Postpone):
            return
        if isinstance(found, Join):
            self._scheduler.one_work.check(run, False, found.run)
            self._ledger.count_joined(found.run)
            waits.join(run, found.run)
            yield found.run
            waits.end(run)
            if not run.done:
                run.end_as(found.run)
            return

        self._begin(found)
        if isinstance(found, Refuse):
            text = f"not played, since step {found.origin!r}, which forces it, failed"
            self._fail(TaskFailed(run.name, text), {"refused": found.origin})
        else:
            # Where the run goes on, dependents must not run with what this step should have made.
            self._ledger.latest[run.name] = run
            self._scheduler.dependencies.add(run)
            self._fail(found.failure, {"unread": True}, is_own=True)

    def _work(self) -> Phases:
        """Run the step and mark it."""
        run, dependencies = self._run, self._scheduler.dependencies
        removed = dependencies.made_stale_by(run) if self._recorded is None else self._recorded.unmarks
        self._ledger.latest[run.name] = run
        self._ledger.removes(run, removed)
        dependencies.add(run)
        if self._recorded is None:
            extra: dict[str, Any] = {
                "forces": run.dependents,
                "unmarks": removed,
                "stale": self._stale,
                "fingerprint": run.fingerprint,
                "after": run.after,
                "inside": run.inside,
                "not_skipped": marker_content.not_skipped(run, self._ledger.skipped),
                "made_with": self._scheduler.made_with(run).to_json(MAX_MARKER_ARGUMENTS),
                IN_HISTORY: self._marks.in_history and not run.step.outputs,  # an activity looks for outputs
            }
            self._inputs = {key: value for key, value in extra.items() if value}
        self._in_history = self._inputs.get(IN_HISTORY) is True
        around = {each.name for each in run.enclosing} | {run.name}
        self._forced = Forced(tuple(run.dependents), tuple(sorted(around)))
        self._scheduled = self._record(constants.SCHEDULED, self._inputs)

        if self._in_history:
            self._ledger.marks_removed(run, removed)
        elif removed or (self._claimed and run.dependents):
            unmarking = yield self._submit(self._marks.unmark(run.name, removed, self._forced))
            if unmarking.failure is not None:
                self._fail(unmarking.failure, is_own=True)
                return
            # They counted as done until now: another step that makes them stale has to remove them before its work too.
            self._ledger.marks_removed(run, removed)

        if (origins := self._scheduler.origins(run)) and not self._is_recorded(self._marks.mark(run.name)):
            comparing = yield self._submit(self._marks.compare_origins(run.name, origins), self._scope.child("origins"))
            if comparing.failure is not None:
                self._fail(comparing.failure, is_own=True)
                return
            self._versions = comparing.result["versions"]

        work = yield self._submit(run.step.work())
        run.value = work.result
        run.elements.append(work.result)
        if work.failure is not None:
            self._fail(work.failure)
            return

        outcome = self._recorded.outcome if self._recorded is not None else None
        while (part := run.unfinished_part()) is not None and outcome is None and not self._is_marking_recorded():
            yield part
        error = run.parts_error() if outcome is None else outcome.get("error")
        if error is not None and not self._is_marking_recorded():
            self._fail(TaskFailed(run.name, error))
            return
        if outcome is not None and "stale" in outcome:
            if self._is_marking_recorded():
                self._claimed = False  # the activity gave up the claim, though it did not write the mark
            self._complete(outcome["stale"])
            return
        if self._in_history and outcome is not None:
            self._mark_in_history()
            return
        if self._ledger.catching_up and not self._is_marking_recorded():
            yield self._idle()
        stale = self._why_stale()
        if stale is not None and not self._is_marking_recorded():
            self._complete(stale)
        elif self._in_history:
            self._mark_in_history()
        else:
            yield from self._mark()

    def _is_marking_recorded(self) -> bool:
        """True if the history holds the activity that writes the mark."""
        return not self._in_history and self._is_recorded(self._marks.mark(self._run.name))

    def _mark_in_history(self) -> None:
        """Complete: the mark is written with the marker ``completed``."""
        self._ledger.mark_written(self._run, self._recorded)
        self._complete(None, {MARK: self._mark_details()})

    def _mark(self) -> Phases:
        """Write the mark with an activity, then complete."""
        run, dependencies = self._run, self._scheduler.dependencies
        marking = self._marks.mark(run.name, self._mark_details(), self._claimed, self._forced, run.step.outputs)
        written = dependencies.marking[run] = Promise()
        marked = yield self._submit(marking)
        del dependencies.marking[run]
        self._claimed = self._claimed and marked.failure is not None  # the activity gives up the claim
        if marked.failure is not None:
            self._fail(marked.failure, is_own=True)
        elif isinstance(marked.result, dict):
            self._fail(TaskFailed(run.name, marker_content.unmade(marked.result)))
        else:
            if marked.result is None:
                self._ledger.mark_written(run, self._recorded)
            self._complete(None if marked.result is None else constants.REVOKED)
        written.finish()

    def _find_value(self, alternative: Submittable | None) -> Generator[Promise, Promise, bool]:
        """Read what the mark of a skipped step keeps, and run the alternative. Returns False if the step has failed."""
        run = self._run
        if run.step.keep_result and not run.lacks_mark:
            get_mark = self._marks.get_mark(run.name)
            if self._is_recorded(get_mark) or (self._recorded is None and run.name in self._ledger.done):
                reading = yield self._submit(get_mark)
                if reading.failure is not None:
                    self._fail(reading.failure, is_own=True)
                    return False
                marker_content.take_kept(run, reading.result)
            else:
                run.not_kept = "it has never been done"
        if alternative is not None:
            instead = yield self._submit(alternative)
            if not run.step.keep_result or run.not_kept is not None:
                run.value, run.not_kept = instead.result, None
            run.elements.append(instead.result)
            if instead.failure is not None:
                self._fail(instead.failure)
                return False
            while (part := run.unfinished_part()) is not None and self._recorded is None:
                yield part
            error = run.parts_error() if self._recorded is None else self._recorded.details.get("error")
            if error is not None:
                self._fail(TaskFailed(run.name, error))
                return False
        return True

    def _leave_out(self) -> None:
        """Others alone are to run: find out if the step is done."""
        run = self._run
        if self._recorded is not None:
            run.lacks_mark = marker_content.NOT_DONE in self._inputs
        else:
            run.lacks_mark = run.name not in self._ledger.done or self._ledger.removed_since(run) is not None
        if run.lacks_mark:
            run.not_kept = marker_content.LEFT_OUT

    # What the phases are made of

    def _begin(self, found: Verdict) -> None:
        """The verdict has been taken."""
        run = self._run
        run.began = True
        run.verdict, self._recorded = found.verdict, found.recorded
        if found.recorded is not None:
            self._inputs = found.recorded.inputs
        number = self._ledger.count_verdict(run, found.recorded)
        if self._marks.claims:
            self._scheduler.claiming.set_used(run.name, number)
        run.known_count = len(self._ledger.known)
        self._number = number
        if isinstance(found, Begin):
            self._stale = found.stale
        if found.verdict.run or not isinstance(found, Begin):
            self._claimed = self._scheduler.claiming.is_held(run, self._scope)

    def _why_stale(self) -> str | None:
        """Why the work that has been done is stale; None if it is not."""
        return self._stale or self._scheduler.dependencies.why_stale(self._run)

    def _mark_details(self) -> dict[str, Any]:
        """The keys of the mark beyond its writer and time."""
        self._take_recorded()
        began = self._executor.marked_at(constants.MARKER_NAME, self._scheduled)
        seconds = round(self._executor.now, 3) - round(began, 3)  # a history at rest has milliseconds
        return marker_content.of_mark(self._run, seconds, self._inputs, self._versions, self._scheduler.made_with)

    def _take_recorded(self) -> None:
        """Go by the marker ``scheduled`` that the history holds, which the code of an earlier start may have made."""
        recorded = self._executor.recorded_details(constants.MARKER_NAME, self._scheduled)
        if recorded != self._scheduled:
            self._scheduled = recorded
            [found] = recorded_verdicts.read([recorded])
            self._inputs = found.inputs
            details = found.details
            self._run.verdict = rules.Verdict(True, bool(details.get("forced")), tuple(details.get("reasons") or ()))

    def _complete(self, stale: str | None, told: Mapping[str, Any] = _NOTHING) -> None:
        """The work is done; ``stale``: why the step is not marked, if it is not; ``told``: keys of the marker."""
        run = self._run
        run.stale = stale
        self._release()
        run.elements.append(None)
        extra = dict(told) if stale is None else {"stale": stale}
        if run.step.keep_result and "not_kept" in (kept := mark.keep(run.value, run.name)):
            extra |= kept
        self._record(constants.COMPLETED, self._outcome(extra))
        self._finish()

    def _finish(self) -> None:
        """Send the signal, and end well."""
        if self._run.step.emit_signal:
            signal = self._host.signal(constants.SIGNAL_PREFIX + self._run.name, propagate=False)
            self._run.elements.append(self._submit(signal).result)
        self._run.finish()

    def _fail(self, failure: BaseException, extra: dict[str, Any] | None = None, is_own: bool = False) -> None:
        """End badly: the step is not done. ``is_own``: an activity about marks has failed, not the user's work."""
        run = self._run
        run.failed = True
        run.error = report.error_text(failure)
        self._release()
        extra = {"error": run.error} | ({"optional": True} if run.step.optional else {}) | (extra or {})
        self._submit(self._marker(constants.FAILED, self._outcome(extra)))
        exception = None
        if run.step.bubbles_exception_on_failure or is_own:
            before: list[BaseException | None] = [None] * (len(run.elements) - 1)
            exception = AggregateException([None, AggregateException([*before, failure])])
        run.settle(FINISHED, None, exception)

    def _release(self) -> None:
        """Give up the claim, unless writing the mark has done so."""
        if self._claimed:
            self._claimed = False
            self._scheduler.claiming.release(self._run, self._scope, self._forced)

    def _outcome(self, extra: dict[str, Any]) -> dict[str, Any]:
        """The keys of the last marker beyond the verdict: as recorded, if the history holds that marker."""
        if self._recorded is not None and self._recorded.outcome is not None:
            return self._recorded.extra
        return extra | ({"joined": self._run.joined} if self._run.joined else {})

    def _record(self, status: str, extra: Mapping[str, Any]) -> Any:
        """Record a marker that becomes an element of the result; returns its details as JSON text."""
        details = promise_of(self._host.submit(self._marker(status, extra))).result
        self._run.elements.append(details)
        return details

    def _marker(self, status: str, extra: Mapping[str, Any]) -> Submittable:
        details = report.details(self._run.name, status, self._run.verdict, extra)
        marker = self._host.record_marker(constants.MARKER_NAME, details)
        marker.identity = _IDENTITY
        return marker

    @property
    def _scope(self) -> Scope:
        """The scope of what the step submits: its own, once its verdict has been taken."""
        if self._number is None:
            return self._outer
        if self._inside is None:
            self._inside = Scope(scope_label(self._run.name, self._number), self._outer, owner=self._run)
        return self._inside

    def _submit(self, submittable: Submittable, scope: Scope | None = None) -> Promise:
        return submit(self._host, submittable, self._scope if scope is None else scope)

    def _is_recorded(self, task: ActivityTask) -> bool:
        return self._executor.is_recorded(task.activity, self._scope)

    def _idle(self) -> Promise:
        """A promise that is final once nothing else in the evaluation can go on."""
        promise = Promise()
        self._executor.when_idle(promise.finish)
        return promise
