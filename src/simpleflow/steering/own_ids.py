"""The workflow id and the run id of a history, which does not name its run: children and signals may tell them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simpleflow import taskids, values
from simpleflow.core import events as e
from simpleflow.step.mark_activities import CLAIMS

WORKFLOW_ID, RUN_ID = "unknown-workflow-id", "unknown-run-id"
"""The words for ids that are not known."""


def workflow_id(events: Sequence[e.Event]) -> str:
    """The workflow id of the run; WORKFLOW_ID if nothing tells it."""
    return _above_children(events) or _sender(events)[0] or WORKFLOW_ID


def run_id(events: Sequence[e.Event]) -> str:
    """The run id; RUN_ID if nothing tells it."""
    return _told_to_children(events) or _sender(events)[1] or RUN_ID


def _above_children(events: Iterable[e.Event]) -> str | None:
    """The workflow id of the run, as the id of a child begins with it; None without such a child."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
            found, name, _ = attributes.workflow_id.rpartition(f"--{taskids.clean(attributes.workflow_type.name)}-")
            if name:
                return taskids.unclean(found)
    return None


def _sender(events: Sequence[e.Event]) -> tuple[str | None, str | None]:
    """The workflow id and run id of a run that has sent a signal to itself; (None, None) if there is none."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.WorkflowExecutionSignaled) and attributes.external_workflow_execution is not None:
            sender, at = attributes.external_workflow_execution, attributes.external_initiated_event_id or 0
            sent = events[at - 1].attributes if 0 < at <= len(events) else None
            if isinstance(sent, e.SignalExternalWorkflowExecutionInitiated) and sent.workflow_id == sender.workflow_id:
                return sender.workflow_id, sender.run_id
    return None, None


def _told_to_children(events: Iterable[e.Event]) -> str | None:
    """The run id, which children are told for claims: a child claims as a part of the run. None if none is told."""
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.WorkflowExecutionStarted) and CLAIMS in values.reserved(attributes.input):
            return None  # it claims for another run
        if isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
            claims = values.reserved(attributes.input).get(CLAIMS)
            above = claims.get("above") if isinstance(claims, dict) else None
            if isinstance(above, list) and above and isinstance(above[0], str):
                return above[0]
    return None
