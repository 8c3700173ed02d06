"""Values that users submit or put into groups, chains and steps, as submittables."""

from __future__ import annotations

import copy
from typing import Any

from simpleflow.activity import Activity
from simpleflow.base import AbstractWorkflow, Submittable
from simpleflow.exceptions import NotSubmittable
from simpleflow.task import ActivityTask
from simpleflow.workflow_task import ChildWorkflowTask

_EXPECTED = (
    "expected an activity, a workflow class, (activity, arguments...), a task, a group, a chain, a step "
    "or WaitForSignal"
)


def as_submittable(value: Any, label: str) -> Submittable:
    """Return ``value`` as a submittable.

    Accepts everything that ``Workflow.submit`` accepts, and tuples ``(activity or workflow class, arguments...)``.
    Raises NotSubmittable for anything else; ``label`` says in the message what the value is for.
    """
    if isinstance(value, Submittable):
        return value
    if isinstance(value, tuple) and value:
        if len(value) == 1 and isinstance(value[0], Submittable):
            return value[0]
        return call_of(value[0], value[1:], {}, label)
    return call_of(value, (), {}, label)


def call_of(value: Any, args: tuple[Any, ...], kwargs: dict[str, Any], label: str) -> Submittable:
    """Return the task that calls ``value``, an activity or a workflow class, with arguments.

    Raises NotSubmittable for anything else; ``label`` says in the message what the value is for.
    """
    if isinstance(value, Activity):
        return ActivityTask(value, *args, **kwargs)
    if isinstance(value, type) and issubclass(value, AbstractWorkflow):
        return ChildWorkflowTask(value, *args, **kwargs)
    hint = ""
    if callable(value) and not isinstance(value, type):
        hint = "; decorate the function with @activity.with_attributes()"
    raise NotSubmittable(f"{label} should be a Submittable, Group, or Activity, not {value!r}: {_EXPECTED}{hint}")


def scoped(submittable: Submittable, attr: str, val: Any) -> Submittable:
    """Return a copy with ``attr`` set on all that it submits. The original, which others may hold, is unchanged."""
    twin = copy.copy(submittable)
    twin.propagate_attribute(attr, val)
    return twin
