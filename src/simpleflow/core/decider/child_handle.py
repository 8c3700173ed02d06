"""The handle of a child workflow execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import taskids
from simpleflow.activity import PRIORITY_NOT_SET
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.decider import parts, recorded_calls
from simpleflow.core.decider.cancellations import cancel_child, is_cancel_sent
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.decider.retry_handle import RetryHandle, numbered, numbered_id, priority_of
from simpleflow.core.records import Record
from simpleflow.retries import Retry
from simpleflow.scopes import Scope
from simpleflow.task import WorkflowTask


class ChildHandle(RetryHandle):
    """A child workflow execution.

    Its workflow id comes from the class's ``get_workflow_id``. The default is made of the parent's workflow id, the
    child's type, the steps around it, and a digest of its arguments. So a child has the same id in every run, wherever
    it stands in a list, and its done marks are found again. Equal children are told apart by a number. The history
    keeps with each child the position that it was submitted at, so that every evaluation pairs equal ones alike.
    """

    def __init__(self, evaluation: Evaluation, task: WorkflowTask, priority: Any, reserved: str | None = None) -> None:
        super().__init__(evaluation, task, priority)
        self.raises_on_failure = task.raises_on_failure
        # The workflow may know more for its children. This may begin with the first child, so it comes first.
        hands_down = getattr(evaluation.workflow, "hands_down", None)
        further = {} if hands_down is None else hands_down()
        self._handed_down = evaluation.handed_down | further
        if evaluation.scope.scope_owner is not None:
            self._handed_down[parts.PARTS] = {}
        self.input = task.encode_input(self._handed_down)
        self._has_parts = parts.has_parts(task.workflow)
        self._failed_parts: tuple[parts.Part, ...] = ()
        self.inside: Sequence[Any] = ()
        suffix = reserved if reserved is not None else self.reserve(evaluation, task.workflow)
        workflow_id = task.workflow_id
        self.position: str | None = None
        if workflow_id is None:
            arguments = taskids.arguments_suffix(task.args, task.kwargs, f"input of {task.name}")
            if getattr(task.workflow, "idempotent", False):
                workflow_id = self._child_id(arguments)
            else:
                self.position = f"{task.name}-{suffix}"
                # Older histories have no position with a child: its id says it.
                self.positions = (self.position, self._child_id(suffix))
                workflow_id = self._default_id(arguments)
        # An id of its own does not say which containers and steps are around the child.
        self._control = self.position or (f"{task.name}-{suffix}" if evaluation.scope.path else None)
        self.key = ("child", workflow_id)
        self._id = workflow_id
        self._priority = priority_of(evaluation, priority, task.priority or PRIORITY_NOT_SET)
        evaluation.workflows[task.name] = task.workflow  # type: ignore[assignment]

    @property
    def workflow_id(self) -> str:
        """Its workflow id."""
        return str(self.key[1])

    @property
    def failed_parts(self) -> Sequence[parts.Part]:
        """See ``scopes.Child``."""
        if self.promise.done and self.promise.failure is None:
            return self._failed_parts
        return [parts.Part(self.workflow_id, "")] if self._has_parts else []

    def update(self, record: Record) -> None:
        if record.state == t.COMPLETED and record.closed is not None:
            result = getattr(record.closed.attributes, "result", None)
            if not self.evaluation.child_ended(super().value(result), self.scope):
                return
        super().update(record)

    def value(self, text: str | None) -> Any:
        found = parts.unwrap(super().value(text))
        self._failed_parts, self.inside = found.failed, found.inside
        return found.result

    def submitted_in(self, scope: Scope) -> None:
        super().submitted_in(scope)
        owner = scope.scope_owner
        if owner is not None:
            owner.add_child(self)
        else:
            self.evaluation.children.append(self)

    def _child_id(self, suffix: str) -> str:
        parent = self.evaluation.execution.workflow_id
        return taskids.fit(taskids.clean(f"{parent}--{self.task.name}-{suffix}"))

    def _default_id(self, arguments: str) -> str:
        """The id of this child: the one that the history has at its position, else the first that is free."""
        evaluation = self.evaluation
        history = evaluation.history
        for record in history.children_at.get(self.position or "", ()):
            if recorded_calls.is_same(record, self.task.name, self.input):
                return record.id
        around = evaluation.scope.steady_path
        first = self._child_id(f"{around}-{arguments[:16]}" if around else arguments[:16])
        number = evaluation.child_numbers.get(first, 1)
        while True:
            id = first if number == 1 else taskids.fit(f"{first}-{number}")
            known = history.children.get(id)
            # What was decided in this context at another position is going to be met there.
            elsewhere = known is not None and recorded_calls.made_in(history, [known], evaluation.execution.context)
            if not elsewhere and not evaluation.is_submitted(("child", id)):
                evaluation.child_numbers[first] = number
                return id
            number += 1

    @classmethod
    def reserve(cls, evaluation: Evaluation, submittable: Any) -> str:
        return taskids.position_suffix(evaluation.scope, submittable.name or submittable.__name__)

    @property
    def record(self) -> Record | None:
        return self.evaluation.history.children.get(self.key[1])

    def recorded_calls(self) -> list[Record]:
        children = self.evaluation.history.children
        if self.position is None:
            return numbered(children, self._id)
        found = list(self.evaluation.history.children_at.get(self.position, ()))
        for id in (self.positions[1], self.key[1]):
            record = children.get(id)
            if record is not None and record not in found:
                found.append(record)
        return found

    def fresh_id(self) -> str:
        return self._id if self.position is not None else numbered_id(self._id, 1 + len(self.recorded_calls()))

    def decision(self) -> d.StartChildWorkflowExecution:
        task: WorkflowTask = self.task
        started = self.evaluation.history.started
        tags: Any = task.tag_list
        if tags is task.workflow.INHERIT_TAG_LIST:
            tags = [tag for tag in started.tag_list or () if tag is not None]
        task_list = task.task_list
        return d.StartChildWorkflowExecution(
            child_policy=task.child_policy,
            control=self._control,
            execution_start_to_close_timeout=task.execution_timeout,
            input=self.input,
            tag_list=tuple(tags) if tags else None,
            task_list=e.TaskList(task_list) if task_list else None,
            task_priority=self._priority,
            task_start_to_close_timeout=task.decision_tasks_timeout,
            workflow_id=self.key[1],
            workflow_type=e.WorkflowType(task.name, task.version),
        )

    def renew_input(self) -> None:
        if self.task is not None:
            self.input = self.task.encode_input(self._handed_down)

    def own_retries(self) -> Retry:
        return Retry(self.task.workflow.retry)

    def has_sent_cancel(self, record: Record) -> bool:
        return is_cancel_sent(self.evaluation.history, record)

    def request_cancel(self, record: Record) -> None:
        if (decision := cancel_child(self.evaluation.history, record)) is not None:
            self.evaluation.outbox["cancel", (record.id, record.run_id)] = decision
