"""History: what the events of one execution say, folded event by event into records with an index each.

Both halves read it: the decider to know its tasks, the service to know what is open. Nothing here looks at all events
again, so the cost of an event does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simpleflow.core import deadlines
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.changes import Changes
from simpleflow.core.deadlines import Deadlines
from simpleflow.core.records import RELAY, Key, Record, timeout
from simpleflow.exceptions import InvalidTransition


class History:
    """The events of one execution and what they amount to."""

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        self.events: list[e.Event] = []
        self.state = t.NEW
        self.decision = t.IDLE
        self.decision_scheduled_id = 0  # of the one that waits
        self.decision_started_id = 0  # of the one that is started
        self.decision_taken_id = 0  # DecisionTaskScheduled that the started one belongs to
        self.decision_started_at = 0.0
        self.decision_waits_since = 0.0  # when the one that waits could first have been started
        self.decision_list: e.DecisionTaskCompleted | None = None  # that put other tasks on a list of its own
        self.previous_started_id = 0  # DecisionTaskStarted of the latest one that was completed
        self.execution_context: str | None = None
        self.activities: dict[str, Record] = {}
        self.timers: dict[str, Record] = {}
        self.children: dict[str, Record] = {}
        self.external: dict[int, str] = {}  # signals and cancel requests on their way: state by initiated event id
        self.tasks: dict[int, Record] = {}  # open activities and children by the event id that others refer to
        self.open_activities = 0
        self.open_timers = 0
        self.markers: dict[str, list[e.Event]] = {}
        self.marker_counts: dict[tuple[str, str | None], int] = {}
        self.marker_times: dict[tuple[str, str | None], float] = {}
        self.signals: dict[str, list[e.Event]] = {}
        self.sent_counts: dict[tuple[str, str, str | None, str | None], int] = {}
        self.cancels_sent: set[tuple[str, str | None]] = set()
        self.cancel_requested = False
        self.closed: e.Event | None = None
        self.resumed_at = 0.0
        self.times_out = True  # whether activities do
        self.deadlines = Deadlines(self._matters)
        self.changes: Changes | None = None  # for a decider that reads this history, if one does
        for event in events:
            self.apply(event)

    # What the events say

    @property
    def started(self) -> e.WorkflowExecutionStarted:
        """Attributes of the first event."""
        attributes = self.events[0].attributes
        assert isinstance(attributes, e.WorkflowExecutionStarted)
        return attributes

    @property
    def open(self) -> bool:
        """The execution has not ended."""
        return self.state == t.OPEN

    @property
    def decision_pending(self) -> bool:
        """A decision task is scheduled and not started."""
        return self.decision in (t.SCHEDULED, t.STARTED_AND_SCHEDULED)

    @property
    def deciding(self) -> bool:
        """A decision task is started."""
        return self.decision in (t.STARTED, t.STARTED_AND_SCHEDULED)

    @property
    def next_id(self) -> int:
        """Id of the event that comes next."""
        return len(self.events) + 1

    @property
    def under_way(self) -> int:
        """How many activities, timers and children are open."""
        return len(self.tasks) + self.open_timers

    def hears_others(self, workflow_id: str) -> bool:
        """Whether a signal came in from anywhere but the execution itself, whose workflow id is given."""
        for events in self.signals.values():
            for event in events:
                source = getattr(event.attributes, "external_workflow_execution", None)
                if source is None or source.workflow_id != workflow_id:
                    return True
        return False

    def open_records(self) -> Iterator[tuple[str, Record]]:
        """The open activities, timers and children, each with its kind."""
        for kind, records in (
            ("activity", self.activities),
            ("timer", self.timers),
            ("child", self.children),
        ):
            for record in records.values():
                if record.open:
                    yield kind, record

    # Folding

    def apply(self, event: e.Event) -> None:
        """Add one event. Raises InvalidTransition, and changes nothing, if it cannot be the next one."""
        attributes = event.attributes
        if event.id != len(self.events) + 1:
            raise InvalidTransition(f"event {event.id} cannot follow event {len(self.events)}")
        if self.state != t.OPEN and not isinstance(attributes, e.WorkflowExecutionStarted):
            raise InvalidTransition(f"{event.type} cannot follow: the execution is {self.state}")
        handler = _HANDLERS.get(type(attributes))
        if handler is not None:
            key = handler(self, event, attributes)
            if key is not None and self.changes is not None:
                self.changes.add(key, event)
        self.events.append(event)

    def beat(self, record: Record, now: float, details: str | None = None) -> None:
        """A worker gave a sign of life; SWF writes no event for it, but its details once the activity times out."""
        record.beat_details = details
        record.beat_at = now  # its deadline among the deadlines is now too early, which ``forget_passed`` puts right

    def resume(self, now: float) -> None:
        """Nobody served this execution until ``now``: its open activities have their full time again."""
        self.resumed_at = now
        for kind, record in self.open_records():
            if kind == "activity":
                self.watch(kind, record)

    def activity_deadline(self, record: Record) -> tuple[float, str] | None:
        """When an open activity times out next, and how; None if it never does."""
        if not self.times_out:
            return None
        return deadlines.of_activity(record, self.resumed_at)

    def watch(self, kind: str, record: Record) -> None:
        """Put the next deadline of an open activity or timer among the deadlines."""
        if kind == "timer":
            self.deadlines.push(deadlines.of_timer(record), kind, record.id)
        elif (deadline := self.activity_deadline(record)) is not None:
            self.deadlines.push(deadline[0], kind, record.id)

    def _matters(self, kind: str, id: str) -> bool:
        """Whether a deadline is that of something open."""
        if kind == "activity":
            return self.activities[id].open
        if kind == "timer":
            return self.timers[id].open
        if kind == "decision":
            started = self.deciding and id == str(self.decision_started_id)
            return started or (self.decision_pending and id == str(self.decision_scheduled_id))
        return True

    # One method for each family of events

    def _execution(self, event: e.Event, attributes: Any) -> None:
        self.state = t.move(t.EXECUTION, self.state, type(attributes).__name__, "the execution")
        if self.state != t.OPEN:
            self.closed = event
        elif (limit := timeout(attributes.execution_start_to_close_timeout)) is not None:
            self.deadlines.push(event.time + limit, "execution", "")

    def _decision(self, event: e.Event, attributes: Any) -> None:
        self.decision = t.move(t.DECISION, self.decision, type(attributes).__name__, "the decision task")
        if isinstance(attributes, e.DecisionTaskScheduled):
            self.decision_scheduled_id = event.id
            if self.decision == t.SCHEDULED:
                self._await_decider(event, attributes)
        elif isinstance(attributes, e.DecisionTaskStarted):
            self.decision_started_id = event.id
            self.decision_started_at = event.time
            self.decision_taken_id = attributes.scheduled_event_id
            if (limit := timeout(self.started.task_start_to_close_timeout)) is not None:
                self.deadlines.push(event.time + limit, "decision", str(event.id))
        elif isinstance(attributes, e.DecisionTaskCompleted):
            self.previous_started_id = attributes.started_event_id
            if attributes.execution_context is not None:
                self.execution_context = attributes.execution_context
            if attributes.task_list is not None:
                self.decision_list = attributes
            if self.decision == t.SCHEDULED:
                self._await_decider(event, self.events[self.decision_scheduled_id - 1].attributes)
        else:
            if self.decision_list is not None and self.decision_list.task_list_schedule_to_start_timeout:
                self.decision_list = None
            if self.decision == t.SCHEDULED:
                self._await_decider(event, self.events[self.decision_scheduled_id - 1].attributes)

    def _await_decider(self, event: e.Event, waiting: Any) -> None:
        """The decision task that waits may be started from this event on, and may have to be within some time."""
        self.decision_waits_since = event.time
        if (limit := timeout(waiting.schedule_to_start_timeout)) is not None:
            self.deadlines.push(event.time + limit, "decision", str(self.decision_scheduled_id))

    def _activity_named(self, event: e.Event, attributes: Any) -> Key:
        """Events that carry the activity's id."""
        id = attributes.activity_id
        record = self.activities.get(id) or Record(id)
        state = t.move(t.ACTIVITY, record.state, type(attributes).__name__, "activity ", id)
        self.activities[id] = record
        if isinstance(attributes, e.ActivityTaskScheduled):
            record.begin(event, state)
            self.tasks[event.id] = record
            self.open_activities += 1
            self.watch("activity", record)
        elif isinstance(attributes, e.ActivityTaskCancelRequested):
            record.cancel_requested_id = event.id
        elif isinstance(attributes, e.ScheduleActivityTaskFailed) and state == t.REFUSED:
            record.end(event, state)
        return "activity", id

    def _activity(self, event: e.Event, attributes: Any) -> Key:
        """Events that refer to the event that scheduled the activity."""
        record = self.tasks.get(attributes.scheduled_event_id)
        if record is None:
            raise InvalidTransition(f"{event.type}: event {attributes.scheduled_event_id} is no open activity")
        state = t.move(t.ACTIVITY, record.state, type(attributes).__name__, "activity ", record.id)
        if isinstance(attributes, e.ActivityTaskStarted):
            record.state = state
            record.started_id = event.id
            record.started_at = record.beat_at = event.time
            self.watch("activity", record)
        else:
            record.end(event, state)
            del self.tasks[attributes.scheduled_event_id]
            self.open_activities -= 1
        return "activity", record.id

    def _timer(self, event: e.Event, attributes: Any) -> Key:
        id = attributes.timer_id
        record = self.timers.get(id) or Record(id)
        state = t.move(t.TIMER, record.state, type(attributes).__name__, "timer ", id)
        self.timers[id] = record
        if isinstance(attributes, e.TimerStarted):
            record.begin(event, state)
            self.open_timers += 1
            self.watch("timer", record)
        elif state != record.state:
            self.open_timers -= record.open
            record.end(event, state)
        return "timer", id

    def _child_named(self, event: e.Event, attributes: Any) -> Key:
        """Events that carry the child's workflow id."""
        id = attributes.workflow_id
        record = self.children.get(id) or Record(id)
        if record.open and getattr(attributes, "initiated_event_id", None) == 0:
            return "child", id  # refused at once: that says nothing of the child of this id that is under way
        state = t.move(t.CHILD, record.state, type(attributes).__name__, "child ", id)
        self.children[id] = record
        if isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
            record.begin(event, state)
            self.tasks[event.id] = record
        else:
            self.tasks.pop(attributes.initiated_event_id, None)
            record.end(event, state)
        return "child", id

    def _child(self, event: e.Event, attributes: Any) -> Key:
        """Events that refer to the event that initiated the child."""
        record = self.tasks.get(attributes.initiated_event_id)
        if record is None:
            raise InvalidTransition(f"{event.type}: event {attributes.initiated_event_id} initiated no open child")
        state = t.move(t.CHILD, record.state, type(attributes).__name__, "child ", record.id)
        if isinstance(attributes, e.ChildWorkflowExecutionStarted):
            record.state = state
            record.started_id = event.id
            record.run_id = attributes.workflow_execution.run_id
        else:
            record.end(event, state)
            del self.tasks[attributes.initiated_event_id]
        return "child", record.id

    def _marker(self, event: e.Event, attributes: e.MarkerRecorded) -> Key:
        identity = (attributes.marker_name, attributes.details)
        self.markers.setdefault(attributes.marker_name, []).append(event)
        number = self.marker_counts[identity] = self.marker_counts.get(identity, 0) + 1
        self.marker_times[identity] = event.time
        return "marker", (*identity, number)

    def _signal(self, event: e.Event, attributes: e.WorkflowExecutionSignaled) -> Key:
        self.signals.setdefault(attributes.signal_name, []).append(event)
        return "signal", attributes.signal_name

    def _external(self, event: e.Event, attributes: Any) -> Key | None:
        """Signals and cancel requests that this execution sends."""
        initiated = isinstance(
            attributes,
            e.SignalExternalWorkflowExecutionInitiated | e.RequestCancelExternalWorkflowExecutionInitiated,
        )
        id = event.id if initiated else attributes.initiated_event_id
        kind = type(attributes).__name__
        self.external[id] = t.move(t.EXTERNAL, self.external.get(id, t.NEW), kind, "what was sent by event ", id)
        if isinstance(attributes, e.SignalExternalWorkflowExecutionInitiated):
            if attributes.control is not None and attributes.control.startswith(RELAY):
                return "relayed", (attributes.control, attributes.workflow_id)
            sent = (attributes.signal_name, attributes.workflow_id, attributes.run_id, attributes.input)
            number = self.sent_counts[sent] = self.sent_counts.get(sent, 0) + 1
            return "sent", (*sent, number)
        if isinstance(attributes, e.RequestCancelExternalWorkflowExecutionInitiated):
            self.cancels_sent.add((attributes.workflow_id, attributes.run_id))
            return "cancel", (attributes.workflow_id, attributes.run_id)
        return None

    def _cancel_requested(self, event: e.Event, attributes: Any) -> Key:
        self.cancel_requested = True
        return "cancel_requested", ""


_Handler = Callable[[History, e.Event, Any], Key | None]

_HANDLERS: dict[type[e.Attributes], _Handler] = {
    kind: handler
    for handler, kinds in (
        (
            History._execution,
            (
                e.WorkflowExecutionStarted,
                e.WorkflowExecutionCompleted,
                e.WorkflowExecutionFailed,
                e.WorkflowExecutionTimedOut,
                e.WorkflowExecutionCanceled,
                e.WorkflowExecutionTerminated,
                e.WorkflowExecutionContinuedAsNew,
            ),
        ),
        (
            History._decision,
            (e.DecisionTaskScheduled, e.DecisionTaskStarted, e.DecisionTaskCompleted, e.DecisionTaskTimedOut),
        ),
        (
            History._activity_named,
            (
                e.ActivityTaskScheduled,
                e.ScheduleActivityTaskFailed,
                e.ActivityTaskCancelRequested,
                e.RequestCancelActivityTaskFailed,
            ),
        ),
        (
            History._activity,
            (
                e.ActivityTaskStarted,
                e.ActivityTaskCompleted,
                e.ActivityTaskFailed,
                e.ActivityTaskTimedOut,
                e.ActivityTaskCanceled,
            ),
        ),
        (
            History._timer,
            (e.TimerStarted, e.TimerFired, e.TimerCanceled, e.StartTimerFailed, e.CancelTimerFailed),
        ),
        (
            History._child_named,
            (e.StartChildWorkflowExecutionInitiated, e.StartChildWorkflowExecutionFailed),
        ),
        (
            History._child,
            (
                e.ChildWorkflowExecutionStarted,
                e.ChildWorkflowExecutionCompleted,
                e.ChildWorkflowExecutionFailed,
                e.ChildWorkflowExecutionTimedOut,
                e.ChildWorkflowExecutionCanceled,
                e.ChildWorkflowExecutionTerminated,
            ),
        ),
        (History._marker, (e.MarkerRecorded,)),
        (History._signal, (e.WorkflowExecutionSignaled,)),
        (
            History._external,
            (
                e.SignalExternalWorkflowExecutionInitiated,
                e.SignalExternalWorkflowExecutionFailed,
                e.ExternalWorkflowExecutionSignaled,
                e.RequestCancelExternalWorkflowExecutionInitiated,
                e.RequestCancelExternalWorkflowExecutionFailed,
                e.ExternalWorkflowExecutionCancelRequested,
            ),
        ),
        (History._cancel_requested, (e.WorkflowExecutionCancelRequested,)),
    )
    for kind in kinds
}
