"""Registration of types: when one is first used and missing, with the time-outs that it has in this process.

SWF keeps a type for ever as it was registered. This library gives all time-outs with each task that it schedules, so
the registered defaults matter only to others who use the type.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from simpleflow import activity as activities
from simpleflow import settings
from simpleflow import workflow as workflows
from simpleflow.core import events as e
from simpleflow.engines.swf import faults
from simpleflow.exceptions import SimpleflowError
from simpleflow.task import WorkflowTask

log = logging.getLogger(__name__)


def register_missing(client: Any, domain: str, events: Iterable[e.Event]) -> None:
    """Register the types that are missing according to these events: decisions were refused for that.

    A type that cannot be registered is logged. The decider then bounds how often the refused task is tried.
    """
    wanted: dict[tuple[str, str, str], None] = {}
    for event in events:
        attributes = event.attributes
        cause = getattr(attributes, "cause", None)
        if isinstance(attributes, e.ScheduleActivityTaskFailed) and cause == "ACTIVITY_TYPE_DOES_NOT_EXIST":
            wanted["activity", attributes.activity_type.name, attributes.activity_type.version] = None
        elif isinstance(attributes, e.StartChildWorkflowExecutionFailed) and cause == "WORKFLOW_TYPE_DOES_NOT_EXIST":
            wanted["workflow", attributes.workflow_type.name, attributes.workflow_type.version] = None
    for kind, name, version in wanted:
        register = register_activity if kind == "activity" else register_workflow
        try:
            register(client, domain, name, version)
        except SimpleflowError as error:
            log.warning("%s type %s, version %s, is missing in domain %s: %s", kind, name, version, domain, error)


def register_activity(client: Any, domain: str, name: str, version: str) -> None:
    """Register an activity type, unless it exists. Raises SwfError."""
    found = activities.registry.get(name)
    limits = {
        "defaultTaskStartToCloseTimeout": found.task_start_to_close_timeout if found else "NONE",
        "defaultTaskScheduleToCloseTimeout": found.task_schedule_to_close_timeout if found else "NONE",
        "defaultTaskScheduleToStartTimeout": found.task_schedule_to_start_timeout if found else "NONE",
        "defaultTaskHeartbeatTimeout": found.task_heartbeat_timeout if found else "NONE",
    }
    task_list = (found.task_list if found else None) or settings.ACTIVITY_DEFAULT_TASK_LIST
    _register(
        "RegisterActivityType",
        client.register_activity_type,
        domain=domain,
        name=name,
        version=version,
        defaultTaskList={"name": task_list},
        **limits,
    )


def register_workflow(client: Any, domain: str, name: str, version: str) -> None:
    """Register a workflow type, unless it exists. Raises SwfError."""
    found = workflows.registry.get(name)
    task = WorkflowTask(None, found) if found is not None else None
    execution = str(settings.WORKFLOW_DEFAULT_EXECUTION_TIME)
    decision = str(settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT)
    task_list = found.task_list if found is not None and isinstance(found.task_list, str) else None
    _register(
        "RegisterWorkflowType",
        client.register_workflow_type,
        domain=domain,
        name=name,
        version=version,
        defaultTaskList={"name": task_list or settings.WORKFLOW_DEFAULT_TASK_LIST},
        defaultExecutionStartToCloseTimeout=task.execution_timeout if task else execution,
        defaultTaskStartToCloseTimeout=task.decision_tasks_timeout if task else decision,
        defaultChildPolicy=task.child_policy if task else "TERMINATE",
    )


def register_domain(client: Any, domain: str, retention_days: int = 90) -> None:
    """Register a domain, unless it exists. Raises SwfError."""
    _register(
        "RegisterDomain",
        client.register_domain,
        name=domain,
        workflowExecutionRetentionPeriodInDays=str(retention_days),
    )


def _register(action: str, call: Any, **members: Any) -> None:
    try:
        with faults.translated(action):
            call(**members)
    except SimpleflowError as error:
        if faults.code(error.__cause__ or error) not in ("TypeAlreadyExistsFault", "DomainAlreadyExistsFault"):
            raise
