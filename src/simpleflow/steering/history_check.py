"""Replay a history with the code of today, and find the first decision that differs.

The history is cut at its decision tasks, as the decider that made it was called. After each one, the decisions of today
are compared, in order, with the events that followed from the recorded answer. Results of activities come from the
history, so nothing is run.

Inputs of the activities about marks are not compared, nor what children are told of marks and claims: where marks are
kept is a setting, and these activities are found again by the step that they are about. Markers of steps say in which
file their code is, and in which version; that is not compared, either.

A history does not name its run. If nobody says which one it is, ``own_ids`` finds the ids in it, or else gives a word
for each, which in today's decisions fits to any text. The pauses before retries, which differ a little from run to run,
are not compared then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Any

from simpleflow import values
from simpleflow.constants import MAX_EVENTS, RETRY_TIMER
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import packed_markers
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decider.decide import Decider
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.pauses import OF_PROCESS
from simpleflow.core.tolerant_history import TolerantHistory
from simpleflow.exceptions import InputError, InvalidTransition
from simpleflow.named_tuple import NamedTuple
from simpleflow.steering import own_ids
from simpleflow.step.constants import ABOUT_MARKS, MARKER_NAME
from simpleflow.step.mark_activities import CLAIMS
from simpleflow.step.origins import ORIGINS
from simpleflow.step.projection import IN_HISTORY
from simpleflow.workflow import Workflow

_END = "end of the run"


class Decision(NamedTuple):
    """The parts of a decision, or of the event that followed from it, that are compared."""

    kind: str  # such as "activity"
    name: str  # of its type, signal or marker
    id: str
    input: str | None  # also details, result, reason or seconds

    def __str__(self) -> str:
        words = [self.kind, self.name, f"(id {self.id})" if self.id and self.id != self.name else ""]
        with_input = "" if self.input is None else f"with {self.input}"
        return " ".join(filter(None, [*words, with_input]))


class Difference(NamedTuple):
    """The first decision that differs; None where there is none."""

    event_id: int  # of the DecisionTaskStarted
    recorded: Decision | None
    today: Decision | None


class Checked(NamedTuple):
    """The result of a check."""

    tasks: int  # decision tasks that were compared
    decisions: int  # that are the same
    difference: Difference | None


def check(
    workflow_class: type[Workflow],
    events: Sequence[e.Event],
    workflow_id: str | None = None,
    run_id: str | None = None,
    domain: str | None = None,
) -> Checked:
    """Replay a history.

    ``workflow_id`` of the run is part of the ids of its children; None: as the history tells. ``run_id``, ``domain``:
    of the run; None if not known. Raises InputError if the history does not begin with WorkflowExecutionStarted, or if
    events are missing.
    """
    events = list({event.id: event for event in reversed(events)}.values())[::-1]  # pages may overlap
    decider = decider_for(workflow_class, events, workflow_id, run_id=run_id, domain=domain)
    for before, event in pairwise(events):
        if event.id != before.id + 1:
            raise InputError(f"the history has no event {before.id + 1}, but {event.id}; expected all events of a run")
    of_known_run = decider.execution.run_id != own_ids.RUN_ID
    tasks = same = 0
    recorded = _recorded(packed_markers.unpacked(events))
    answered = _answers(events)
    try:
        for piece in pieces(events):
            try:
                decider.advance(piece)
            except InvalidTransition as error:
                raise InputError(f"the history cannot be replayed: {error}; expected all events of a run") from error
            event = piece[-1]
            if event.id not in answered:
                continue  # it timed out, or was not answered yet
            tasks += 1
            then = recorded.get(answered[event.id], [])
            now = list(filter(None, map(_decision_of, packed_markers.single_decisions(decider.answer().decisions))))
            for number in range(max(len(then), len(now))):
                one = then[number] if number < len(then) else None
                other = now[number] if number < len(now) else None
                if one is None or other is None or not _agree(one, other, of_known_run):
                    return Checked(tasks, same, Difference(event.id, one, other))
                same += 1
    finally:
        decider.discard()
    return Checked(tasks, same, None)


def decider_for(
    workflow_class: type[Workflow],
    events: Sequence[e.Event],
    workflow_id: str | None = None,
    kind: type[Decider] = Decider,
    run_id: str | None = None,
    domain: str | None = None,
) -> Decider:
    """Return a decider that decides as the one of this history did. See ``check``."""
    if not events or not isinstance(events[0].attributes, e.WorkflowExecutionStarted):
        raise InputError("the history does not begin with WorkflowExecutionStarted; expected all events of a run")
    marks = _marks_at(events)
    if workflow_id is None:
        of_marks = marks[1].removesuffix("/").removesuffix("/steps") if marks else None
        workflow_id = of_marks or own_ids.workflow_id(events)
    bucket = marks[0] if marks and _keeps_marks(events) else None
    execution = Execution(workflow_id, run_id or own_ids.run_id(events), domain, bucket, None)
    return kind(workflow_class, execution, _limits(events), TolerantHistory())


def pieces(events: Sequence[e.Event]) -> Iterator[Sequence[e.Event]]:
    """Yield the events up to each DecisionTaskStarted, one decision task after the other."""
    begin = 0
    for index, event in enumerate(events):
        if isinstance(event.attributes, e.DecisionTaskStarted):
            yield events[begin : index + 1]
            begin = index + 1


def _marks_at(events: Iterable[e.Event]) -> tuple[str, str] | None:
    """Bucket and prefix of the marks of steps; None without steps."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled) and attributes.activity_type.name.startswith(ABOUT_MARKS):
            args, _ = values.arguments(values.decode(attributes.input))
            if len(args) > 1 and isinstance(args[0], str) and isinstance(args[1], str):
                return args[0], args[1]
    return None


def _keeps_marks(events: Iterable[e.Event]) -> bool:
    """True if the marks were kept with the history itself."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
            details = values.decode(attributes.details)
            if isinstance(details, dict) and details.get(IN_HISTORY) is True:
                return True
    return False


def _limits(events: Iterable[e.Event]) -> Limits:
    """The limits of the decider: some activities are there only where the number of events is limited.

    With marks in a bucket, they are also there without a limit, in a local run.
    """
    deciders = (each.attributes.identity for each in events if isinstance(each.attributes, e.DecisionTaskStarted))
    if (next(deciders, None) or "").startswith(OF_PROCESS):
        return Limits(events=None)
    names = (
        each.attributes.activity_type.name for each in events if isinstance(each.attributes, e.ActivityTaskScheduled)
    )
    return Limits(events=MAX_EVENTS if any(name.endswith(".ReadMarksTask") for name in names) else None)


def _answers(events: Iterable[e.Event]) -> dict[int, int]:
    """By DecisionTaskStarted, the event of the answer."""
    found = ((each.attributes, each.id) for each in events if isinstance(each.attributes, e.DecisionTaskCompleted))
    return {attributes.started_event_id: id for attributes, id in found}


def _recorded(events: Iterable[e.Event]) -> dict[int, list[Decision]]:
    """By DecisionTaskCompleted, what followed from its decisions, in order."""
    found: dict[int, list[Decision]] = {}
    for event in events:
        decided = getattr(event.attributes, "decision_task_completed_event_id", None)
        decision = _decision_of(event.attributes) if decided else None
        if decided and decision is not None:
            found.setdefault(decided, []).append(decision)
    return found


def _agree(recorded: Decision, today: Decision, of_known_run: bool) -> bool:
    """True if two decisions are the same. ``of_known_run``: the run id of the history is known."""
    if recorded[:2] != today[:2] or not _fits(recorded.id, today.id):
        return False
    one, other = recorded.input, today.input
    if one == other or one is None or other is None or today.name.startswith(ABOUT_MARKS):
        return True
    if today.kind == "timer":
        return not of_known_run and today.id.startswith(RETRY_TIMER)
    return _fits(_compared(recorded), _compared(today))


_DROPPED = {"child workflow": (CLAIMS, ORIGINS), _END: (CLAIMS, ORIGINS), MARKER_NAME: ("made_with",)}
"""By kind of decision, or name of marker: the members of its input that are not compared."""


def _fits(recorded: str, today: str) -> bool:
    """True if two texts are the same, apart from ids in today's that are not known."""
    if recorded == today:
        return True
    pattern = re.escape(today)
    for each in (own_ids.WORKFLOW_ID, own_ids.RUN_ID):
        pattern = pattern.replace(re.escape(each), ".*")
    return re.fullmatch(pattern, recorded, re.DOTALL) is not None


def _compared(decision: Decision) -> str:
    """The input of a decision as text, without what does not count."""
    found = values.decode(decision.input)
    if isinstance(found, dict) and (
        dropped := _DROPPED.get(decision.name if decision.kind == "marker" else decision.kind)
    ):
        found = {key: value for key, value in found.items() if key not in dropped}
    return json.dumps(found, sort_keys=True, default=repr)


_MEMBERS: dict[tuple[str, str, str, str], tuple[type, ...]] = {
    ("activity", "activity_type.name", "activity_id", "input"): (
        *(d.ScheduleActivityTask, e.ActivityTaskScheduled, e.ScheduleActivityTaskFailed),
    ),
    ("child workflow", "workflow_type.name", "workflow_id", "input"): (
        *(d.StartChildWorkflowExecution, e.StartChildWorkflowExecutionInitiated, e.StartChildWorkflowExecutionFailed),
    ),
    ("timer", "timer_id", "timer_id", "start_to_fire_timeout"): (d.StartTimer, e.TimerStarted, e.StartTimerFailed),
    ("end of timer", "timer_id", "timer_id", ""): (d.CancelTimer, e.TimerCanceled, e.CancelTimerFailed),
    ("marker", "marker_name", "", "details"): (d.RecordMarker, e.MarkerRecorded),
    ("signal", "signal_name", "workflow_id", "input"): (
        *(d.SignalExternalWorkflowExecution, e.SignalExternalWorkflowExecutionInitiated),
    ),
    ("cancel of activity", "activity_id", "activity_id", ""): (
        *(d.RequestCancelActivityTask, e.ActivityTaskCancelRequested, e.RequestCancelActivityTaskFailed),
    ),
    ("cancel of workflow", "workflow_id", "workflow_id", ""): (
        *(d.RequestCancelExternalWorkflowExecution, e.RequestCancelExternalWorkflowExecutionInitiated),
    ),
    (_END, "completed", "", "result"): (
        *(d.CompleteWorkflowExecution, e.WorkflowExecutionCompleted, e.CompleteWorkflowExecutionFailed),
    ),
    (_END, "failed", "", "reason"): (
        *(d.FailWorkflowExecution, e.WorkflowExecutionFailed, e.FailWorkflowExecutionFailed),
    ),
    (_END, "canceled", "", ""): (
        *(d.CancelWorkflowExecution, e.WorkflowExecutionCanceled, e.CancelWorkflowExecutionFailed),
    ),
    (_END, "continued as new", "", "input"): (
        *(d.ContinueAsNewWorkflowExecution, e.WorkflowExecutionContinuedAsNew, e.ContinueAsNewWorkflowExecutionFailed),
    ),
}
"""The members that hold name, id and input, by kind; with the decision that has them, and the events that follow.

The end of a run has a name of its own, and no id.
"""

_BY_CLASS = {cls: members for members, classes in _MEMBERS.items() for cls in classes}


def _decision_of(attributes: Any) -> Decision | None:
    """The decision, or the one that led to the event with these attributes. That of a refusal has no input."""
    if isinstance(attributes, e.StartChildWorkflowExecutionFailed) and attributes.initiated_event_id:
        return None
    if type(attributes) not in _BY_CLASS:
        return None
    kind, name, id, input = _BY_CLASS[type(attributes)]
    name = name if kind == _END else attrgetter(name)(attributes)
    return Decision(kind, name, getattr(attributes, id) if id else "", getattr(attributes, input, None))
