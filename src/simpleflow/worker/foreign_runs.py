"""Executions that a decider of the existing library named simpleflow has begun.

The ids of its tasks are counters, those of simpleflow come from the structure of a run. So a decider of simpleflow
would not find the results of groups and children in such a history, and would do their work again. It refuses to
decide.

An execution is known as such by the answers to its decision tasks. Each answer of simpleflow stands under an execution
context that names the code (``DecisionWorker``); those of the other library have another context or none, and its
processes give themselves away by their identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.exceptions import InputError

_IDENTITY = {"exe", "hostname"}
"""Keys in the identity of a process of the other library."""


def check(new: Sequence[e.Event], known: Sequence[e.Event], context: str | None) -> None:
    """Raise InputError if another decider has made decisions in a history.

    Args:
        new: the events since the latest check.
        known: the events before them.
        context: the execution context at the end of ``known``.
    """
    current = _decoded(context)
    answers: set[int] = set()  # events of answers of another decider
    starts: dict[int, e.DecisionTaskStarted] = {}
    for event in (*known[-1:], *new):
        attributes = event.attributes
        if isinstance(attributes, e.DecisionTaskStarted):
            starts[event.id] = attributes
        elif isinstance(attributes, e.DecisionTaskCompleted):
            if attributes.execution_context is not None:
                current = _decoded(attributes.execution_context)
            started = starts.get(attributes.started_event_id)
            if "code" not in current or (started is not None and _is_theirs(started.identity)):
                answers.add(event.id)
        elif answers and getattr(attributes, "decision_task_completed_event_id", None) in answers:
            raise InputError(
                f"event {event.id} ({event.type}) was decided by another decider, of the existing simpleflow it seems, "
                "whose task ids differ, so that work would be done twice; leave this run to that decider (each of the "
                "two needs a task list of its own), or terminate the run and start it again"
            )


def _is_theirs(identity: str | None) -> bool:
    return _decoded(identity).keys() >= _IDENTITY and "host" not in _decoded(identity)


def _decoded(text: str | None) -> dict[str, Any]:
    try:
        found = values.decode(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
