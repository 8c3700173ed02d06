"""The outcome of a run that has closed: its result, or the error with which it ended."""

from __future__ import annotations

from typing import Any

from simpleflow import values
from simpleflow.core import timeouts, transitions
from simpleflow.core.decider.evaluation import Failure
from simpleflow.engines.embedded import Run
from simpleflow.exceptions import (
    ExecutionCanceled,
    ExecutionError,
    ExecutionTerminated,
    ExecutionTimeoutError,
    WorkflowException,
)


def outcome(run: Run, failure: Failure | None) -> Any:
    """The result of a run that has completed. Raises the error of one that ended in another way."""
    closed = run.history.closed
    assert closed is not None
    attributes: Any = closed.attributes
    if run.history.state == transitions.COMPLETED:
        return values.decode(attributes.result)
    if failure is not None and run.history.state == transitions.FAILED:
        raise failure.error
    kind, default = _ENDS[run.history.state]
    if kind is ExecutionTimeoutError:
        raise kind(f"{default}: {timeouts.of_execution(run.history.events[0], closed)}")
    raise kind(getattr(attributes, "reason", None) or default, getattr(attributes, "details", None))


_ENDS: dict[str, tuple[type[WorkflowException], str]] = {
    transitions.FAILED: (ExecutionError, "the workflow execution failed"),
    transitions.CANCELED: (ExecutionCanceled, "the workflow execution was cancelled"),
    transitions.TIMED_OUT: (ExecutionTimeoutError, "the workflow execution timed out"),
    transitions.TERMINATED: (ExecutionTerminated, "the workflow execution was terminated"),
}
