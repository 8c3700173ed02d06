"""A run as rows, folded from its history event by event. ``base_view`` has the questions that the rows answer.

How it works: ``extend`` takes events and skips those that it has folded before, so it can be given the latest events of
a run that goes on. Each event changes one row, or adds one. Nothing is kept of an event but ids, times and states:
``event_id``, ``start_id`` and ``end_id`` of a row say which events hold its input, worker, result and failure.

An activity belongs to the step in whose scope it was submitted. Its id tells the scope, or its ``control`` where the id
has no room for it.

An activity that fails the run ends it before its step, if others of the step are under way. No marker says then that
the step has failed. So the end of the run says it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from msgspec.structs import force_setattr, replace

from simpleflow import values
from simpleflow.constants import PACKED_MARKER
from simpleflow.core import events as e
from simpleflow.core import packed_markers, transitions
from simpleflow.exceptions import InvalidTransition
from simpleflow.shown_text import plain_reason
from simpleflow.step import report
from simpleflow.step.constants import COMPLETED, FAILED, MARKER_NAME, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.host import step_at
from simpleflow.step.recorded_tasks import Listed, is_about_marks, parse
from simpleflow.taskids import clean
from simpleflow.views import rows
from simpleflow.views.base_view import BaseView
from simpleflow.views.rows import AttemptRow, ChildRow, MarkerRow, Row, SentRow, SignalRow, StepRow, TaskRow, TimerRow

_STATUSES = {status: status for status in (WAITING, SCHEDULED, COMPLETED, SKIPPED, FAILED)}

_WITH_VERDICT = (SCHEDULED, SKIPPED)

_R = TypeVar("_R", bound=Row)

Handler = Callable[[Any, e.Event, Any], StepRow | None]
"""Called with a view, an event and its attributes. Returns the step whose marker it is."""


class RunView(BaseView):
    """The rows of one run, as far as its events have been folded.

    Args:
        run_id: of the run; steps that it completes name it.
        workflow_id: of the run.
    """

    HANDLERS: ClassVar[Mapping[type[e.Attributes], Handler]]
    """What folds the events that change rows, by the class of their attributes."""

    def __init__(self, run_id: str = "", workflow_id: str = "") -> None:
        super().__init__(run_id, workflow_id)
        self._known: Container[str] = self.steps  # the names of the steps that a task may belong to
        self._workers: dict[str, str] = {}  # their identities: rows share one text for each

    def extend(self, events: Iterable[e.Event]) -> None:
        """Fold the events that are new. Raises InvalidTransition if one is missing before them."""
        for event in events:
            if event.id <= self.last_id:
                continue
            if event.id != self.last_id + 1:
                raise InvalidTransition(f"event {event.id} cannot follow event {self.last_id}")
            self.apply(event)

    def apply(self, event: e.Event) -> StepRow | None:
        """Fold the next event. Returns the step whose marker it is; None for other events."""
        self.last_id = event.id
        self.last_time = event.time
        self._pauses.see(event)
        attributes = event.attributes
        handler = self.HANDLERS.get(type(attributes))
        return handler(self, event, attributes) if handler is not None else None

    def _add(self, row: Row) -> None:
        self.rows[row.event_id] = row

    def _add_task(self, row: TaskRow, path: str) -> None:
        self._add(row)
        self.open[row.event_id] = row
        if path:
            row.step = step_at(path, self._known)
            if row.step in self.steps and not (isinstance(row, AttemptRow) and row.about_marks):
                self.steps[row.step].tasks.append(row)

    def _execution_started(self, event: e.Event, attributes: e.WorkflowExecutionStarted) -> None:
        self.state, self.began = transitions.OPEN, event.time

    def _execution_ended(self, event: e.Event, attributes: Any) -> None:
        self.state, self.closed_id = _RUN_ENDS[type(attributes)], event.id
        if isinstance(attributes, e.WorkflowExecutionFailed) and "error in " in (reason := attributes.reason or ""):
            for row in self.steps.values():
                if row.end is None and (failed := self._failure_named(row, reason)) is not None:
                    error = plain_reason(reason).removeprefix(f"{failed.name}: ")
                    row.report = replace(row.report, step=row.name, status=FAILED, error=error)
                    row.end = event.time
                    self.fell.append(row)

    def _failure_named(self, step: StepRow, reason: str) -> TaskRow | None:
        """The task of an open step that failed the run, as the reason of that says; None if another one did."""
        failed = self.first_failure(step.name)
        return failed if failed is not None and f"error in {failed.name}: " in reason else None

    def _decision_completed(self, event: e.Event, attributes: Any) -> None:
        self.decisions += 1
        if attributes.execution_context is not None:
            self.context = attributes.execution_context

    def _activity_scheduled(self, event: e.Event, attributes: e.ActivityTaskScheduled) -> None:
        id, kind = attributes.activity_id, attributes.activity_type
        number = self._tries[id] = self._tries.get(id, 0) + 1
        about_marks = is_about_marks(kind.name)
        row = AttemptRow(event.id, kind.name, event.time, task_id=id, version=kind.version, number=number)
        row.task_list, row.about_marks = attributes.task_list.name, about_marks
        self._add_task(row, attributes.control or id.removeprefix(f"activity-{clean(kind.name)}-"))
        if about_marks and isinstance(listed := parse(kind.name, attributes.input), Listed):
            self.listed, self.listed_id = listed, id

    def _activity_refused(self, event: e.Event, attributes: e.ScheduleActivityTaskFailed) -> None:
        id, kind = attributes.activity_id, attributes.activity_type
        row = AttemptRow(event.id, kind.name, event.time, task_id=id, number=self._tries.get(id, 0))
        row.about_marks = is_about_marks(kind.name)
        self._add(_refused(row, event))

    def _child_initiated(self, event: e.Event, attributes: e.StartChildWorkflowExecutionInitiated) -> None:
        id, kind = attributes.workflow_id, attributes.workflow_type
        row = ChildRow(event.id, kind.name, event.time, task_id=id, version=kind.version)
        row.task_list = attributes.task_list.name
        self._add_task(row, attributes.control or id)

    def _child_refused(self, event: e.Event, attributes: e.StartChildWorkflowExecutionFailed) -> None:
        row = self.rows.get(attributes.initiated_event_id)
        if row is not None:
            row.state, row.ended, row.end_id = rows.REFUSED, event.time, event.id
            self.open.pop(row.event_id, None)
            return
        row = ChildRow(event.id, attributes.workflow_type.name, event.time, task_id=attributes.workflow_id)
        self._add(_refused(row, event))

    def _task_started(self, event: e.Event, attributes: Any) -> None:
        row = self.open.get(first_id(attributes))
        if row is not None:
            row.state, row.started, row.start_id = rows.STARTED, event.time, event.id
            if row.step is not None and not (isinstance(row, AttemptRow) and row.about_marks):
                self._step_started(row.step, event.time)
            if isinstance(row, ChildRow):
                row.run_id = attributes.workflow_execution.run_id
            elif attributes.identity:
                row.worker = self._workers.setdefault(attributes.identity, attributes.identity)

    def _task_ended(self, event: e.Event, attributes: Any) -> None:
        row = self.open.pop(first_id(attributes), None)
        if row is not None:
            row.state, row.ended, row.end_id = _ENDS[type(attributes)], event.time, event.id

    def _step_started(self, name: str, time: float) -> None:
        step = self.steps.get(name)
        if step is not None and step.started is None:
            step.started = time
            for outer in step.outer:
                self._step_started(outer, time)

    def _timer_started(self, event: e.Event, attributes: e.TimerStarted) -> None:
        self._add(TimerRow(event.id, attributes.timer_id, event.time))

    def _timer_refused(self, event: e.Event, attributes: e.StartTimerFailed) -> None:
        self._add(_refused(TimerRow(event.id, attributes.timer_id, event.time), event))

    def _signal_sent(self, event: e.Event, attributes: e.SignalExternalWorkflowExecutionInitiated) -> None:
        self._add(SentRow(event.id, attributes.signal_name, event.time, to=attributes.workflow_id))

    def _row_ended(self, event: e.Event, attributes: Any) -> None:
        row = self.rows.get(first_id(attributes))
        if row is not None:
            row.state, row.ended, row.end_id = _ENDS[type(attributes)], event.time, event.id

    def _signal_received(self, event: e.Event, attributes: e.WorkflowExecutionSignaled) -> None:
        self._add(SignalRow(event.id, attributes.signal_name, event.time, rows.RECEIVED, event.time, event.id))

    def _marker(self, event: e.Event, attributes: e.MarkerRecorded) -> StepRow | None:
        id, time = event.id, event.time
        self._add(MarkerRow(id, attributes.marker_name, time, rows.RECORDED, time, id))
        return self._step_marker(event, attributes)

    def _step_marker(self, event: e.Event, attributes: e.MarkerRecorded) -> StepRow | None:
        id, time, name = event.id, event.time, attributes.marker_name
        if name != MARKER_NAME:
            row = None
            if name == PACKED_MARKER:
                for single in packed_markers.unpacked([event]):
                    row = self._step_marker(single, single.attributes)  # type: ignore[arg-type]
            return row
        found = report.read(attributes.details)
        if found is None or (status := _STATUSES.get(found.status)) is None:
            return None
        force_setattr(found, "status", status)  # equal texts of a hundred thousand steps are one
        row = self.steps.get(found.step)
        if row is None:
            row = self.steps[found.step] = StepRow(found.step, found, id, time)
            if status == SKIPPED:  # nearly always
                row.forces, row.after, row.end = found.forces, found.after, time
                return row
        elif row.end is not None or found.status == SKIPPED or (found.status == SCHEDULED and row.tasks):
            row.begin, row.end, row.started, row.made_by, row.ran = event.time, None, None, None, False
            row.tasks, row.inner, row.outer = [], (), ()
        elif found.status == SCHEDULED:  # it waited until now
            row.begin = event.time
        force_setattr(found, "step", row.name)
        row.report, row.event_id = found, event.id
        if found.status in _WITH_VERDICT:
            row.forces, row.after = found.forces, found.after
        if found.status == SCHEDULED:
            row.ran = True
            self._enclose(row, attributes.details)
        elif found.status != WAITING:
            row.end = event.time
            if found.status == COMPLETED and found.stale is None:
                row.made_by = self.run_id or None
        return row

    def _enclose(self, step: StepRow, details: str | None) -> None:
        """Let the steps around a step know of it."""
        if details is None or '"inside"' not in details:  # the common case, without decoding again
            return
        for name in values.text_tuple(values.decode(details).get("inside")):
            outer = self.steps.get(name)
            if outer is not None and step.name not in outer.inner:
                if isinstance(outer.inner, list):
                    outer.inner.append(step.name)
                else:
                    outer.inner = [step.name]
                step.outer = (*step.outer, name)


def _refused(row: _R, event: e.Event) -> _R:
    row.state, row.ended, row.end_id = rows.REFUSED, event.time, event.id
    return row


def first_id(attributes: Any) -> int:
    """The id of the event that scheduled, initiated or started what this event is about; 0 if there is none."""
    for member in ("scheduled_event_id", "initiated_event_id"):
        found = getattr(attributes, member, None)
        if found is not None:
            return int(found)
    return int(attributes.started_event_id) if isinstance(attributes, e.TimerFired | e.TimerCanceled) else 0


_ENDS: dict[type[e.Attributes], str] = {
    e.ActivityTaskCompleted: rows.COMPLETED,
    e.ActivityTaskFailed: rows.FAILED,
    e.ActivityTaskTimedOut: rows.TIMED_OUT,
    e.ActivityTaskCanceled: rows.CANCELED,
    e.ChildWorkflowExecutionCompleted: rows.COMPLETED,
    e.ChildWorkflowExecutionFailed: rows.FAILED,
    e.ChildWorkflowExecutionTimedOut: rows.TIMED_OUT,
    e.ChildWorkflowExecutionCanceled: rows.CANCELED,
    e.ChildWorkflowExecutionTerminated: rows.TERMINATED,
    e.TimerFired: rows.FIRED,
    e.TimerCanceled: rows.CANCELED,
    e.ExternalWorkflowExecutionSignaled: rows.DELIVERED,
    e.SignalExternalWorkflowExecutionFailed: rows.FAILED,
}

_RUN_ENDS: dict[type[e.Attributes], str] = {
    e.EVENT_TYPES[kind]: state for (_, kind), state in transitions.EXECUTION.items() if state != transitions.OPEN
}

_TASK_ENDS = [kind for kind in _ENDS if kind.__name__.startswith(("ActivityTask", "ChildWorkflow"))]

RunView.HANDLERS = {
    **dict.fromkeys(_RUN_ENDS, RunView._execution_ended),
    **dict.fromkeys(_ENDS, RunView._row_ended),
    **dict.fromkeys(_TASK_ENDS, RunView._task_ended),
    e.WorkflowExecutionStarted: RunView._execution_started,
    e.DecisionTaskCompleted: RunView._decision_completed,
    e.ActivityTaskScheduled: RunView._activity_scheduled,
    e.ScheduleActivityTaskFailed: RunView._activity_refused,
    e.StartChildWorkflowExecutionInitiated: RunView._child_initiated,
    e.StartChildWorkflowExecutionFailed: RunView._child_refused,
    e.ActivityTaskStarted: RunView._task_started,
    e.ChildWorkflowExecutionStarted: RunView._task_started,
    e.TimerStarted: RunView._timer_started,
    e.StartTimerFailed: RunView._timer_refused,
    e.SignalExternalWorkflowExecutionInitiated: RunView._signal_sent,
    e.WorkflowExecutionSignaled: RunView._signal_received,
    e.MarkerRecorded: RunView._marker,
}
