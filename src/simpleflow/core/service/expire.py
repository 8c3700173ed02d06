"""The service's clock: what time alone makes of an execution."""

from __future__ import annotations

import heapq

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.deadlines import of_timer
from simpleflow.core.history import History
from simpleflow.core.records import timeout
from simpleflow.core.service.new_events import NewEvents


def next_deadline(history: History) -> float | None:
    """The earliest time (epoch seconds) at which ``expire`` may have something to say; None if there is none."""
    return history.deadlines[0][0] if history.open and history.deadlines else None


def expire(history: History, now: float) -> tuple[e.Event, ...]:
    """The events that are due at ``now``: timers that fire, and tasks and executions that time out. Changes nothing."""
    new = NewEvents(history, now)
    seen: set[tuple[str, str]] = set()
    for kind, id in _due(history, now):
        if (kind, id) in seen:
            continue
        seen.add((kind, id))
        if kind == "execution":
            started = history.started
            limit = timeout(started.execution_start_to_close_timeout)
            if limit is not None and history.events[0].time + limit <= now:
                attributes = e.WorkflowExecutionTimedOut(
                    child_policy=started.child_policy, timeout_type="START_TO_CLOSE"
                )
                return (e.Event(history.next_id, now, attributes),)  # nothing else matters to what is over
        elif kind == "timer":
            _timer(new, id)
        elif kind == "activity":
            _activity(new, id)
        else:
            _decision(new, int(id))
    return new.finish()


def _due(history: History, now: float) -> list[tuple[str, str]]:
    """Kinds and ids whose deadlines have passed, in the order of the deadlines; walks only that part of the heap."""
    heap = history.deadlines
    found = []
    todo = [0]
    while todo:
        index = todo.pop()
        if index < len(heap) and heap[index][0] <= now:
            found.append(heap[index])
            todo += [2 * index + 1, 2 * index + 2]
    return [(kind, id) for _, _, kind, id in sorted(found)]


def _timer(new: NewEvents, id: str) -> None:
    record = new.history.timers[id]
    if record.open and of_timer(record) <= new.now:
        new.add(e.TimerFired(started_event_id=record.scheduled_id, timer_id=id))


def _activity(new: NewEvents, id: str) -> None:
    record = new.history.activities[id]
    deadline = new.history.activity_deadline(record) if record.open else None
    if deadline is not None and deadline[0] <= new.now:
        new.add(
            e.ActivityTaskTimedOut(
                details=record.beat_details,
                scheduled_event_id=record.scheduled_id,
                started_event_id=record.started_id,
                timeout_type=deadline[1],
            )
        )


def _decision(new: NewEvents, event_id: int) -> None:
    """One that was started, or one that waits on a list of its own: its execution goes back to the common list then."""
    history = new.history
    if history.deciding and history.decision_started_id == event_id:
        scheduled_id, started_id, kind = history.decision_taken_id, event_id, "START_TO_CLOSE"
    elif history.decision == t.SCHEDULED and history.decision_scheduled_id == event_id:
        limit = timeout(history.events[event_id - 1].attributes.schedule_to_start_timeout)  # type: ignore[attr-defined]
        if limit is None or history.decision_waits_since + limit > new.now:
            return
        scheduled_id, started_id, kind = event_id, 0, "SCHEDULE_TO_START"
        new.pending = False
    else:
        return
    new.decision_list = history.decision_list_after_time_out
    new.add(e.DecisionTaskTimedOut(scheduled_event_id=scheduled_id, started_event_id=started_id, timeout_type=kind))


def forget_passed(history: History, now: float) -> None:
    """Drop deadlines up to ``now`` that ``expire`` has dealt with; those that have moved stand in the heap anew."""
    moved = {}
    while history.deadlines and history.deadlines[0][0] <= now:
        _, _, kind, id = heapq.heappop(history.deadlines)
        if kind == "activity" and history.activities[id].open:
            moved[id] = history.activities[id]
    for record in moved.values():
        history.watch("activity", record)
