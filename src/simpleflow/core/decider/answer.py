"""The answer to one decision task: as many decisions of the outbox as one answer may hold.

Amazon SWF limits the number of decisions in an answer, its bytes, and the open activities of an execution. Decisions
that do not fit stay in the outbox. If some are left over, the answer ends with a timer of zero seconds, which causes
another decision task at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain

from simpleflow.constants import MAX_ANSWER_BYTES, MAX_DECISIONS, MAX_OPEN_ACTIVITIES, WAKE_UP_TIMER
from simpleflow.core import decisions as d
from simpleflow.core import packed_markers, transitions
from simpleflow.core.decider.evaluation import ROOM, Failure
from simpleflow.core.decider.outbox import Outbox
from simpleflow.core.history import History
from simpleflow.named_tuple import NamedTuple

_LONG = 0.1
"""Share of the events that an execution may have. From this share on, markers of steps share an event."""

_FULL = 0.9
"""Share of the events that an execution may have. From this share on, it fails without delay if it has to fail."""


class Limits(NamedTuple):
    """Limits of one answer and of one execution."""

    decisions: int = MAX_DECISIONS  # of one answer
    answer_bytes: int | None = MAX_ANSWER_BYTES  # of one answer; None for no limit
    open_activities: int = MAX_OPEN_ACTIVITIES  # of the execution, at any time
    events: int | None = None  # of the execution; None for no limit


EMBEDDED = Limits(decisions=ROOM // 2, answer_bytes=None)
"""Those of the embedded engine. What limits an answer there is memory alone: that of its events."""


class Answer(NamedTuple):
    """The answer to a decision task."""

    decisions: list[d.Decision]
    failure: Failure | None = None  # of the run, if it fails


def fit(
    closing: d.Decision | None,
    outbox: Outbox,
    relays: Iterable[d.Decision],
    history: History,
    limits: Limits,
    open_activities: int,
    waits_for_room: bool = False,
) -> list[d.Decision]:
    """The decisions of one answer, in order.

    Args:
        closing: the decision that closes the execution, if there is one; it comes last.
        outbox: the decisions of the workflow. They stay there until the history holds them.
        relays: decisions that pass on received signals.
        open_activities: how many activities the execution may have open.
        waits_for_room: the workflow goes on once the history holds these.
    """
    ends_badly = isinstance(closing, d.FailWorkflowExecution | d.CancelWorkflowExecution)
    most = limits.answer_bytes
    size = _size(closing) if closing is not None else 0
    left = limits.decisions - (1 if closing is None and not waits_for_room else 2)
    found: list[d.Decision] = []
    decisions: Iterable[d.Decision] = chain(outbox.upcoming(open_activities - history.open_activities), relays)
    if limits.events is not None and _is_long(outbox, history, limits, limits.events):
        decisions = packed_markers.pack(decisions)
    for decision in decisions:
        if ends_badly and not isinstance(decision, _AT_ONCE):
            continue  # the execution ends, so the result of work that begins now would be lost
        if isinstance(decision, _TO_OTHERS) and _is_early(decision.workflow_id, outbox, history):
            continue
        if most is not None:
            size += _size(decision)
        if len(found) > left or (found and most is not None and size > most):
            if ends_badly and closing is not None and _is_full(history, limits):
                return [*found[:left], closing]  # the history has no room for the other markers
            return [*found[:left], *_wake_up(history)]
        found.append(decision)
    if closing is None:
        return [*found, *_wake_up(history)] if waits_for_room else found
    return [*found, closing]


def _is_long(outbox: Outbox, history: History, limits: Limits, most: int) -> bool:
    """True if the history has, or gets, so many events that markers of steps share one.

    In the histories of most runs each has its own, which other programs read more easily.
    """
    return outbox.others > limits.decisions or history.last_event_id > _LONG * most


def _is_full(history: History, limits: Limits) -> bool:
    return limits.events is not None and history.last_event_id >= _FULL * limits.events


def is_idle(outbox: Outbox, history: History, limits: Limits) -> bool:
    """True if no task is open and the outbox holds no decisions but markers and signals."""
    upcoming = outbox.upcoming(limits.open_activities)
    return not history.under_way and all(isinstance(each, _AT_ONCE) for each in upcoming)


def holds_back(outbox: Outbox, history: History) -> bool:
    """True if a signal or a request to cancel waits for the start of the child that it goes to."""
    upcoming = outbox.upcoming(0)
    return any(isinstance(each, _TO_OTHERS) and _is_early(each.workflow_id, outbox, history) for each in upcoming)


def _is_early(workflow_id: str, outbox: Outbox, history: History) -> bool:
    """True if ``workflow_id`` is a child that has not started yet. The service would refuse to send it anything."""
    child = history.children.get(workflow_id)
    if child is not None and child.open:
        return child.state == transitions.INITIATED
    return ("child", workflow_id) in outbox


def _wake_up(history: History) -> list[d.Decision]:
    """A timer that causes another decision task at once, unless it is running already."""
    timer = history.timers.get(WAKE_UP_TIMER)
    if timer is not None and timer.open:
        return []
    return [d.StartTimer(start_to_fire_timeout="0", timer_id=WAKE_UP_TIMER)]


_AT_ONCE = (d.RecordMarker, d.SignalExternalWorkflowExecution)
"""Decisions that have their effect at once: an execution that ends loses nothing by them."""

_TO_OTHERS = (d.SignalExternalWorkflowExecution, d.RequestCancelExternalWorkflowExecution)
"""Decisions that address another execution, which may be a child of this one."""


def _size(decision: d.Decision) -> int:
    """Roughly how many bytes of the answer a decision takes: its longest text and an allowance for the rest."""
    for member in _texts(type(decision)):
        if text := getattr(decision, member):
            return 600 + len(text)
    return 600


@cache
def _texts(kind: type[d.Decision]) -> list[str]:
    """The members of such decisions that may be long, the first of which counts that has a text."""
    return [member for member in ("input", "details", "result") if member in kind.__struct_fields__]
