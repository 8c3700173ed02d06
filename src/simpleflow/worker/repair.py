"""What is taken over from an execution that is repaired by another one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.values import arguments
from simpleflow.worker.performer import Former


def former_input(events: Sequence[e.Event]) -> dict[str, Any]:
    """The input that the execution had: ``{"args": [...], "kwargs": {...}}``."""
    started: Any = events[0].attributes
    args, kwargs = arguments(values.decode(started.input))
    return {"args": args, "kwargs": kwargs}


def former_tasks(events: Iterable[e.Event], again: re.Pattern[str] | None = None) -> dict[str, Former]:
    """The activities that completed, by activity id, but for those in whose name ``again`` is found."""
    scheduled: dict[int, Any] = {}
    found: dict[str, Former] = {}
    for event in events:
        attributes: Any = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            scheduled[event.id] = attributes
        elif isinstance(attributes, e.ActivityTaskCompleted):
            task = scheduled[attributes.scheduled_event_id]
            name = task.activity_type.name
            if not name.startswith(_STEPS) and (again is None or not again.search(name)):
                found[task.activity_id] = Former(name, task.input, attributes.result)
    return found


_STEPS = "simpleflow.step."
"""Activities that read and write done marks, which may have changed since."""
