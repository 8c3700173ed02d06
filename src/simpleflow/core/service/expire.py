"""Expire: the events that time alone adds to a history.

Theory of operation: who watches which time-out. The service watches all of them, here; the decider watches none. Each
deadline is a time in epoch seconds with a kind:

    execution   start to close; ends the execution, and then nothing else of it can be due
    decision    start to close of a started decision task; schedule to start of one that waits on a list that an answer
                has named: once it times out, the next task goes back to the common list
    activity    the earliest of schedule to start, schedule to close, start to close and heartbeat
    timer       the time at which it fires

``History`` pushes a deadline when an event makes it (``ExecutionState.watch``), into one heap for each execution. A
deadline is not removed when its task ends: that would cost a search. So a deadline in the heap only says when to check.
For each one that has passed, ``expire`` checks the record: its task may have ended, or a heartbeat may have moved its
time. The engine keeps the earliest deadline of each execution (``next_deadline``), calls ``expire`` when
it comes, records the events, and then calls ``forget_passed``.

``deadlines`` has the heap and the arithmetic of each kind.
"""

from __future__ import annotations

import heapq

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.deadlines import of_timer
from simpleflow.core.history import History
from simpleflow.core.records import timeout
from simpleflow.core.service.new_events import NewEvents


def next_deadline(history: History) -> float | None:
    """The earliest time (epoch seconds) at which ``expire`` may return events; None if there is none."""
    return history.deadlines[0][0] if history.open and history.deadlines else None


def expire(history: History, now: float) -> tuple[e.Event, ...]:
    """The events that are due at ``now``: timers that fire, and tasks and executions that time out. Changes nothing."""
    new = NewEvents(history, now)
    seen: set[tuple[str, str]] = set()
    for kind, id in _passed(history, now):
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
                # This event comes alone: what else is due ends with the execution.
                return (e.Event(history.next_id, now, attributes),)
        elif kind == "timer":
            _timer(new, id)
        elif kind == "activity":
            _activity(new, id)
        else:
            _decision(new, int(id))
    return new.finish()


def _passed(history: History, now: float) -> list[tuple[str, str]]:
    """Kinds and ids of the deadlines that have passed, in order; walks only that part of the heap."""
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
    """A decision task that was started, or one that waits on a list named by an answer."""
    history = new.history
    if history.deciding and history.decision_started_id == event_id:
        scheduled_id, started_id, kind = history.decision_taken_id, event_id, "START_TO_CLOSE"
    elif history.decision == t.SCHEDULED and history.decision_scheduled_id == event_id:
        limit = timeout(history.events[event_id - 1].attributes.schedule_to_start_timeout)  # type: ignore[attr-defined]
        if limit is None or history.decision_waits_since + limit > new.now:
            return
        scheduled_id, started_id, kind = event_id, 0, "SCHEDULE_TO_START"
        new.pending = False  # the task that waited is gone, so that ``finish`` schedules the next one
    else:
        return
    new.decision_list = history.decision_list_after_time_out
    new.add(e.DecisionTaskTimedOut(scheduled_event_id=scheduled_id, started_event_id=started_id, timeout_type=kind))


def forget_passed(history: History, now: float) -> None:
    """Drop the deadlines up to ``now``, which ``expire`` has dealt with; push those that a heartbeat has moved anew."""
    moved = {}
    while history.deadlines and history.deadlines[0][0] <= now:
        _, _, kind, id = heapq.heappop(history.deadlines)
        if kind == "activity" and history.activities.is_open(id):
            moved[id] = history.activities[id]
    for record in moved.values():
        history.watch("activity", record)
