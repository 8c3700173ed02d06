"""The answer to one decision task: as many of the wanted decisions as one answer may hold.

Amazon SWF limits the decisions and the bytes of an answer, and the activities that one execution may have open. What
does not fit stays in the outbox. If decisions are left over, a timer of zero seconds is added, which brings another
decision task at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from simpleflow.constants import MAX_ANSWER_BYTES, MAX_DECISIONS, MAX_OPEN_ACTIVITIES, WAKE_UP_TIMER
from simpleflow.core import decisions as d
from simpleflow.core import transitions
from simpleflow.core.decider.evaluation import Failure
from simpleflow.core.decider.outbox import Outbox
from simpleflow.core.history import History


class Limits(NamedTuple):
    """Limits of one answer and of one execution; ``events`` None: no limit."""

    decisions: int = MAX_DECISIONS
    answer_bytes: int = MAX_ANSWER_BYTES
    open_activities: int = MAX_OPEN_ACTIVITIES
    events: int | None = None


class Answer(NamedTuple):
    """The answer to a decision task; ``failure`` is how the run fails, if it does."""

    decisions: list[d.Decision]
    failure: Failure | None = None


def fit(
    closing: d.Decision | None,
    outbox: Outbox,
    relays: Iterable[d.Decision],
    history: History,
    limits: Limits,
    open_activities: int,
) -> list[d.Decision]:
    """The decisions of one answer, in order.

    Args:
        closing: the decision that closes the execution, if one does; it comes last.
        outbox: the decisions that the workflow wants; what is taken stays there until the history holds it.
        relays: signals to pass on.
        open_activities: how many activities the execution may have open.
    """
    ends_badly = isinstance(closing, d.FailWorkflowExecution | d.CancelWorkflowExecution)
    size = _size(closing) if closing is not None else 0
    left = limits.decisions - (1 if closing is None else 2)
    found: list[d.Decision] = []
    for decision in chain(outbox.take(open_activities - history.open_activities), relays):
        if ends_badly and not isinstance(decision, _AT_ONCE):
            continue  # the execution ends: work that it would begin now would be lost
        if isinstance(decision, _TO_OTHERS) and _is_early(decision.workflow_id, outbox, history):
            continue
        size += _size(decision)
        if len(found) > left or (found and size > limits.answer_bytes):
            return [*found[:left], *_wake_up(history)]
        found.append(decision)
    return found if closing is None else [*found, closing]


def rests(outbox: Outbox, history: History, limits: Limits) -> bool:
    """True if nothing is under way, and the only decisions wanted are markers and signals."""
    wanted = outbox.take(limits.open_activities)
    return not history.under_way and all(isinstance(each, _AT_ONCE) for each in wanted)


def holds_back(outbox: Outbox, history: History) -> bool:
    """True if a signal or a cancel request waits for the start of the child that it goes to."""
    wanted = outbox.take(0)
    return any(isinstance(each, _TO_OTHERS) and _is_early(each.workflow_id, outbox, history) for each in wanted)


def _is_early(workflow_id: str, outbox: Outbox, history: History) -> bool:
    """True if that is a child which has not started yet: the service would refuse to send it anything."""
    child = history.children.get(workflow_id)
    if child is not None and child.open:
        return child.state == transitions.INITIATED
    return ("child", workflow_id) in outbox


def _wake_up(history: History) -> list[d.Decision]:
    timer = history.timers.get(WAKE_UP_TIMER)
    if timer is not None and timer.open:
        return []
    return [d.StartTimer(start_to_fire_timeout="0", timer_id=WAKE_UP_TIMER)]


_AT_ONCE = (d.RecordMarker, d.SignalExternalWorkflowExecution)
_TO_OTHERS = (d.SignalExternalWorkflowExecution, d.RequestCancelExternalWorkflowExecution)


def _size(decision: d.Decision) -> int:
    """About how many bytes of the answer a decision takes."""
    text = getattr(decision, "input", None) or getattr(decision, "details", None) or getattr(decision, "result", None)
    return 600 + (len(text) if text else 0)
