"""The input and results that an execution takes over from the one that it repairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.values import arguments
from simpleflow.worker.performer import Former


def former_input(events: Sequence[e.Event]) -> dict[str, Any]:
    """The input of an execution: ``{"args": [...], "kwargs": {...}}``."""
    started: Any = events[0].attributes
    args, kwargs = arguments(values.decode(started.input))
    return {"args": args, "kwargs": kwargs}


def former_tasks(events: Iterable[e.Event], runs_again: Callable[[str], bool]) -> dict[str, Former]:
    """The activities that completed, by activity id, except those whose name ``runs_again`` answers with True."""
    scheduled: dict[int, Any] = {}
    found: dict[str, Former] = {}
    for event in events:
        attributes: Any = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            scheduled[event.id] = attributes
        elif isinstance(attributes, e.ActivityTaskCompleted):
            task = scheduled[attributes.scheduled_event_id]
            name = task.activity_type.name
            if not runs_again(name):
                found[task.activity_id] = Former(name, task.input, attributes.result)
    return found
