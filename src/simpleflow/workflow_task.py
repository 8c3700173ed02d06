"""Child workflows as tasks, and the attributes of a workflow class that describe its executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import settings
from simpleflow.activity import check_priority, seconds
from simpleflow.base import AbstractWorkflow, Call, type_name
from simpleflow.call_task import CallTask, parse_limit
from simpleflow.checks import check_name
from simpleflow.constants import MAX_VERSION_LENGTH
from simpleflow.exceptions import InputError, NotSubmittable


class WorkflowTask(CallTask):
    """A child workflow with its arguments.

    ``executor`` may be None. ``workflow_task_list`` overrides the class's own task list. The settings
    ``WORKFLOW_DEFAULT_*`` give the version and the time-outs that the class does not define.

    Raises NotSubmittable if ``workflow`` is not a workflow class, InputError for attributes of it that are not valid.
    """

    def __init__(
        self,
        executor: Any,
        workflow: type[AbstractWorkflow],
        /,
        *args: Any,
        workflow_task_list: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not (isinstance(workflow, type) and issubclass(workflow, AbstractWorkflow)):
            raise NotSubmittable(f"{workflow!r} is not a workflow class; expected a subclass of simpleflow.Workflow")
        _check_class(workflow)
        self.executor = executor
        self.workflow = workflow
        self.raises_on_failure = workflow.raises_on_failure
        self._task_list = workflow_task_list
        super().__init__(*args, **kwargs)

    def _from_class(self, method: str, attribute: str) -> Any:
        """Return ``method(*args, **kwargs)`` of the class if it defines that method, else its attribute or None."""
        if hasattr(self.workflow, method):
            return getattr(self.workflow, method)(*self.args, **self.kwargs)
        return getattr(self.workflow, attribute, None)

    def _seconds(self, attribute: str, default: int) -> str:
        given = getattr(self.workflow, attribute, None)
        return seconds(default if given is None else given, f"{attribute} of workflow {self.name}")

    @property
    def name(self) -> str:  # type: ignore[override]
        """The workflow type's name: the class's ``name``, else ``<module>.<class>``."""
        return type_name(self.workflow)

    @property
    def version(self) -> str:
        """The workflow type's version: the class's ``version``, else the setting WORKFLOW_DEFAULT_VERSION."""
        return self.workflow.version or settings.WORKFLOW_DEFAULT_VERSION

    @property
    def workflow_id(self) -> str | None:
        """The result of the class's ``get_workflow_id(*args, **kwargs)``; None if it has no such method."""
        if not hasattr(self.workflow, "get_workflow_id"):
            return None
        found = self.workflow.get_workflow_id(*self.args, **self.kwargs)
        return None if found is None else check_name(found, f"workflow id of {self.name}")

    @property
    def task_list(self) -> str | None:
        """The task list of its decision tasks; None if neither the task nor the class sets one."""
        found = self._task_list or self._from_class("get_task_list", "task_list")
        return None if found is None else check_name(found, f"task list of workflow {self.name}")

    @property
    def tag_list(self) -> list[str] | None:
        """Its tags, at most five; None if the class sets none; ``INHERIT_TAG_LIST`` for those of the parent."""
        tags = self._from_class("get_tag_list", "tag_list")
        if tags is None or tags is self.workflow.INHERIT_TAG_LIST:
            return tags
        return check_tags(tags, f"tag_list of workflow {self.name}")

    @property
    def priority(self) -> Any:
        """Its task priority, checked; None if the class defines a property, since only instances have its value."""
        priority = self.workflow.task_priority
        if isinstance(priority, property):
            return None
        check_priority(priority, f"task_priority of workflow {self.name}")
        return priority

    @property
    def execution_timeout(self) -> str:
        """Seconds until the execution times out, as text."""
        return self._seconds("execution_timeout", settings.WORKFLOW_DEFAULT_EXECUTION_TIME)

    @property
    def decision_tasks_timeout(self) -> str:
        """Seconds that one decision may take, as text."""
        return self._seconds("decision_tasks_timeout", settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT)

    @property
    def child_policy(self) -> str:
        """The fate of its children when it is terminated or times out: TERMINATE, REQUEST_CANCEL or ABANDON."""
        policy = getattr(self.workflow, "child_policy", None) or "TERMINATE"
        if policy not in ("TERMINATE", "REQUEST_CANCEL", "ABANDON"):
            raise InputError(
                f"child_policy of workflow {self.name} is {policy!r}; expected TERMINATE, REQUEST_CANCEL or ABANDON"
            )
        return str(policy)

    def propagate_attribute(self, attr: str, val: Any) -> None:
        setattr(self, attr, val)

    def calls(self) -> Sequence[Call]:
        return (Call(self.name, self.workflow, self.args, self.kwargs),)

    def time_limit(self) -> float | None:
        if self.execution_timeout == str(settings.WORKFLOW_DEFAULT_EXECUTION_TIME):
            return None  # the default limit is no estimate for this workflow
        limit = parse_limit(self.execution_timeout)
        return None if limit is None else (self.workflow.retry + 1) * limit


class ChildWorkflowTask(WorkflowTask):
    """A child workflow with its arguments, for use as a member of a canvas or a step."""

    def __init__(
        self,
        workflow: type[AbstractWorkflow],
        /,
        *args: Any,
        workflow_task_list: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(None, workflow, *args, workflow_task_list=workflow_task_list, **kwargs)


def _check_class(workflow: type[AbstractWorkflow]) -> None:
    """Raise InputError if an attribute of a workflow class is not valid."""
    name = f"{workflow.__module__}.{workflow.__name__}"
    if workflow.name:
        check_name(workflow.name, f"name of workflow {name}")
    if workflow.version:
        check_name(workflow.version, f"version of workflow {name}", MAX_VERSION_LENGTH)
    for attribute, least in (("retry", 0), ("max_open_activity_count", 1)):
        number = getattr(workflow, attribute, least)
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise InputError(f"{attribute} of workflow {name} is {number!r}; expected a number, {least} or more")


def check_tags(tags: Any, label: str) -> list[str]:
    """Return the tags as a list. Raises InputError unless they are at most five texts of 1 to 256 characters."""
    if isinstance(tags, str) or not isinstance(tags, list | tuple):
        raise InputError(f"{label} is {tags!r}; expected a list of at most 5 texts")
    if len(tags) > 5:
        raise InputError(f"{label} holds {len(tags)} tags; expected 5 at most")
    return [check_name(tag, f"{label}: tag") for tag in tags]
