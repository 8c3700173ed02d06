"""Measurements of deciders and workers, through the API of OpenTelemetry.

Without the package ``opentelemetry-api``, and without a provider that the program or ``opentelemetry-instrument`` has
set, nothing is measured.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from simpleflow.named_tuple import NamedTuple

Found = TypeVar("Found")


class _Instruments(NamedTuple):
    polls: Any
    throttled: Any
    tasks: Any
    duration: Any
    lag: Any


@functools.cache
def _instruments() -> _Instruments | None:
    try:
        from opentelemetry import metrics
    except ImportError:
        return None
    meter = metrics.get_meter("simpleflow")
    return _Instruments(
        meter.create_counter("simpleflow.polls", "{poll}", "Polls for tasks"),
        meter.create_counter("simpleflow.throttled", "{request}", "Requests that the service has throttled"),
        meter.create_counter("simpleflow.tasks", "{task}", "Decision and activity tasks that were done"),
        meter.create_histogram("simpleflow.task.duration", "s", "How long a task took"),
        meter.create_histogram("simpleflow.task.lag", "s", "How long a task waited in its task list"),
    )


def polled(kind: str, task_list: str, poll: Callable[[], Found], has_task: Callable[[Found], bool]) -> Found:
    """Poll, and count the poll by its result: ``task``, ``empty`` or ``error``. ``kind``: decision or activity."""
    found = _instruments()
    if found is None:
        return poll()
    result = "error"
    try:
        answer = poll()
        result = "task" if has_task(answer) else "empty"
        return answer
    finally:
        found.polls.add(1, {"kind": kind, "task_list": task_list, "result": result})


def throttled(operation: str) -> None:
    """A request of that operation was throttled."""
    found = _instruments()
    if found is not None:
        found.throttled.add(1, {"operation": operation})


def done(kind: str, name: str, outcome: str, seconds: float) -> None:
    """A task was done. ``name``: of the type of its activity or workflow."""
    found = _instruments()
    if found is not None:
        attributes = {"kind": kind, "name": name, "outcome": outcome}
        found.tasks.add(1, attributes)
        found.duration.record(seconds, attributes)


def waited(kind: str, name: str, seconds: float) -> None:
    """A task waited so long before a worker or a decider took it."""
    found = _instruments()
    if found is not None:
        found.lag.record(max(0.0, seconds), {"kind": kind, "name": name})
