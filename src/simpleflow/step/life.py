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

Where other workflow runs share the marks, one of them may do a step after the process of this run has died in it. A
signal says so when this run goes on (``claim_recovery``). Then ``leave`` closes the generator, ends what it has begun,
and goes on with a shorter one.

Cancelling the future of a step ends its promise at once. A step that had not begun then never begins. One that had goes
on: its work may be half done, and only its marker tells later evaluations and runs how it ended.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from simpleflow.base import Submittable
from simpleflow.exceptions import TaskFailed
from simpleflow.futures import Promise
from simpleflow.step import constants, marker_content
from simpleflow.step.host import Host
from simpleflow.step.life_actions import LifeActions
from simpleflow.step.made_with import MAX_MARKER_ARGUMENTS
from simpleflow.step.planned import difference
from simpleflow.step.projection import IN_HISTORY, MARK
from simpleflow.step.run_record import StepRun
from simpleflow.step.scheduler import Begin, Join, Postpone, Refuse, Scheduler, Wait
from simpleflow.step.stale_marks import Forced

_HAS_FAILED = "something inside it has failed the run"
_NOT_READ = object()

Phases = Generator[Promise, Promise, None]
"""Yields a promise; gets it back once it is final."""


class Life(LifeActions):
    """The life of one submission of a step."""

    def __init__(self, run: StepRun, host: Host, scheduler: Scheduler) -> None:
        super().__init__(run, host, scheduler)
        self._phases = self.phases()
        self._awaited: Promise | None = None  # that the generator waits for
        self._unmarked: Sequence[str] = ()  # the marks that it has removed before its work

    def go_on(self, promise: Promise | None = None) -> None:
        """Resume the generator with the promise that it has waited for; call again once the next one is final."""
        if promise is not self._awaited:
            return  # that of a generator that was closed
        try:
            awaited = self._phases.send(promise)  # type: ignore[arg-type]  # None starts it
            while awaited.done:
                awaited = self._phases.send(awaited)
        except StopIteration:
            return
        self._awaited = awaited
        awaited.when_done(self.go_on)

    def leave(self) -> None:
        """End the step, which is at work: another run has done it."""
        self._phases.close()
        if self._submitted is not None:
            self._submitted.cancel()
        self._scheduler.dependencies.remove(self._run)
        self._awaited, self._phases = None, self._leave_to_the_other_run()
        self.go_on()

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
            waits_till_idle = self._ledger.catching_up or self._scheduler.until.pending
            if waits_till_idle and self._ledger.recorded_verdict(run.name) is None and not self._joins:
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
            if self._ledger.request.planned is not None and self._recorded is None:
                self._hold_to(self._ledger.request.planned, found)
            self._scheduler.one_work.check(run, found.verdict.run, self._ledger.latest.get(run.name))
            self._begin(found)
            if found.verdict.run:
                yield from self._work()
                return
            if constants.ALREADY_PLAYED in run.verdict.reasons:
                self._ledger.found_done(run)
            if constants.NOT_AMONG_ONLY in run.verdict.reasons:
                self._leave_out()
            if self._reads_its_mark():
                self._scheduler.ahead.uses(run.name)
            alternative = run.step.alternative()
            if run.step.keep_result or alternative is not None:
                self._ledger.skipping[run.name] = run
                has_value = yield from self._find_value(alternative)
                if not has_value:
                    return
            if self._recorded is None:
                self._inputs = {
                    **marker_content.when_skipped(run),
                    **(self._told_instead() if alternative is not None else {}),
                }
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
                self._lose_with(found.run)
                run.end_as(found.run)
            self._end()
            return

        self._begin(found)
        self._stand_in_for_work()
        if isinstance(found, Refuse):
            extra: dict[str, Any] = {"refused": found.origin}
            if self._is_lost_with(found):
                extra["lost"] = True
            text = f"not played, since step {found.origin!r}, which forces it, failed"
            self._fail(TaskFailed(run.name, text), extra)
        else:
            self._fail(found.failure, {"unread": True}, is_own=True)

    def _hold_to(self, planned: Mapping[str, Any], found: Begin) -> None:
        """Fail the run if the plan that it is held to says something else about the step."""
        workflow_id = str(self._executor.get_run_context().get("workflow_id"))
        if text := difference(planned, workflow_id, self._run.name, found.verdict):
            self._executor.fail(text)

    def _work(self) -> Phases:
        """Run the step and mark it."""
        if self._is_done_elsewhere:
            yield from self._leave_to_the_other_run()
            return
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
        if run.dependents or run.after:
            self._marks.tell_unclaimed(run.name)
        around = {each.name for each in run.enclosing} | {run.name}
        self._forced = Forced(tuple(run.dependents), tuple(sorted(around)))
        self._scheduled = self._record(constants.SCHEDULED, self._inputs)
        if self._claimed:
            self._unmarked = removed
            self._ledger.at_work[run.name, self._number or 0] = self.leave

        if self._in_history:
            self._ledger.marks_removed(run, removed)
        elif removed or (self._claimed and run.dependents):
            dependencies.begin_removal(run, removed)
            unmarking = yield self._submit(self._marks.unmark(run.name, removed, self._forced))
            if unmarking.failure is not None:
                self._fail(unmarking.failure, is_own=True)
                dependencies.end_removal(run)
                return
            # They counted as done until now: another step that makes them stale has to remove them before its work too.
            self._ledger.marks_removed(run, removed)
            dependencies.end_removal(run)

        if (origins := self._scheduler.origins(run)) and not self._is_recorded(self._marks.mark(run.name)):
            comparing = yield self._submit(self._marks.compare_origins(run.name, origins), self._scope.child("origins"))
            if comparing.failure is not None:
                self._fail(comparing.failure, is_own=True)
                return
            self._versions = comparing.result["versions"]

        work = yield self._submit(run.step.work())
        if self._recorded is not None and self._recorded.outcome is None and not self._is_marking_recorded():
            yield self._idle()  # other submissions join it that were made before it ended
        run.take_value(work)
        run.elements.append(work.result)
        if work.failure is not None or run in self._executor.lost:
            self._fail(work.failure or TaskFailed(run.name, _HAS_FAILED))
            return
        self._lose_with(work)  # a step inside may be lost that may fail: what comes after it was not done

        outcome = self._recorded.outcome if self._recorded is not None else None
        while (part := run.unfinished_part()) is not None and outcome is None and not self._is_marking_recorded():
            yield part
        error = run.parts_error() if outcome is None else outcome.get("error")
        if outcome is None and error is None and run in self._executor.lost:
            error = _HAS_FAILED
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

    def _leave_to_the_other_run(self) -> Phases:
        """Another run has done the step since the process of this one died: end as if it had been skipped."""
        run = self._run
        self._claimed = False  # it was given up when the run went on
        self._ledger.at_work.pop((run.name, self._number or 0), None)
        self._executor.cancel_recorded(self._scope)
        if self._scheduled is None:
            self._scheduled = self._record(constants.SCHEDULED, self._inputs)
        self._ledger.ran_elsewhere(run, self._unmarked if self._recorded is None else self._recorded.unmarks)
        has_value = yield from self._find_value(run.step.alternative(), marked=True)
        if has_value:
            self._ledger.found_done(run)
            self._complete(constants.DONE_ELSEWHERE)

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

    def _find_value(self, alternative: Submittable | None, marked: bool = False) -> Generator[Promise, Promise, bool]:
        """Read what the mark of a skipped step keeps, and run the alternative. Returns False if the step has failed.

        ``marked``: another run has just written the mark.
        """
        run = self._run
        if run.step.keep_result and not run.lacks_mark:
            get_mark, ahead = self._marks.get_mark(run.name), self._scheduler.ahead
            is_own = marked or self._is_recorded(get_mark)
            is_wanted = self._recorded is None and run.name in self._ledger.done
            found: Any = _NOT_READ
            while not is_own and (ahead.known(run.name) or (is_wanted and ahead.serves(run.name))):
                found = ahead.find(run.name)
                if not isinstance(found, Promise):
                    break
                if found.failure is not None:
                    self._fail(found.failure, is_own=True)
                    return False
                yield found
                found = _NOT_READ
            if found is not _NOT_READ:
                marker_content.take_kept(run, found)
            elif is_own or is_wanted:
                reading = yield self._submit(get_mark)
                if reading.failure is not None:
                    self._fail(reading.failure, is_own=True)
                    return False
                marker_content.take_kept(run, reading.result)
            else:
                run.not_kept = "it has never been done"
        if alternative is not None:
            instead = yield self._submit(alternative, self._scope_instead)
            if not run.step.keep_result or run.not_kept is not None:
                run.take_value(instead)
                run.not_kept = None
            run.elements.append(instead.result)
            if instead.failure is not None:
                self._fail(instead.failure, self._told_instead())
                return False
            while (part := run.unfinished_part()) is not None and self._recorded is None:
                yield part
            error = run.parts_error() if self._recorded is None else self._recorded.details.get("error")
            self._lose_with(instead)
            if error is None and self._recorded is None and run in self._executor.lost:
                error = _HAS_FAILED
            if error is not None:
                self._fail(TaskFailed(run.name, error), self._told_instead())
                return False
        return True

    @property
    def _joins(self) -> bool:
        """True if the same step is running, so that no verdict is taken."""
        latest = self._ledger.latest.get(self._run.name)
        return latest is not None and not latest.done

    def _reads_its_mark(self) -> bool:
        step = self._run.step
        has_fingerprint = step.fingerprint is not None or step.ready_made is not None
        return step.keep_result or has_fingerprint or step.holds_steps()

    def _leave_out(self) -> None:
        """Others alone are to run: find out if the step is done."""
        run = self._run
        if self._recorded is not None:
            run.lacks_mark = marker_content.NOT_DONE in self._inputs
        else:
            run.lacks_mark = run.name not in self._ledger.done or self._ledger.removed_since(run) is not None
        if run.lacks_mark:
            run.not_kept = marker_content.LEFT_OUT
