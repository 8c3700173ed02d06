"""What comes of an activity or a child that the service refused to schedule: it depends on why, and ends some time."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from simpleflow.core import events as e
from simpleflow.taskids import fit


class Reaction(Enum):
    """What to do about a refusal."""

    AGAIN = "again"
    """The type was missing. Whoever answers decision tasks has registered it meanwhile, if it could be."""

    WAIT = "wait"
    """There is too much at the moment: again, after a pause."""

    GIVE_UP = "give up"
    """It would be refused for ever: the task fails, however many retries it has."""

    FAIL = "fail"
    """The task fails as any other does, and may have retries."""


TRIES = {Reaction.AGAIN: 3, Reaction.WAIT: 20}
"""Refusals in a row after which a task fails; 20 pauses take more than an hour."""

_LONGEST_PAUSE = 300

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


def reaction(failures: Sequence[e.Event]) -> Reaction:
    """What to do about a refusal: the last of an activity's or child's failures, which are given in order."""
    latest = _meant_by(failures[-1])
    assert latest is not None
    in_a_row = 0
    for event in reversed(failures):
        if _meant_by(event) is not latest:
            break
        in_a_row += 1
    return latest if in_a_row < TRIES.get(latest, in_a_row + 1) else Reaction.GIVE_UP


def passed(failures: Sequence[e.Event]) -> int:
    """How many of the failures were refusals after which it was scheduled again: no fault of the task."""
    found = in_a_row = 0
    before: Reaction | None = None
    for event in failures:
        meant = _meant_by(event)
        in_a_row = in_a_row + 1 if meant is before else 1
        before = meant
        found += meant is not None and in_a_row < TRIES.get(meant, 0)
    return found


def is_refusal(event: e.Event) -> bool:
    """Whether the event says that the service refused to schedule an activity or child."""
    return isinstance(event.attributes, _REFUSED)


def pause(failures: Sequence[e.Event]) -> tuple[str, int]:
    """The id of the timer to wait for before another try, and its seconds.

    What was refused in one answer waits for one timer: a thousand may be refused at once.
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
    """The reason of the failure, for people."""
    advice = _ADVICE.get(cause)
    if advice is None and cause.startswith("DEFAULT_"):
        advice = "the type was registered without this default; use another version"
    return f"the service refused it: {cause}" + (f" ({advice})" if advice else "")


def _meant_by(event: e.Event) -> Reaction | None:
    """What one refusal asks for by itself; None for a failure of another kind."""
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


_REFUSED = e.ScheduleActivityTaskFailed | e.StartChildWorkflowExecutionFailed
