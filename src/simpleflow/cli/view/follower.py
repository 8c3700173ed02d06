"""Following a run: events come in, and calls about steps, failures and retries go out to a view.

How it works: ``fold`` reads the new events of one execution, in their order. Most of them become one call each: the
marker of a step becomes ``show_step``, and the start or end of an execution becomes ``show_run``.

A failed activity is harder. The same failure can be a retry, the failure of a step, the failure of the run, or a soft
failure that the workflow ignores, and the event of the failure does not say which. So ``fold`` keeps each failure in
``_failed``, by run id and activity id, until a later event decides:

- The activity is scheduled again, or a retry timer for it starts: a retry.
- A step marker holds the reason of the failure: it is shown with this step.
- The decider has completed a decision that already saw the failure, and asked for nothing: a soft failure. If the run
  has closed with a reason that names the activity, it is the failure of the run, which the end of the run shows.

"Saw the failure" is a matter of event ids. A decision sees all events before its DecisionTaskStarted. ``decided`` holds
the id of that event for the last completed decision. Failures with a smaller id are settled when the next decision
completes or the new events end, and all failures are settled when the run has closed. They cannot be settled at the
DecisionTaskCompleted of the decision itself, because its markers and timers come right after that event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from simpleflow import shown_text
from simpleflow.cli.errors import one_line, task_failure, traceback_of
from simpleflow.cli.view.failures import ActivityFailure, of_step, with_lines
from simpleflow.constants import FAULT_MARKER, RETRY_TIMER, STORE_TIMER
from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.core.decider import recorded_calls
from simpleflow.core.packed_markers import unpacked
from simpleflow.core.work_time import WorkTime
from simpleflow.engines.embedded import Run
from simpleflow.local import Beginning
from simpleflow.shown_text import short_run_id
from simpleflow.step import recorded_tasks, report
from simpleflow.step.constants import SKIPPED
from simpleflow.step.notices import Notices
from simpleflow.step.report import StepReport
from simpleflow.views.base_view import tally_of
from simpleflow.views.followed_view import FollowedView
from simpleflow.views.rows import AttemptRow, StepRow
from simpleflow.views.waits import pause_of


class Follower:
    """Folds the events of a run and its children, and calls the ``show_*`` methods, which subclasses override.

    Each failure of an activity is shown once: as a retry, with its step, at the end of the run that it fails, or as a
    soft failure. ``debug`` keeps the tracebacks of failures.
    """

    def __init__(self, debug: bool = False) -> None:
        self.views: dict[str, FollowedView] = {}  # by run id: the executions as rows
        self.failed_children: set[str] = set()  # workflow ids of children that ended badly, and did not do well later
        self.executions: dict[str, Run] = {}  # the run and its children, by run id
        self.faults: list[str] = []  # of workflows, see ``step.one_work``
        self.soft_failures = 0  # failed activities that failed neither a step nor the run
        self._followed: dict[str, Run] = {}  # by run id
        self._notices = Notices()
        self._tally: tuple[int, report.Tally] | None = None  # after so many events
        self._debug = debug
        self._failed: dict[tuple[str, str], ActivityFailure] = {}  # by run id and activity id
        self._shown: dict[tuple[str, str], ActivityFailure] = {}  # soft failures inside steps, likewise

    @property
    def tally(self) -> report.Tally:
        """The last status of each step."""
        seen = sum(view.last_id for view in self.views.values())
        if self._tally is None or self._tally[0] != seen:
            self._tally = seen, tally_of(self.views.values())
        return self._tally[1]

    @property
    def listings(self) -> dict[str, recorded_tasks.Listed]:
        """How the done marks were listed, by workflow id."""
        return {view.workflow_id: view.listed for view in self.views.values() if view.listed is not None}

    # Methods that subclasses override

    def show_step(
        self, run: Run, row: StepRow, time: float, work: WorkTime | None, failures: Sequence[ActivityFailure]
    ) -> None:
        """Show the new status of a step.

        ``work`` is when its activities worked, once it has ended. ``failures`` are the activities that failed it.
        """

    def show_failure(self, failed: ActivityFailure) -> None:
        """Show an activity that failed without failing its step or run."""

    def show_retry(self, failed: ActivityFailure, number: int, when: str) -> None:
        """Show that try ``number`` of an activity follows, at once or after a time such as `` in 5 s`` (``when``)."""

    def show_run(self, run: Run, event: type[e.Attributes], attributes: Any, time: float) -> None:
        """Show an event of an execution as a whole, one of those in ``RUN_EVENTS``."""

    def show_changed(self, run: Run, text: str) -> None:
        """Show that a call of ``run()`` differs from the one in the history, or a fault of the workflow."""

    def notices(self, complete: bool = True) -> list[str]:
        """Lines about what had no effect in a run that has completed, see ``step.notices``.

        ``complete``: the run has reached its end, and so all steps that it has.
        """
        for run_id, run in self._followed.items() if self._notices.needs_done else ():
            listed_id = self.views[run_id].listed_id
            record = None if listed_id is None else run.history.activities.get(listed_id)
            closed: Any = record.closed.attributes if record is not None and record.closed is not None else None
            names = recorded_tasks.listed_names(getattr(closed, "result", None)) if record is not None else ()
            self._notices.add_done(run.workflow_id, _parent_id(run), names)  # without steps, it may have children
        return self._notices.lines(complete)

    # Methods that call them

    def catch_up(self, beginning: Beginning) -> None:
        """Fold the earlier events of a resumed run. Its failures were shown when they happened, so they are dropped."""
        for each in beginning.family:
            self.fold(each, each.history.events)
        self._failed.clear()
        self._shown.clear()
        self.soft_failures = 0

    def fold(self, run: Run, events: Sequence[e.Event]) -> None:
        """Fold new events of one execution."""
        self.executions.setdefault(run.run_id, run)
        decided = 0  # the last completed decision has seen all events before this id
        view = self.views.get(run.run_id)
        if view is None:
            view = self.views[run.run_id] = FollowedView(run.run_id, run.workflow_id, _parent_id(run))
            self._followed[run.run_id] = run
        for event in unpacked(events):
            row = view.apply(event)
            attributes: Any = event.attributes
            kind = type(attributes)
            if kind not in _HANDLED:
                continue
            if kind is e.MarkerRecorded:
                if row is not None:
                    self._step_marker(run, view, row, event.time)
                elif attributes.marker_name in recorded_calls.TOLD:
                    text = recorded_calls.describe(attributes.details)
                    if attributes.marker_name == FAULT_MARKER:
                        self.faults.append(text)
                    self.show_changed(run, text)
            elif kind is e.ActivityTaskScheduled:
                if self._failed:
                    self._retried(run, attributes.activity_id, "")
            elif kind in _FAILURES:
                self._activity_failed(run, view, event)
            elif kind in RUN_EVENTS:
                for fell in view.fell if kind is e.WorkflowExecutionFailed else ():
                    self._step_marker(run, view, fell, event.time)
                if kind in ENDS and is_child(run):
                    ended_badly = kind is not e.WorkflowExecutionCompleted
                    (self.failed_children.add if ended_badly else self.failed_children.discard)(run.workflow_id)
                self.show_run(run, kind, attributes, event.time)
            elif self._failed:
                if kind is e.DecisionTaskCompleted:
                    self._settle(run, decided)
                    decided = attributes.started_event_id
                elif kind is e.TimerStarted:
                    self._retry_timer_started(run, attributes)
        if self._failed:
            self._settle(run, decided if run.history.open else len(run.history.events) + 1)

    def _step_marker(self, run: Run, view: FollowedView, row: StepRow, time: float) -> None:
        found = row.report
        self._notices.add(run.workflow_id, view.parent_id, found)
        if found.status == SKIPPED:  # it has neither work nor failures
            self.show_step(run, row, time, None, ())
            return
        work = view.work_time(row.name) if row.end is not None and row.ran else None
        failures: list[ActivityFailure] = []
        if found.error is not None and self._failed:
            of_run = [failed for key, failed in self._failed.items() if key[0] == run.run_id]
            failures = of_step(found.step, found.error, of_run)
            for failed in failures:
                del self._failed[run.run_id, failed.activity_id]
        if found.error is not None and self._shown:  # what was taken for a soft failure has failed a step after all
            shown = [failed for key, failed in self._shown.items() if key[0] == run.run_id]
            for failed in of_step(found.step, found.error, shown):
                del self._shown[run.run_id, failed.activity_id]
                self.soft_failures -= 1
        self.show_step(run, row, time, work, failures)
        view.forget(row)

    def _activity_failed(self, run: Run, view: FollowedView, event: e.Event) -> None:
        attributes: Any = event.attributes
        row = view.rows[attributes.scheduled_event_id]
        assert isinstance(row, AttemptRow)
        timed_out = type(attributes) is e.ActivityTaskTimedOut
        if timed_out:
            error = timeouts.error(run.history.events, event)
            reason, text, where = error.brief, str(error), ""
        else:
            reason = attributes.reason or ""
            text, where = task_failure(attributes.reason, attributes.details)
        trace = traceback_of(attributes.details) if self._debug else ""
        self._failed[run.run_id, row.id] = ActivityFailure(
            event.id,
            row.id,
            row.name,
            text,
            where,
            one_line(reason),
            trace,
            timed_out,
            row.number,
            row.step,
            run.run_id,
        )

    def _retried(self, run: Run, activity_id: str, when: str) -> None:
        failed = self._failed.pop((run.run_id, activity_id), None)
        if failed is not None:
            self.show_retry(failed, failed.number + 1, when)

    def _retry_timer_started(self, run: Run, timer: Any) -> None:
        if not timer.timer_id.startswith((RETRY_TIMER, STORE_TIMER)):
            return
        pause = pause_of(timer)
        for run_id, activity_id in self._failed:
            if run_id == run.run_id and (
                timer.timer_id.endswith(activity_id) if pause is None else pause.task_id == activity_id
            ):
                self._retried(run, activity_id, f" in {timer.start_to_fire_timeout} s")
                return

    def _settle(self, run: Run, decided: int) -> None:
        """Settle the failures that a completed decision has seen without reacting: they are soft, or fail the run."""
        closed: Any = run.history.closed.attributes if run.history.closed else None
        run_reason = one_line(getattr(closed, "reason", None) or "")
        for key, failed in list(self._failed.items()):
            if key[0] == run.run_id and failed.event_id < decided:
                del self._failed[key]
                if f"error in {failed.name}: " in run_reason and failed.reason in run_reason:
                    run_reason = ""  # the run failed because of this activity, which the end of the run shows
                    continue
                self.soft_failures += 1
                if "step." in failed.activity_id:
                    self._shown[key] = failed
                self.show_failure(failed)


def step_note(found: StepReport, failures: Sequence[ActivityFailure]) -> str:
    """Return the reasons and the error of a step, with the lines of the user's code that failed."""
    if found.error is not None:
        found = replace(found, error=shown_text.plain_reason(with_lines(found.error, failures)))
    return report.why(found)


def end_text(run: Run) -> str:
    """Return how a run ended, with the reason in the history."""
    closed: Any = run.history.closed.attributes if run.history.closed else None
    word = _WORDS.get(run.history.state, run.history.state)
    reason = getattr(closed, "reason", None)
    if isinstance(closed, e.WorkflowExecutionTimedOut):
        return f"{word}: {timeouts.of_execution(run.history.events[0], run.history.events[-1])}"
    return f"{word}: {shown_text.printable(shown_text.plain_reason(reason))}" if reason else word


def is_child(run: Run) -> bool:
    """Return True if another execution started the run."""
    return run.history.started.parent_workflow_execution is not None


def _parent_id(run: Run) -> str | None:
    parent = run.history.started.parent_workflow_execution
    return None if parent is None else parent.workflow_id


_WORDS = {"canceled": "cancelled", "timed_out": "timed out"}

_FAILURES = (e.ActivityTaskFailed, e.ActivityTaskTimedOut)


def _started(run: Run, attributes: Any) -> str:
    parent = attributes.parent_workflow_execution
    return "" if parent is None else f"started by {parent.workflow_id}"


def _signaled(run: Run, attributes: Any) -> str:
    sent_here = attributes.external_initiated_event_id  # sent by an execution of this engine, which is not shown
    return "" if sent_here else f"got the signal {shown_text.printable(attributes.signal_name)!r}"


def _child_end(run: Run, attributes: Any) -> str:
    return end_text(run) if is_child(run) else ""


ENDS = (
    e.WorkflowExecutionCompleted,
    e.WorkflowExecutionFailed,
    e.WorkflowExecutionCanceled,
    e.WorkflowExecutionTimedOut,
    e.WorkflowExecutionTerminated,
)

RUN_EVENTS: dict[type[Any], Callable[[Run, Any], str]] = {
    e.WorkflowExecutionStarted: _started,
    **dict.fromkeys(ENDS, _child_end),
    e.WorkflowExecutionContinuedAsNew: lambda run, attributes: (
        f"continued as new, run {short_run_id(attributes.new_execution_run_id)}"
    ),
    e.WorkflowExecutionSignaled: _signaled,
    e.WorkflowExecutionCancelRequested: lambda run, attributes: "was asked to cancel",
}
"""The text for each event of an execution as a whole; an empty text is not shown."""

_HANDLED = frozenset(
    {e.MarkerRecorded, e.ActivityTaskScheduled, e.DecisionTaskCompleted, e.TimerStarted, *_FAILURES, *RUN_EVENTS}
)
