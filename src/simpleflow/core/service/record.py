"""The service's half: what an execution's history becomes.

``start`` begins one, ``record`` takes the answer to a decision task, ``happened`` takes what comes from elsewhere: a
worker, a signal, another execution. All return the events that follow and change nothing. The orders are those of
Amazon SWF.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.history import History
from simpleflow.core.service.decision_rules import RULES, continue_as_new, refuse
from simpleflow.core.service.new_events import NewEvents, decision_task
from simpleflow.exceptions import InputError, UnknownResource


def start(attributes: e.WorkflowExecutionStarted, now: float) -> tuple[e.Event, ...]:
    """The first events of an execution."""
    return e.Event(1, now, attributes), e.Event(2, now, decision_task(attributes))


def happened(history: History, new_attributes: Iterable[e.Attributes], now: float) -> tuple[e.Event, ...]:
    """Events that come from outside the decider, with the decision task that they cause."""
    new = NewEvents(history, now)
    for attributes in new_attributes:
        new.add(attributes)
    return new.finish()


def decision_started(history: History, identity: str | None, now: float) -> tuple[e.Event, ...]:
    """A decider takes the waiting decision task. Raises UnknownResource if none waits or one is being worked on."""
    if history.decision != t.SCHEDULED:
        raise UnknownResource(f"there is no decision task to start: it is {history.decision}")
    attributes = e.DecisionTaskStarted(identity=identity, scheduled_event_id=history.decision_scheduled_id)
    return (e.Event(history.next_id, now, attributes),)


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
    """The events that an answer to the started decision task makes.

    One DecisionTaskCompleted, one event for each decision in the order given (what is refused becomes its ``...Failed``
    event), and a decision task if something was refused. ``new_run_id`` is for ContinueAsNewWorkflowExecution.
    ``refused``: causes by the index of decisions that the service does not accept, whatever the history says.
    ``task_list``: where later decision tasks are put, until one there is not started within
    ``schedule_to_start_timeout`` (seconds as text), or not answered in time; None: until another answer says so.

    Raises UnknownResource if no decision task is started, InputError if a closing decision is not the last.
    """
    if not history.deciding:
        raise UnknownResource(f"there is no decision task to answer: it is {history.decision}")
    for decision in decisions[:-1]:
        if isinstance(decision, d.CLOSING):
            raise InputError(f"{type(decision).__name__} closes the execution; expected it to be the last decision")
    new = NewEvents(history, now)
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
        if refused and index in refused:
            refuse(new, decision, completed_id, refused[index])
        elif isinstance(decision, d.ContinueAsNewWorkflowExecution):
            continue_as_new(new, decision, completed_id, new_run_id)
        else:
            RULES[type(decision)](new, decision, completed_id)
    return new.finish()
