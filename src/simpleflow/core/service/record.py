"""Record: the events that a start, an answer of the decider, or something from outside adds to a history.

``start`` begins an execution, ``record`` takes the answer to a decision task, ``happened`` takes events that come from
elsewhere: a worker, a signal, another execution. All return the events that follow and change nothing. The orders of
events are those of Amazon SWF.

Theory of operation: the order of the events of one answer. An answer to a decision task becomes, in this order:

1. one DecisionTaskCompleted;
2. the events of each decision, in the order of the decisions. ``decision_rules`` makes them, and each rule sees what
   the rules before it have written: a timer may be started, cancelled and started again in one answer. A refused
   decision becomes its ``...Failed`` event in the same position (``refusals``);
3. one DecisionTaskScheduled, if an event in 2 wakes the decider (a refusal does), none waits already, and the
   execution has not ended.

Results that came in while the decider was thinking stand before the DecisionTaskCompleted, together with the
DecisionTaskScheduled that the first of them caused. The decider has not seen them, so a closing decision is refused
then (UNHANDLED_DECISION), and the decider decides again with the whole history.

Effects on others come later, with the next events of this execution: a child that has started, a signal that was
delivered. The engine performs them and records their outcomes through ``happened``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.history import History
from simpleflow.core.service.decision_rules import RULES
from simpleflow.core.service.new_events import NewEvents, decision_task
from simpleflow.core.service.refusals import refuse
from simpleflow.exceptions import InputError, UnknownResource


def start(attributes: e.WorkflowExecutionStarted, now: float) -> tuple[e.Event, ...]:
    """The first events of an execution."""
    return e.Event(1, now, attributes), e.Event(2, now, decision_task(attributes))


def happened(history: History, new_attributes: Sequence[e.Attributes], now: float) -> tuple[e.Event, ...]:
    """Events that come from outside the decider, with the decision task that they cause."""
    if len(new_attributes) == 1 and history.decision_pending:  # most results of a wide group
        return (e.Event(history.next_id, now, new_attributes[0]),)
    new = NewEvents(history, now)
    for attributes in new_attributes:
        new.add(attributes)
    return new.finish()


def decision_started(history: History, identity: str | None, now: float) -> tuple[e.Event, ...]:
    """A decider takes the waiting decision task. Raises UnknownResource if none waits or another one is started."""
    if history.decision != t.SCHEDULED:
        raise UnknownResource(f"there is no decision task to start: its state is {history.decision}")
    attributes = e.DecisionTaskStarted(identity=identity, scheduled_event_id=history.decision_scheduled_id)
    return (e.Event(history.next_id, now, attributes),)


def decision_scheduled(history: History, now: float) -> tuple[e.Event, ...]:
    """A decision task that no event causes: the process that drives the execution asks for it. None if one waits."""
    if history.decision != t.IDLE:
        return ()
    return (e.Event(history.next_id, now, decision_task(history.started, history.decision_list)),)


def activity_started(history: History, scheduled_id: int, identity: str | None, now: float) -> tuple[e.Event, ...]:
    """A worker takes an activity task."""
    attributes = e.ActivityTaskStarted(identity=identity, scheduled_event_id=scheduled_id)
    return (e.Event(history.next_id, now, attributes),)


def record(
    history: History,
    decisions: Sequence[d.Decision],
    now: float,
    execution_context: str | None = None,
    new_run_id: str = "",
    refused: Mapping[int, str] | None = None,
    task_list: e.TaskList | None = None,
    schedule_to_start_timeout: str | None = None,
) -> tuple[e.Event, ...]:
    """The events that an answer to the started decision task makes, in the order described at the top of this file.

    Args:
        history: the execution so far; a decision task is started in it.
        decisions: the answer. Only the last decision may close the execution.
        now: time of all the events, in epoch seconds.
        execution_context: text that the decider keeps with the execution; None leaves the text so far in place.
        new_run_id: run id of the execution that a ContinueAsNewWorkflowExecution starts.
        refused: causes by the index of decisions that the engine refuses for reasons outside the history.
        task_list: list for later decision tasks, until one on that list is not started within
            ``schedule_to_start_timeout`` or not answered in time; None: until another answer names a list.
        schedule_to_start_timeout: seconds as text.

    Raises UnknownResource if no decision task is started, InputError if a closing decision is not the last.
    """
    if not history.deciding:
        raise UnknownResource(f"there is no decision task to answer: its state is {history.decision}")
    for decision in decisions[:-1]:
        if isinstance(decision, d.CLOSING):
            raise InputError(f"{type(decision).__name__} closes the execution; expected it to be the last decision")
    new = NewEvents(history, now, new_run_id)
    completed = e.DecisionTaskCompleted(
        execution_context=execution_context,
        scheduled_event_id=history.decision_taken_id,
        started_event_id=history.decision_started_id,
        task_list=task_list,
        task_list_schedule_to_start_timeout=schedule_to_start_timeout,
    )
    completed_id = new.add(completed)
    if task_list is not None:
        new.decision_list = completed
    for index, decision in enumerate(decisions):
        cause = refused.get(index) if refused else None
        if cause is None and new.pending and isinstance(decision, d.CLOSING):
            cause = "UNHANDLED_DECISION"
        if cause is not None:
            refuse(new, decision, completed_id, cause)
        else:
            RULES[type(decision)](new, decision, completed_id)
    return new.finish()
