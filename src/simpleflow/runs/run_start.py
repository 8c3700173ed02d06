"""The start of a run: its workflow, its ids and how it is steered, all checked, and the request made of them.

A plan needs the request, too. So this loads nothing of what drives a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simpleflow import settings, values
from simpleflow.checks import check_flag, check_name
from simpleflow.constants import KEEP_GOING
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.exceptions import InputError
from simpleflow.runs.start_overrides import check_folder, checked_overrides
from simpleflow.step.request import REQUEST, request_of
from simpleflow.stores import configured_bucket, is_local
from simpleflow.stores.location import state_url
from simpleflow.values import arguments, reserved
from simpleflow.workflow import Workflow
from simpleflow.workflow_task import WorkflowTask, check_tags


def default_bucket(state: str | os.PathLike[str] | None) -> str:
    """Bucket string of the done marks in a state folder; None: the one of the setting. Raises InputError."""
    # Absolute from here on: the code of the run may change the working folder.
    folder = None if state is None else os.path.abspath(check_folder(state, "state"))
    return state_url(folder or settings.SIMPLEFLOW_STATE)


class RunStart:
    """The arguments of ``local.Executor`` that the start request is made of. Raises InputError."""

    def __init__(
        self,
        workflow_class: type[Workflow],
        *,
        workflow_id: str | None = None,
        tag_list: Sequence[str] | None = None,
        force_steps: str | Iterable[str] = (),
        skip_steps: str | Iterable[str] = (),
        changed: bool = False,
        only_steps: str | Iterable[str] = (),
        until_steps: str | Iterable[str] = (),
        planned_steps: Mapping[str, Any] | None = None,
        keep_going: bool = False,
        overrides: Mapping[str, str] | None = None,
    ) -> None:
        if not (isinstance(workflow_class, type) and issubclass(workflow_class, Workflow)):
            raise InputError(f"{workflow_class!r} is not a workflow class; expected a subclass of simpleflow.Workflow")
        if workflow_id is not None:
            check_name(workflow_id, "workflow id")
        if tag_list is not None and tag_list is not workflow_class.INHERIT_TAG_LIST:
            check_tags(tag_list, "tag_list")
        check_flag(changed, "changed")
        check_flag(keep_going, "keep_going")
        settings.describe()  # find a setting that is not valid now, not in the middle of a run
        if (bucket := configured_bucket()) is not None:
            is_local(bucket)  # as is a bucket that is none
        self.workflow_class = workflow_class
        self.workflow_id = workflow_id
        self._keep_going = keep_going
        self._tag_list = tag_list
        self._overrides = checked_overrides(overrides)
        self._steering = request_of(force_steps, skip_steps, changed, only_steps, until_steps, planned_steps)

    def request(self, input: Any) -> StartRequest:
        """The start request for this input. Raises InputError for an input, id or tag that is not valid."""
        text = values.encode(input, f"input of workflow {self.workflow_class.__name__}")
        given = values.decode(text)
        values.check_keys(given)
        args, kwargs = arguments(given)
        extra = reserved(text)
        if self._steering is not None:
            extra[REQUEST] = self._steering
        if self._keep_going:
            extra[KEEP_GOING] = True
        task = WorkflowTask(None, self.workflow_class, *args, **kwargs)
        tags = self._tag_list if self._tag_list is not None else task.tag_list
        if tags is task.workflow.INHERIT_TAG_LIST:
            tags = None
        self.workflow_id = self.workflow_id or task.workflow_id or task.name
        request = StartRequest(
            workflow_id=self.workflow_id,
            name=task.name,
            version=task.version,
            input=task.encode_input(extra),
            task_list=task.task_list or settings.WORKFLOW_DEFAULT_TASK_LIST,
            tag_list=tuple(check_tags(tags, "tag_list")) if tags else (),
            task_priority=None if task.priority is None else str(task.priority),
            execution_timeout=task.execution_timeout,
            decision_task_timeout=task.decision_tasks_timeout,
            child_policy=task.child_policy,
        )
        return request._replace(**self._overrides)


def difference(started: e.WorkflowExecutionStarted, request: StartRequest) -> str:
    """How a new run differs from the one of a dead process that it replaces: a part of the reason to close that one."""
    if started.workflow_type.name != request.name:
        return f"again as workflow {request.name}"
    if arguments(values.decode(started.input)) != arguments(values.decode(request.input)):
        return "again with another input"
    return "again with other steps to force, skip, run or reach, or another --changed or --keep-going"
