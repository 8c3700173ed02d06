"""The critical path of a run: the tasks and waits without which it would have ended sooner. A pure function.

A history has no graph of what depends on what. But it says more than a graph: which decision scheduled a task, and when
that decision began, so which ends it had seen. The task waited for the last end before the decision, since a decision
is made as soon as something ends.

So the path is found backwards. It begins with the last end before the run closed, goes to the decision that scheduled
what ended there, then to the last end that this decision had seen, and so on until the start of the run. A try that
follows a failed try of the same activity is scheduled by a decision that has seen the failure, so tries need no extra
rule.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.views import rows
from simpleflow.views.rows import Row, SignalRow, TaskRow, TimerRow
from simpleflow.views.run_view import RunView


class Link(NamedTuple):
    """A part of the critical path. Times are epoch seconds."""

    row: Row  # an activity, a child, a timer, or a signal that the run waited for
    began: float  # from here on the run waited for it
    ended: float  # until here
    queued: float  # seconds of this time in which it waited for a worker


def critical_path(view: RunView, events: Sequence[e.Event]) -> list[Link]:
    """Return the critical path of a run, from its start to its end, or to the last end if it is open.

    Args:
        view: the rows of the run.
        events: its whole history.
    """
    ended = sorted((row for row in view.rows.values() if _counts(row)), key=lambda row: row.end_id)
    ends = [row.end_id for row in ended]
    path: list[Link] = []
    before = _seen_before(events, view.closed_id) if view.closed_id else view.last_id + 1
    while (at := bisect_left(ends, before)) > 0:
        row = ended[at - 1]
        scheduled_by = events[row.event_id - 1].attributes
        decision = getattr(scheduled_by, "decision_task_completed_event_id", 0)
        begin = _seen_before(events, decision) if decision else 0
        began = row.scheduled if decision else _end_before(ended, ends, row)
        path.append(Link(row, began, row.ended or began, _queued(row)))
        before = begin if decision else row.end_id
        if before <= 0:
            break
    return path[::-1]


def _counts(row: Row) -> bool:
    """True if the end of a row lets the decider go on."""
    if isinstance(row, TaskRow):
        return row.end_id > 0 and row.state != rows.REFUSED
    return (isinstance(row, TimerRow) and row.state == rows.FIRED) or isinstance(row, SignalRow)


def _seen_before(events: Sequence[e.Event], id: int) -> int:
    """The id of the event at which the decision began that made an event; the decision has seen all before it."""
    attributes: Any = events[id - 1].attributes
    completed = getattr(attributes, "decision_task_completed_event_id", None)
    if completed:
        attributes = events[completed - 1].attributes
    return attributes.started_event_id if isinstance(attributes, e.DecisionTaskCompleted) else id


def _end_before(ended: Sequence[Row], ends: Sequence[int], row: Row) -> float:
    """When the run began to wait for a signal: at the end before it."""
    at = bisect_left(ends, row.end_id)
    found = ended[at - 1].ended if at else None
    return row.scheduled if found is None else found


def _queued(row: Row) -> float:
    if not isinstance(row, TaskRow):
        return 0.0
    end = row.started if row.started is not None else row.ended
    return max(0.0, (end or row.scheduled) - row.scheduled)
