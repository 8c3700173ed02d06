"""Refusals: how the decider reacts to a refused activity or child, by cause, with bounded retries.

Theory of operation. The service may accept an answer and still refuse to schedule one of its activities or to start one
of its children. The history then has a ``...Failed`` event with a cause. Causes fall into four groups (``Reaction``):

    AGAIN     the type is not registered. The engine registers it meanwhile, if it may, so schedule the task again
    WAIT      there is too much of something at the moment. Schedule the task again after a pause that grows each time
    GIVE_UP   the service would refuse it for ever. Fail the task, and use no retries
    FAIL      any other cause. Fail the task as if it had run and failed: it may have retries

AGAIN and WAIT end: after so many refusals in a row with the same reaction (``TRIES``), the reaction is GIVE_UP.
Refusals after which the task was scheduled again do not use up its retries, since they were not its fault (``passed``).

Everything is computed from the failures that the history holds, so each evaluation comes to the same reaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from simpleflow.core import events as e
from simpleflow.taskids import fit


class Reaction(Enum):
    """The reaction to a refusal; see the top of this file."""

    AGAIN = "again"
    WAIT = "wait"
    GIVE_UP = "give up"
    FAIL = "fail"


TRIES = {Reaction.AGAIN: 3, Reaction.WAIT: 20}
"""Refusals in a row after which the decider gives up; 20 pauses take more than an hour."""

_LONGEST_PAUSE = 300
"""Seconds."""

_MISSING = ("ACTIVITY_TYPE_DOES_NOT_EXIST", "WORKFLOW_TYPE_DOES_NOT_EXIST")

_TOO_MUCH = (
    "OPEN_ACTIVITIES_LIMIT_EXCEEDED",
    "ACTIVITY_CREATION_RATE_EXCEEDED",
    "ACTIVITY_ID_ALREADY_IN_USE",
    "OPEN_CHILDREN_LIMIT_EXCEEDED",
    "OPEN_WORKFLOWS_LIMIT_EXCEEDED",
    "CHILD_CREATION_RATE_EXCEEDED",
)

_ADVICE = {
    "ACTIVITY_TYPE_DOES_NOT_EXIST": "the type is not registered; register it, or permit swf:RegisterActivityType",
    "WORKFLOW_TYPE_DOES_NOT_EXIST": "the type is not registered; register it, or permit swf:RegisterWorkflowType",
    "ACTIVITY_TYPE_DEPRECATED": "use another version of the type",
    "WORKFLOW_TYPE_DEPRECATED": "use another version of the type",
    "OPERATION_NOT_PERMITTED": "give the decider's credentials the right to",
}

_REFUSED = e.ScheduleActivityTaskFailed | e.StartChildWorkflowExecutionFailed


def is_refusal(event: e.Event) -> bool:
    """True if the event says that the service refused to schedule an activity or to start a child."""
    return isinstance(event.attributes, _REFUSED)


def reaction(failures: Sequence[e.Event]) -> Reaction:
    """The reaction to a refusal: the last of the failures of an activity or child, which are given in order."""
    latest = _by_cause(failures[-1])
    assert latest is not None
    in_a_row = 0
    for event in reversed(failures):
        if _by_cause(event) is not latest:
            break
        in_a_row += 1
    return latest if in_a_row < TRIES.get(latest, in_a_row + 1) else Reaction.GIVE_UP


def is_tried_again(failures: Sequence[e.Event]) -> bool:
    """True if the last failure is a refusal after which the task is scheduled again."""
    return is_refusal(failures[-1]) and reaction(failures) in TRIES


def passed(failures: Sequence[e.Event]) -> int:
    """How many of the failures are refusals after which the task was scheduled again."""
    count = in_a_row = 0
    before: Reaction | None = None
    for event in failures:
        by_cause = _by_cause(event)
        in_a_row = in_a_row + 1 if by_cause is before else 1
        before = by_cause
        count += by_cause is not None and in_a_row < TRIES.get(by_cause, 0)
    return count


def pause(failures: Sequence[e.Event]) -> tuple[str, int]:
    """The timer to wait for before another try: its id, and its seconds, which double with each refusal in a row.

    All refusals of one answer give the same timer id. A thousand activities may be refused at once, and need no more
    than one timer.
    """
    attributes = failures[-1].attributes
    assert isinstance(attributes, _REFUSED)
    tries = 0
    for event in reversed(failures):
        if not is_refusal(event):
            break
        tries += 1
    timer_id = fit(f"_simpleflow_refused_{attributes.decision_task_completed_event_id}")
    return timer_id, min(2**tries, _LONGEST_PAUSE)


def reason(cause: str) -> str:
    """The reason of the failure, for people, with advice where there is some."""
    advice = _ADVICE.get(cause)
    if advice is None and cause.startswith("DEFAULT_"):
        advice = "the type was registered without this default; use another version"
    return f"the service refused it: {cause}" + (f" ({advice})" if advice else "")


def _by_cause(event: e.Event) -> Reaction | None:
    """The reaction to the cause of one refusal, without regard to those before it; None for another kind of failure."""
    if not isinstance(event.attributes, _REFUSED):
        return None
    cause = event.attributes.cause
    if cause in _MISSING:
        return Reaction.AGAIN
    if cause in _TOO_MUCH:
        return Reaction.WAIT
    if cause.endswith(("_DEPRECATED", "_UNDEFINED")) or cause == "OPERATION_NOT_PERMITTED":
        return Reaction.GIVE_UP
    return Reaction.FAIL
