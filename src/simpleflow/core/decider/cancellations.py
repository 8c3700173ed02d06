"""Requests to end activities and children that a history holds, and which of them were sent."""

from __future__ import annotations

from collections.abc import Iterator

from simpleflow.core import decisions as d
from simpleflow.core.history import History
from simpleflow.core.records import Key, Record
from simpleflow.scopes import Scope


def cancellations(history: History, scope: Scope) -> Iterator[tuple[Key, d.Decision]]:
    """Yield the decisions that end the open activities and children in a scope, as the history holds them.

    Each comes with its key.
    """
    for record in history.activities.kept:
        if record.open and not record.cancel_requested_id and _is_in(scope, record):
            yield ("cancel_activity", record.id), d.RequestCancelActivityTask(activity_id=record.id)
    for record in history.children.values():
        if record.open and _is_in(scope, record) and (decision := cancel_child(history, record)) is not None:
            yield ("cancel", (record.id, record.run_id)), decision


def _is_in(scope: Scope, record: Record) -> bool:
    path = getattr(record.scheduled, "control", None) or record.id
    return path.startswith(scope.path) or f"-{scope.path}" in path or f".{scope.path}" in path


def is_cancel_sent(history: History, record: Record) -> bool:
    """True if the execution has requested the cancellation of a child."""
    sent = history.cancels_sent
    if not sent:
        return False
    if (record.id, record.run_id) in sent or (record.id, None) in sent:
        return True
    return record.run_id is None and any(id == record.id for id, _ in sent)  # its start is not in the history


def cancel_child(history: History, record: Record) -> d.Decision | None:
    """The request to cancel a child; None if it was sent."""
    if is_cancel_sent(history, record):
        return None
    return d.RequestCancelExternalWorkflowExecution(workflow_id=record.id, run_id=record.run_id)
