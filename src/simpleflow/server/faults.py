"""The errors with which the service answers a request that it does not perform, in SWF's words."""

from __future__ import annotations

_SWF = "com.amazonaws.swf.base.model#"


class Fault(Exception):
    """An error that is sent as the reply. ``kind`` is its ``__type`` on the wire, ``status`` the HTTP status."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status


def swf(name: str, message: str) -> Fault:
    """Return a fault of SWF's model, such as ``TypeDeprecatedFault``."""
    return Fault(_SWF + name, message)


def unknown(message: str) -> Fault:
    """Return the fault for something that does not exist, or is closed."""
    return swf("UnknownResourceFault", message)


def unknown_execution(workflow_id: str, run_id: str | None) -> Fault:
    """Return the fault for an execution that does not exist, or is closed."""
    if run_id:
        return unknown(f"Unknown execution: WorkflowExecution=[workflowId={workflow_id}, runId={run_id}]")
    return unknown(f"Unknown execution, workflowId = {workflow_id}")


def invalid(*problems: str) -> Fault:
    """Return the fault for a request that breaks rules of the model; each problem is one sentence."""
    number = len(problems)
    text = f"{number} validation error{'' if number == 1 else 's'} detected: {'; '.join(problems)}"
    return Fault("com.amazon.coral.validate#ValidationException", text)


def refused(message: str) -> Fault:
    """Return the fault for a request that is well formed but not accepted."""
    return Fault("com.amazon.coral.validate#ValidationException", message)


def unreadable(message: str) -> Fault:
    """Return the fault for a request that is not the JSON of its operation."""
    return Fault("com.amazon.coral.service#SerializationException", message)


def throttled() -> Fault:
    """Return the fault for one request too many."""
    return Fault("com.amazon.coral.availability#ThrottlingException", "Rate exceeded")


def unsupported(operation: str) -> Fault:
    """Return the fault for an operation that SWF or this server does not have."""
    return Fault("com.amazon.coral.service#UnknownOperationException", f"operation {operation!r} is not supported here")
