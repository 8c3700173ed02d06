"""The activities, children, timers, signals and markers of a history, one item for each. Pure functions of events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simpleflow.cli.errors import raised
from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.core.records import timeout

ACTIVITY, CHILD, TIMER, SIGNAL, SENT, MARKER = "activity", "child", "timer", "signal", "signal sent", "marker"

REFUSED = "refused"

LIMITS = ("start_to_close_timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")
"""The time-outs of an activity."""

_ENDS: dict[type[e.Attributes], str] = {
    e.ActivityTaskCompleted: "completed",
    e.ActivityTaskFailed: "failed",
    e.ActivityTaskTimedOut: "timed_out",
    e.ActivityTaskCanceled: "canceled",
    e.ChildWorkflowExecutionCompleted: "completed",
    e.ChildWorkflowExecutionFailed: "failed",
    e.ChildWorkflowExecutionTimedOut: "timed_out",
    e.ChildWorkflowExecutionCanceled: "canceled",
    e.ChildWorkflowExecutionTerminated: "terminated",
    e.StartChildWorkflowExecutionFailed: REFUSED,
    e.TimerFired: "fired",
    e.TimerCanceled: "canceled",
    e.ExternalWorkflowExecutionSignaled: "delivered",
    e.SignalExternalWorkflowExecutionFailed: "failed",
}
_TIMED_OUT = (e.ActivityTaskTimedOut, e.ChildWorkflowExecutionTimedOut)
_STARTS = (e.ActivityTaskStarted, e.ChildWorkflowExecutionStarted)
_IMMEDIATE = ("received", "recorded", REFUSED)


@dataclass
class Item:
    """One activity task, child, timer, signal or marker. Times are epoch seconds."""

    kind: str  # one of the constants above, from ACTIVITY to MARKER
    id: str  # activity id, workflow id, timer id, or the name of a signal or marker
    name: str  # of the activity, workflow type, signal or marker; empty for a timer
    event_id: int  # of its first event
    scheduled: float  # time of its first event
    # scheduled, started, completed, failed, timed_out, canceled, terminated, refused, fired, delivered, received or
    # recorded
    state: str = "scheduled"
    version: str | None = None  # of the activity type or workflow type
    tries: int = 1  # tasks of this activity id up to this one, without refused ones
    started: float | None = None
    closed: float | None = None
    worker: str | None = None  # identity of the worker that started it
    input: str | None = None  # as recorded: JSON text, like result and details
    result: str | None = None
    reason: str | None = None  # of a failure or time-out; the cause of a refusal
    timeout_type: str | None = None  # such as START_TO_CLOSE; of what timed out
    limits: dict[str, int | None] | None = None  # time-outs of an activity in seconds, by parameter; None: no limit
    details: str | None = None
    task_list: str | None = None
    first_event: e.Event | None = field(default=None, repr=False)
    start_event: e.Event | None = field(default=None, repr=False)

    @property
    def waited(self) -> float | None:
        """Seconds from scheduling to the start, or to the end of an activity that never started; None until then."""
        if self.started is not None:
            return self.started - self.scheduled
        if self.kind != ACTIVITY or self.closed is None or self.state == REFUSED:
            return None
        return self.closed - self.scheduled

    @property
    def worked(self) -> float | None:
        """Seconds between start and end; for a timer or a sent signal, between its first event and its end."""
        if self.closed is None or self.state in _IMMEDIATE or (self.started is None and self.kind in (ACTIVITY, CHILD)):
            return None
        return self.closed - (self.scheduled if self.started is None else self.started)


def items(events: Iterable[e.Event]) -> list[Item]:
    """Return an item for each activity task, child, timer, signal and marker, in the order of their first events."""
    found: dict[int, Item] = {}
    tries: dict[str, int] = {}
    for event in events:
        begun = _new_item(event)
        if begun is not None:
            found[event.id] = begun
            begun.first_event = event
            if begun.kind == ACTIVITY:
                begun.tries = tries[begun.id] = tries.get(begun.id, 0) + (begun.state != REFUSED)
            continue
        item = found.get(initiating_event_id(event.attributes))
        if item is not None:
            _update(item, event)
    return list(found.values())


def activities(events: Iterable[e.Event]) -> list[Item]:
    """Return the activity tasks, each try as an item. A refused one is left out if its activity was scheduled later."""
    found = [item for item in items(events) if item.kind == ACTIVITY]
    scheduled = {item.id for item in found if item.state != REFUSED}
    return [item for item in found if item.state != REFUSED or item.id not in scheduled]


def latest_tries(tasks: Iterable[Item]) -> list[Item]:
    """Return the last try of each activity id."""
    return list({task.id: task for task in tasks}.values())


def initiating_event_id(attributes: Any) -> int:
    """Return the id of the event that scheduled, initiated or started the item of this event; 0 if there is none."""
    for member in ("scheduled_event_id", "initiated_event_id"):
        found = getattr(attributes, member, None)
        if found is not None:
            return int(found)
    if isinstance(attributes, e.TimerFired | e.TimerCanceled):
        return attributes.started_event_id
    return 0


def describe_event(event: e.Event, known: dict[int, Item]) -> str:
    """Describe an event in a few words: its item, and its cause, reason or identity.

    ``known`` holds the items by the id of their first event.
    """
    attributes: Any = event.attributes
    item = known.get(event.id) or known.get(initiating_event_id(attributes))
    words = [item.id if item.name in ("", item.id) else f"{item.id} {item.name}"] if item is not None else []
    for member in ("workflow_type", "activity_id", "timer_id", "signal_name", "marker_name"):
        value = getattr(attributes, member, None)
        if item is None and value is not None:
            words.append(value if isinstance(value, str) else value.name)
    if item is not None and isinstance(attributes, _TIMED_OUT):
        return ": ".join([*words, item.reason or attributes.timeout_type])
    for member in ("cause", "timeout_type", "reason", "identity", "new_execution_run_id"):
        value = getattr(attributes, member, None)
        if value:
            words.append(raised(str(value)))
    return ": ".join(words)


def _new_item(event: e.Event) -> Item | None:
    """Return the item that begins with an event, or None."""
    a = event.attributes
    id, time = event.id, event.time
    if isinstance(a, e.ActivityTaskScheduled):
        kind = a.activity_type
        return Item(
            ACTIVITY,
            a.activity_id,
            kind.name,
            id,
            time,
            version=kind.version,
            input=a.input,
            task_list=a.task_list.name,
            limits={name: _seconds(getattr(a, name)) for name in LIMITS},
        )
    if isinstance(a, e.StartChildWorkflowExecutionInitiated):
        type_ = a.workflow_type
        return Item(
            CHILD, a.workflow_id, type_.name, id, time, version=type_.version, input=a.input, task_list=a.task_list.name
        )
    if isinstance(a, e.TimerStarted):
        return Item(TIMER, a.timer_id, "", id, time)
    if isinstance(a, e.SignalExternalWorkflowExecutionInitiated):
        return Item(SENT, a.workflow_id, a.signal_name, id, time, input=a.input)
    if isinstance(a, e.WorkflowExecutionSignaled):
        return Item(SIGNAL, a.signal_name, a.signal_name, id, time, "received", closed=time, input=a.input)
    if isinstance(a, e.MarkerRecorded):
        return Item(MARKER, a.marker_name, a.marker_name, id, time, "recorded", closed=time, details=a.details)
    refused = _refused(a)
    if refused is not None:
        kind_, name, type_name = refused
        cause = getattr(a, "cause", None)
        return Item(kind_, name, type_name, id, time, REFUSED, closed=time, reason=cause)
    return None


def _refused(a: e.Attributes) -> tuple[str, str, str] | None:
    if isinstance(a, e.ScheduleActivityTaskFailed):
        return ACTIVITY, a.activity_id, a.activity_type.name
    if isinstance(a, e.StartTimerFailed):
        return TIMER, a.timer_id, ""
    if isinstance(a, e.StartChildWorkflowExecutionFailed) and not a.initiated_event_id:
        return CHILD, a.workflow_id, a.workflow_type.name
    return None


def _update(item: Item, event: e.Event) -> None:
    """Update an item from a later event."""
    a: Any = event.attributes
    if isinstance(a, _STARTS):
        item.state, item.started = "started", event.time
        item.worker = getattr(a, "identity", None)
        item.start_event = event
    elif type(a) in _ENDS:
        item.state, item.closed = _ENDS[type(a)], event.time
        item.result = getattr(a, "result", None)
        item.reason = getattr(a, "reason", None) or getattr(a, "cause", None)
        item.details = getattr(a, "details", None)
        if isinstance(a, _TIMED_OUT):
            item.timeout_type = a.timeout_type
            if item.first_event is not None:
                item.reason = str(timeouts.between(item.first_event, item.start_event, event))


def _seconds(text: str | None) -> int | None:
    limit = timeout(text)
    return None if limit is None else int(limit)


def profile(tasks: Sequence[Item]) -> list[dict[str, Any]]:
    """Return an object for each type of activity, the one with the most working time first.

    Times are seconds, or None if no task of the type has one.
    """
    types: dict[tuple[str, str | None], list[Item]] = {}
    for task in tasks:
        types.setdefault((task.name, task.version), []).append(task)
    found = []
    for (name, version), some in types.items():
        row: dict[str, Any] = {"name": name, "version": version, "count": len(some)}
        row["timed_out"] = sum(each.state == "timed_out" for each in some)
        for word, values in (("waiting", [each.waited for each in some]), ("working", [each.worked for each in some])):
            known = [value for value in values if value is not None]
            row[f"total_{word}"] = sum(known) if known else None
            row[f"mean_{word}"] = sum(known) / len(known) if known else None
            row[f"max_{word}"] = max(known, default=None)
        found.append(row)
    return sorted(found, key=lambda row: (-(row["total_working"] or 0), row["name"], row["version"] or ""))
