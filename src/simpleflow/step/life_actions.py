"""The parts of the phases of the life of a step (see ``life``): markers, claims, and the ends of the step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simpleflow import values
from simpleflow.base import Submittable
from simpleflow.core.events import milliseconds
from simpleflow.core.work_time import Interval, Task, between, work_time
from simpleflow.exceptions import AggregateException
from simpleflow.futures import FINISHED, Future, Promise, promise_of
from simpleflow.scopes import Scope
from simpleflow.step import (
    constants,
    marker_content,
    recorded_tasks,
    recorded_verdicts,
    report,
    rules,
)
from simpleflow.step.host import Host, scope_label, submit_any
from simpleflow.step.recorded_verdicts import Recorded
from simpleflow.step.run_record import StepRun
from simpleflow.step.scheduler import Begin, Refuse, Scheduler, Verdict
from simpleflow.step.stale_marks import NOTHING
from simpleflow.task import ActivityTask

INSTEAD = "instead"
"""The key of a marker that says that alternative work has a scope of its own, and the label of that scope."""

_NOTHING: Mapping[str, Any] = {}
IDENTITY = ("step", "status")
"""The keys that say which marker it is."""


class LifeActions:
    """The common part of all phases in the life of one submission: its state, and actions on it."""

    def __init__(self, run: StepRun, host: Host, scheduler: Scheduler) -> None:
        self._run = run
        self._host = host
        self._scheduler = scheduler
        self._ledger = scheduler.ledger
        self._marks = scheduler.marks
        self._executor = executor = host.executor
        self._outer = executor.scope  # in which it was submitted
        self._recorded: Recorded | None = None  # the verdict, if the history holds it
        self._number: int | None = None  # of its verdict among those on its name
        self._inside: Scope | None = None  # see ``_scope``
        self._stale: str | None = None  # why the work is stale from the start, so that the step must not be marked
        self._claimed = False
        self._scheduled: str | None = None  # details of the marker ``scheduled``
        self._forced = NOTHING  # what it makes stale, once it has begun
        self._versions: Mapping[str, str] = _NOTHING  # of the origins that the work is done with, see ``origins``
        self._submitted: Future | None = None  # what the step has submitted last: held until its result has been read
        self._in_history = False  # the engine removes and writes the marks, see ``projection``
        self._inputs: Mapping[str, Any] = _NOTHING  # what the marker of the verdict says beyond the verdict

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

    @property
    def _is_done_elsewhere(self) -> bool:
        """True if another run has done the step since this one took its verdict, so that it must not be done again."""
        recorded, number = self._recorded, self._number
        if recorded is None or number is None:
            return False
        if recorded.outcome is not None:
            return recorded.outcome.get("stale") == constants.DONE_ELSEWHERE
        return self._claimed and self._ledger.is_done_elsewhere(self._run.name, number)

    def _why_stale(self) -> str | None:
        """Why the work that has been done is stale; None if it is not."""
        return self._stale or self._scheduler.dependencies.why_stale(self._run)

    def _mark_details(self) -> dict[str, Any]:
        """The keys of the mark beyond its writer and time."""
        self._take_recorded()
        return marker_content.of_mark(
            self._run, self._worked(), self._inputs, self._versions, self._scheduler.made_with
        )

    def _worked(self) -> Sequence[Interval]:
        """When the activities and children of the step worked; without any, all the time since it was scheduled."""
        every = [
            [Task(*map(_milliseconds, times)) for times in task.tries()]
            for task in self._run.tasks
            if (name := task.type_name) is not None and not recorded_tasks.is_about_marks(name)
        ]
        tasks = [each for tries in every for each in tries]
        if not tasks:
            began = _milliseconds(self._executor.marked_at(constants.MARKER_NAME, self._scheduled))
            tasks = [Task(began, began, _milliseconds(self._executor.now))]
        between_tries = [pause for tries in every if len(tries) > 1 for pause in between(tries)]
        return work_time(tasks, self._executor.pauses, between_tries=between_tries).worked

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
        if stale is not None:
            run.stale = stale
        self._release()
        run.elements.append(None)
        extra = dict(told) if stale is None else {"stale": stale}
        if run.step.keep_result and "not_kept" in (kept := marker_content.kept(run)):
            extra |= kept
        self._record(constants.COMPLETED, self._outcome(extra))
        self._finish()

    def _finish(self) -> None:
        """Send the signal, and end well."""
        if self._run.step.emit_signal:
            signal = self._host.signal(constants.SIGNAL_PREFIX + self._run.name, propagate=False)
            self._run.elements.append(self._submit(signal).result)
        self._run.finish()
        self._end()

    def _end(self) -> None:
        """Nothing of this step goes on any more."""
        if self._ledger.at_work and self._number is not None:
            self._ledger.at_work.pop((self._run.name, self._number), None)
        recorded = self._recorded
        self._run.end(joined=self._run.joined > 0 or (recorded is not None and recorded.joined > 0))

    def _fail(self, failure: BaseException, extra: dict[str, Any] | None = None, is_own: bool = False) -> None:
        """End badly: the step is not done. ``is_own``: an activity about marks has failed, not the user's work."""
        run = self._run
        run.failed = True
        run.error = report.error_text(failure)
        self._release()
        extra = {"error": run.error} | ({"optional": True} if run.step.optional else {}) | (extra or {})
        self._record_only(constants.FAILED, self._outcome(extra))
        exception = None
        if run.step.bubbles_exception_on_failure or is_own:
            before: list[BaseException | None] = [None] * (len(run.elements) - 1)
            exception = AggregateException([None, AggregateException([*before, failure])])
        run.settle(FINISHED, None, exception)
        self._end()

    def _is_lost_with(self, found: Refuse) -> bool:
        """True if the origin of a step that is refused has failed the run: then nothing that needs the step goes on."""
        if found.recorded is not None and found.recorded.details.get("lost") is True:
            self._executor.lost.add(self._run)
        self._lose_with(self._ledger.latest.get(found.origin))
        return self._run in self._executor.lost

    def _stand_in_for_work(self) -> None:
        """The run goes on without the work of this step: dependents must not run without its results."""
        self._ledger.latest[self._run.name] = self._run
        self._scheduler.dependencies.add_refused(self._run)

    def _lose_with(self, other: Promise | None) -> None:
        """If the other step has failed the run, which goes on, code that waits for this one does not go on either."""
        if other in self._executor.lost:
            self._executor.lost.add(self._run)

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
        text = self._record_only(status, extra)
        self._run.elements.append(text)
        return text

    def _record_only(self, status: str, extra: Mapping[str, Any]) -> str:
        """Record a marker; returns its details as JSON text."""
        run = self._run
        details = report.details(run.name, status, run.verdict, extra)
        if run.step.keep_result or self._recorded is not None:  # then there may be any value
            text = values.encode(details, f"details of marker {constants.MARKER_NAME!r}")
        else:
            text = report.text_of(details)
        self._executor.record(constants.MARKER_NAME, text, IDENTITY)
        return text

    @property
    def _scope(self) -> Scope:
        """The scope of what the step submits: its own, once its verdict has been taken."""
        if self._number is None:
            return self._outer
        if self._inside is None:
            self._inside = Scope(scope_label(self._run.name, self._number), self._outer, owner=self._run)
        return self._inside

    @property
    def _scope_instead(self) -> Scope:
        """The scope of alternative work: no result of it is ever taken for one of the work, nor the other way round.

        The verdict to skip is recorded once that work has ended. Until then it may change: an origin has run.
        """
        recorded = self._recorded
        is_old = recorded is not None and recorded.status == constants.SKIPPED and not recorded.details.get(INSTEAD)
        return self._scope if is_old else self._scope.child(INSTEAD)

    def _told_instead(self) -> dict[str, Any]:
        """The key of the marker that says where alternative work was submitted."""
        return {} if self._scope_instead is self._scope else {INSTEAD: True}

    def _submit(self, submittable: Submittable, scope: Scope | None = None) -> Promise:
        self._submitted = submit_any(self._host, submittable, self._scope if scope is None else scope)
        return promise_of(self._submitted)

    def _is_recorded(self, task: ActivityTask) -> bool:
        return self._executor.is_recorded(task.activity, self._scope)

    def _idle(self) -> Promise:
        """A promise that is final once nothing else in the evaluation can go on."""
        promise = Promise()
        self._executor.when_idle(promise.finish)
        return promise


def _milliseconds(time: float | None) -> Any:
    """The time as a history at rest has it."""
    return None if time is None else milliseconds(time)
