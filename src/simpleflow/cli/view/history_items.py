"""The rows of a run with what their events hold: an item for each activity, child, timer, signal and marker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.core.records import timeout
from simpleflow.core.work_time import Interval, length, within, without
from simpleflow.shown_text import plain_reason
from simpleflow.step.constants import MARKER_NAME
from simpleflow.views import rows
from simpleflow.views.rows import ACTIVITY, CHILD, REFUSED, AttemptRow, Row, TaskRow, TimerRow
from simpleflow.views.run_view import RunView, first_id

LIMITS = ("start_to_close_timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")
"""The time-outs of an activity."""

_TIMED_OUT = (e.ActivityTaskTimedOut, e.ChildWorkflowExecutionTimedOut)
_IMMEDIATE = (rows.RECEIVED, rows.RECORDED, REFUSED)


@dataclass
class Item:
    """One activity task, child, timer, signal or marker. Times are epoch seconds."""

    kind: str  # see ``views.rows``
    id: str  # activity id, workflow id, timer id, or the name of a signal or marker
    name: str  # of the activity, workflow type, signal or marker; empty for a timer
    event_id: int  # of its first event
    scheduled: float  # time of its first event
    state: str  # see ``views.rows``, or stopped
    step: str | None = None  # the innermost step that it belongs to
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
    hidden: bool = False  # it is about the marks of steps, which few people want to see
    pauses: Sequence[Interval] = ()  # times in which no process drove the run; of activities and children

    @property
    def waited(self) -> float | None:
        """Seconds from scheduling to the start, or to the end of an activity that never started; None until then."""
        if self.started is not None:
            return self._seconds(self.scheduled, self.started)
        if self.kind != ACTIVITY or self.closed is None or self.state == REFUSED:
            return None
        return self._seconds(self.scheduled, self.closed)

    @property
    def worked(self) -> float | None:
        """Seconds between start and end; for a timer or a sent signal, between its first event and its end."""
        if self.closed is None or self.state in _IMMEDIATE or (self.started is None and self.kind in (ACTIVITY, CHILD)):
            return None
        return self._seconds(self.scheduled if self.started is None else self.started, self.closed)

    def _seconds(self, begin: float, end: float) -> float:
        if not self.pauses:
            return end - begin
        return length(without([(begin, end)], within(self.pauses, begin, end)))


def items(events: Sequence[e.Event], view: RunView | None = None) -> list[Item]:
    """Return an item for each activity task, child, timer, signal and marker, in the order of their first events.

    ``view``: the rows of these events, if they are known.
    """
    if view is None:
        view = RunView()
        view.extend(events)
    return [item_of(row, events, view) for row in view.rows.values()]


def item_of(row: Row, events: Sequence[e.Event], view: RunView) -> Item:
    """Return the row of a view with what the events of the run hold."""
    first: Any = events[row.event_id - 1].attributes
    last: Any = events[row.end_id - 1].attributes if row.end_id else None
    item = Item(row.kind, row.id, "" if isinstance(row, TimerRow) else row.name, row.event_id, row.scheduled, row.state)
    item.closed = row.ended
    item.input = getattr(first, "input", None)
    item.result, item.details = getattr(last, "result", None), getattr(last, "details", None)
    item.reason = getattr(last, "reason", None) or getattr(last, "cause", None)
    item.hidden = row.kind == rows.MARKER and row.name == MARKER_NAME
    if isinstance(row, TaskRow):
        start = events[row.start_id - 1] if row.start_id else None
        item.state, item.pauses = view.state_of(row), view.pauses
        item.started, item.version, item.task_list, item.step = row.started, row.version, row.task_list, row.step
        item.worker = getattr(start.attributes, "identity", None) if start is not None else None
        if isinstance(last, _TIMED_OUT):
            item.timeout_type = last.timeout_type
            item.reason = str(timeouts.between(events[row.event_id - 1], start, events[row.end_id - 1]))
    if isinstance(row, AttemptRow):
        item.tries, item.hidden = row.number, row.about_marks
        if isinstance(first, e.ActivityTaskScheduled):
            item.limits = {name: _seconds(getattr(first, name)) for name in LIMITS}
    return item


def activities(every: Iterable[Item]) -> list[Item]:
    """Return the activity tasks, each try as an item. A refused one is left out if its activity was scheduled later."""
    found = [item for item in every if item.kind == ACTIVITY]
    scheduled = {item.id for item in found if item.state != REFUSED}
    return [item for item in found if item.state != REFUSED or item.id not in scheduled]


def latest_tries(tasks: Iterable[Item]) -> list[Item]:
    """Return the last try of each activity id."""
    return list({task.id: task for task in tasks}.values())


def describe_event(event: e.Event, known: dict[int, Item]) -> str:
    """Describe an event in a few words: its item, and its cause, reason or identity.

    ``known`` holds the items by the id of their first event.
    """
    attributes: Any = event.attributes
    item = known.get(event.id) or known.get(first_id(attributes))
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
            words.append(plain_reason(str(value)))
    return ": ".join(words)


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
