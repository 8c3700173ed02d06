"""One handler for each family of events: it changes the state of an execution by one event.

A handler first asks the table of its family (``transitions``) for the next state, which raises InvalidTransition if
the event cannot follow, and only then writes. So a refused event leaves no trace.

It returns the key of the record that the event is about, for a decider that reads the changes; None if the event
concerns no record that a decider waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.code_names import SCRIPT
from simpleflow.constants import PACKED_MARKER, STEP_MARKER
from simpleflow.core import events as e
from simpleflow.core import packed_markers
from simpleflow.core import transitions as t
from simpleflow.core.event_log import SomeEvents
from simpleflow.core.execution_state import ExecutionState
from simpleflow.core.records import RELAY, Key, Record, timeout
from simpleflow.exceptions import InvalidTransition

Handler = Callable[[ExecutionState, e.Event, Any], Key | None]


_OF_SCRIPT = SCRIPT + "."


def _execution(state: ExecutionState, event: e.Event, attributes: Any) -> None:
    state.state = t.move(t.EXECUTION, state.state, type(attributes).__name__, "the execution")
    state.open = state.state == t.OPEN
    if not state.open:
        state.closed = event
        return
    state.begin(attributes)
    if (limit := timeout(attributes.execution_start_to_close_timeout)) is not None:
        state.deadlines.push(event.time + limit, "execution", "")


def _decision(state: ExecutionState, event: e.Event, attributes: Any) -> None:
    before = state.decision
    state.decision = t.move(t.DECISION, before, type(attributes).__name__, "the decision task")
    if isinstance(attributes, e.DecisionTaskScheduled):
        state.decision_scheduled_id = event.id
    elif isinstance(attributes, e.DecisionTaskStarted):
        state.decision_started_id = event.id
        state.decision_started_at = event.time
        state.decision_taken_id = attributes.scheduled_event_id
        if (limit := timeout(state.started.task_start_to_close_timeout)) is not None:
            state.deadlines.push(event.time + limit, "decision", str(event.id))
    elif isinstance(attributes, e.DecisionTaskCompleted):
        state.previous_started_id = attributes.started_event_id
        if attributes.execution_context not in (None, state.execution_context):
            state.execution_context = attributes.execution_context
            state.contexts.append((event.id, attributes.execution_context))
        if attributes.task_list is not None:
            state.decision_list = attributes
    else:
        state.decision_list = state.decision_list_after_time_out
    if state.decision == t.SCHEDULED:
        # A decider may start the task that waits from now on: it was just scheduled, or the one before it has ended.
        scheduled: Any = attributes if before == t.IDLE else state.events[state.decision_scheduled_id - 1].attributes
        state.decision_waits_since = event.time
        if (limit := timeout(scheduled.schedule_to_start_timeout)) is not None:
            state.deadlines.push(event.time + limit, "decision", str(state.decision_scheduled_id))


def _activity_by_id(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    """Events that carry the id of the activity."""
    id = attributes.activity_id
    record = state.activities.get(id) or Record(id, state.events)
    new_state = t.move(t.ACTIVITY, record.state, type(attributes).__name__, "activity ", id)
    state.activities[id] = record
    if isinstance(attributes, e.ActivityTaskScheduled):
        record.begin(event, new_state)
        record.type_name = name = attributes.activity_type.name
        if name.startswith(_OF_SCRIPT):
            state.of_script.add(name)
        state.tasks[event.id] = record
        state.open_activities += 1
        state.watch("activity", record)
    elif isinstance(attributes, e.ActivityTaskCancelRequested):
        record.cancel_requested_id = event.id
    elif isinstance(attributes, e.ScheduleActivityTaskFailed) and new_state == t.REFUSED:
        record.end(event, new_state)
    return "activity", id


def _activity(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    """Events that refer to the event that scheduled the activity."""
    record = state.tasks.get(attributes.scheduled_event_id)
    if record is None or state.children.get(record.id) is record:
        raise InvalidTransition(f"{event.type}: event {attributes.scheduled_event_id} is no open activity")
    new_state = t.move(t.ACTIVITY, record.state, type(attributes).__name__, "activity ", record.id)
    if isinstance(attributes, e.ActivityTaskStarted):
        record.state = new_state
        record.started_id = event.id
        record.started_at = record.first_started_at = record.beat_at = event.time
        state.watch("activity", record)
    else:
        record.end(event, new_state)
        del state.tasks[attributes.scheduled_event_id]
        state.open_activities -= 1
        if new_state == t.COMPLETED:
            state.activities.completed(record)
    return "activity", record.id


def _timer(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    id = attributes.timer_id
    record = state.timers.get(id) or Record(id, state.events)
    new_state = t.move(t.TIMER, record.state, type(attributes).__name__, "timer ", id)
    state.timers[id] = record
    if isinstance(attributes, e.TimerStarted):
        record.begin(event, new_state)
        state.open_timers += 1
        state.watch("timer", record)
    elif new_state != record.state:
        state.open_timers -= record.open
        record.end(event, new_state)
    return "timer", id


def _child_by_id(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    """Events that carry the workflow id of the child."""
    id = attributes.workflow_id
    record = state.children.get(id) or Record(id, state.events)
    if record.open and getattr(attributes, "initiated_event_id", None) == 0:
        return "child", id  # a second start was refused at once; the child of this id that is open goes on
    new_state = t.move(t.CHILD, record.state, type(attributes).__name__, "child ", id)
    state.children[id] = record
    if isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
        record.begin(event, new_state)
        record.type_name = attributes.workflow_type.name
        state.tasks[event.id] = record
        if attributes.control is not None and record.tries == 1:
            state.children_at.setdefault(attributes.control, []).append(record)
    else:
        state.tasks.pop(attributes.initiated_event_id, None)
        record.end(event, new_state)
    return "child", id


def _child(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    """Events that refer to the event that initiated the child."""
    record = state.tasks.get(attributes.initiated_event_id)
    if record is None or state.children.get(record.id) is not record:
        raise InvalidTransition(f"{event.type}: event {attributes.initiated_event_id} initiated no open child")
    new_state = t.move(t.CHILD, record.state, type(attributes).__name__, "child ", record.id)
    if isinstance(attributes, e.ChildWorkflowExecutionStarted):
        record.state = new_state
        record.started_id = event.id
        record.first_started_at = event.time
        record.run_id = attributes.workflow_execution.run_id
    else:
        record.end(event, new_state)
        del state.tasks[attributes.initiated_event_id]
    return "child", record.id


def _external(state: ExecutionState, event: e.Event, attributes: Any) -> Key | None:
    """Signals and requests to cancel that this execution sends."""
    id = getattr(attributes, "initiated_event_id", event.id)  # only the initiated event itself does not carry it
    kind = type(attributes).__name__
    before = state.external.get(id, t.NEW)
    state.external[id] = t.move(t.EXTERNAL, before, kind, "the request sent by event ", id)
    if isinstance(attributes, e.SignalExternalWorkflowExecutionInitiated):
        if attributes.control is not None and attributes.control.startswith(RELAY):
            return "relayed", (attributes.control, attributes.workflow_id)
        sent = (attributes.signal_name, attributes.workflow_id, attributes.run_id, attributes.input)
        number = state.sent_counts[sent] = state.sent_counts.get(sent, 0) + 1
        return "sent", (*sent, number)
    if isinstance(attributes, e.RequestCancelExternalWorkflowExecutionInitiated):
        target = (attributes.workflow_id, attributes.run_id)
        state.cancels_sent.add(target)
        return "cancel", target
    return None


def _marker(state: ExecutionState, event: e.Event, attributes: e.MarkerRecorded) -> Key:
    name, details = attributes.marker_name, attributes.details
    if name == PACKED_MARKER:
        singles = enumerate(packed_markers.details_in(attributes))
        return name, tuple(
            ("marker", (STEP_MARKER, each, state.markers.add(event.id, STEP_MARKER, each, at))) for at, each in singles
        )
    return "marker", (name, details, state.markers.add(event.id, name, details))


def _signal(state: ExecutionState, event: e.Event, attributes: e.WorkflowExecutionSignaled) -> Key:
    found = state.signals.get(attributes.signal_name)
    if found is None:
        found = state.signals[attributes.signal_name] = SomeEvents(state.events)
    found.add(event.id)
    return "signal", attributes.signal_name


def _cancel_requested(state: ExecutionState, event: e.Event, attributes: Any) -> Key:
    state.cancel_requested = True
    return "cancel_requested", ""


def _events_of(table: t.Table, member: str = "") -> list[type[e.Attributes]]:
    """The events that a table lists, those with that member only."""
    kinds = {event_type: e.EVENT_TYPES[event_type] for _, event_type in table}
    return [kind for kind in kinds.values() if not member or member in kind.__struct_fields__]


HANDLERS: dict[type[e.Attributes], Handler] = {
    **dict.fromkeys(_events_of(t.EXECUTION), _execution),
    **dict.fromkeys(_events_of(t.DECISION), _decision),
    **dict.fromkeys(_events_of(t.ACTIVITY, "activity_id"), _activity_by_id),
    **dict.fromkeys(_events_of(t.ACTIVITY, "scheduled_event_id"), _activity),
    **dict.fromkeys(_events_of(t.TIMER), _timer),
    **dict.fromkeys(_events_of(t.CHILD, "workflow_id"), _child_by_id),
    **dict.fromkeys(_events_of(t.CHILD, "workflow_execution"), _child),
    **dict.fromkeys(_events_of(t.EXTERNAL), _external),
    e.MarkerRecorded: _marker,
    e.WorkflowExecutionSignaled: _signal,
    e.WorkflowExecutionCancelRequested: _cancel_requested,
}
"""The handlers by the class of an event's attributes. An event of another type is kept and changes nothing."""
