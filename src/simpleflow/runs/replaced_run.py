"""How a new run differs from the one of a dead process that it replaces."""

from __future__ import annotations

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.values import arguments


def difference(started: e.WorkflowExecutionStarted, request: StartRequest) -> str:
    """The difference as a part of the reason for which the old run is closed."""
    if started.workflow_type.name != request.name:
        return f"again as workflow {request.name}"
    if arguments(values.decode(started.input)) != arguments(values.decode(request.input)):
        return "again with another input"
    return "again with other steps to force, skip, run or reach, or another --changed or --keep-going"
