"""Event details: the latest signal, marker or timer of a name as a plain dict, for ``Workflow.get_event_details``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.core.history import History
from simpleflow.exceptions import InputError


def event_details(history: History, kind: str, name: str, decode: Callable[[str | None], Any]) -> dict[str, Any] | None:
    """The latest event of that kind (``signal``, ``marker`` or ``timer``) and name; None if there is none.

    Args:
        decode: makes a value from JSON text.

    Raises InputError for another kind.
    """
    if kind == "timer":
        return _timer(history, name, decode)
    if kind not in ("signal", "marker"):
        raise InputError(f"event type {kind!r} is unknown; expected signal, marker or timer")
    events = history.signals.get(name) if kind == "signal" else history.markers.named(name)
    if not events:
        return None
    latest = events[-1]
    attributes: Any = latest.attributes
    found = {"type": kind, "name": name, "event_id": latest.id, "timestamp": latest.time}
    if kind == "marker":
        return found | {"state": "recorded", "details": decode(attributes.details)}
    source = attributes.external_workflow_execution
    return found | {
        "state": "signaled",
        "input": decode(attributes.input),
        "external_workflow_id": source.workflow_id if source else None,
        "external_run_id": source.run_id if source else None,
    }


def _timer(history: History, name: str, decode: Callable[[str | None], Any]) -> dict[str, Any] | None:
    record = history.timers.get(name)
    if record is None or record.scheduled is None:
        return None
    return {
        "type": "timer",
        "name": name,
        "id": name,
        "state": record.state,
        "event_id": record.scheduled_id,
        "timestamp": record.scheduled_at,
        "timeout": int(record.scheduled.start_to_fire_timeout),
        "control": decode(record.scheduled.control),
    }
