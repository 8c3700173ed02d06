"""The base of all event attributes, and the small shapes that events and decisions share."""

import msgspec


class Attributes(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """Base of the attributes of every event. The name of the class is SWF's ``eventType``."""


class ActivityType(msgspec.Struct, frozen=True, gc=False):
    """An activity type as it is registered."""

    name: str
    version: str


class WorkflowType(msgspec.Struct, frozen=True, gc=False):
    """A workflow type as it is registered."""

    name: str
    version: str


class TaskList(msgspec.Struct, frozen=True, gc=False):
    """A queue of tasks."""

    name: str


class WorkflowExecution(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """One execution of a workflow."""

    run_id: str  # given by the service, unique
    workflow_id: str  # given by the user; at most one execution of a workflow id is open at a time


#: The tags of a recorded execution. A tag may be null in a history: old clients were allowed to send one.
Tags = tuple[str | None, ...]
