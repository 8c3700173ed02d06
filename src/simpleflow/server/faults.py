"""What the service answers instead of doing what was asked, in SWF's words."""

from __future__ import annotations

_SWF = "com.amazonaws.swf.base.model#"


class Fault(Exception):
    """An answer with an HTTP error; ``kind`` is the ``__type`` on the wire."""

    def __init__(self, kind: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status


def swf(name: str, message: str) -> Fault:
    """One of the faults of SWF's model, such as ``TypeDeprecatedFault``."""
    return Fault(_SWF + name, message)


def unknown(message: str) -> Fault:
    """Something that is not there, or is over."""
    return swf("UnknownResourceFault", message)


def unknown_execution(workflow_id: str, run_id: str | None) -> Fault:
    """There is no such execution, or it is closed."""
    if run_id:
        return unknown(f"Unknown execution: WorkflowExecution=[workflowId={workflow_id}, runId={run_id}]")
    return unknown(f"Unknown execution, workflowId = {workflow_id}")


def invalid(*problems: str) -> Fault:
    """A request that breaks the model's rules."""
    number = len(problems)
    text = f"{number} validation error{'' if number == 1 else 's'} detected: {'; '.join(problems)}"
    return Fault("com.amazon.coral.validate#ValidationException", text)


def refused(message: str) -> Fault:
    """A request that is well formed and still not accepted."""
    return Fault("com.amazon.coral.validate#ValidationException", message)


def unreadable(message: str) -> Fault:
    """A request that is not the JSON of its operation."""
    return Fault("com.amazon.coral.service#SerializationException", message)


def throttled() -> Fault:
    """One request too many."""
    return Fault("com.amazon.coral.availability#ThrottlingException", "Rate exceeded")


def unsupported(operation: str) -> Fault:
    """An operation that SWF or this server does not have."""
    return Fault("com.amazon.coral.service#UnknownOperationException", f"operation {operation!r} is not supported here")
