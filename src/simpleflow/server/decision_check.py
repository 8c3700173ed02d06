"""Checks decisions against the registered types and the limits of an execution.

A decision gets the defaults of its type, or is refused with a cause. Rules that depend only on the execution's own
history (an activity id in use, a close while events wait) are in ``simpleflow.core.service``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from simpleflow.core import decisions as d
from simpleflow.core.decisions import Decision
from simpleflow.core.events import TaskList
from simpleflow.core.history import History
from simpleflow.server.registry import Entry, Registry

UNHANDLED = "UNHANDLED_DECISION"
"""Cause of a closing decision that is refused because events have arrived since the decision task began."""

WORKFLOW_DEFAULTS = {
    "execution_start_to_close_timeout": "defaultExecutionStartToCloseTimeout",
    "task_list": "defaultTaskList",
    "task_start_to_close_timeout": "defaultTaskStartToCloseTimeout",
    "child_policy": "defaultChildPolicy",
}
"""Values that a workflow execution must have, and the members of its type with their defaults."""

WORKFLOW_OPTIONS = {"task_priority": "defaultTaskPriority", "lambda_role": "defaultLambdaRole"}
"""Values that it may have, likewise."""

_ACTIVITY_DEFAULTS = {
    "task_list": "defaultTaskList",
    "schedule_to_close_timeout": "defaultTaskScheduleToCloseTimeout",
    "schedule_to_start_timeout": "defaultTaskScheduleToStartTimeout",
    "start_to_close_timeout": "defaultTaskStartToCloseTimeout",
    "heartbeat_timeout": "defaultTaskHeartbeatTimeout",
}
_ACTIVITY_OPTIONS = {"task_priority": "defaultTaskPriority"}


@dataclass(frozen=True)
class Limits:
    """Limits of one execution. The defaults are Amazon SWF's."""

    open_activities: int = 1_000
    open_timers: int = 1_000
    open_children: int = 1_000
    events: int = 25_000


class DecisionCheck:
    """Checks the decisions of one domain."""

    def __init__(self, activity_types: Registry, workflow_types: Registry, limits: Limits) -> None:
        self._activity_types = activity_types
        self._workflow_types = workflow_types
        self._limits = limits

    def check(self, history: History, decisions: Sequence[Decision]) -> tuple[list[Decision], dict[int, str]]:
        """Return the decisions with the defaults of their types, and the causes of those that are refused, by index."""
        filled: list[Decision] = []
        refused: dict[int, str] = {}
        remaining = _Remaining(history, self._limits)
        for index, decision in enumerate(decisions):
            cause: str | None = None
            if isinstance(decision, d.ScheduleActivityTask):
                entry = self._activity_types.find(decision.activity_type.name, decision.activity_type.version)
                cause = _state(entry, "ACTIVITY") or remaining.activity()
                if cause is None and entry is not None:
                    decision, cause = _fill(decision, entry, _ACTIVITY_DEFAULTS, _ACTIVITY_OPTIONS)
            elif isinstance(decision, d.StartChildWorkflowExecution):
                entry = self._workflow_types.find(decision.workflow_type.name, decision.workflow_type.version)
                cause = _state(entry, "WORKFLOW") or remaining.child()
                if cause is None and entry is not None:
                    decision, cause = _fill(decision, entry, WORKFLOW_DEFAULTS, WORKFLOW_OPTIONS)
            elif isinstance(decision, d.ContinueAsNewWorkflowExecution):
                if not history.decision_pending:  # otherwise it is refused for that reason
                    kind = history.started.workflow_type
                    entry = self._workflow_types.find(kind.name, decision.workflow_type_version or kind.version)
                    cause = _state(entry, "WORKFLOW")
                    if cause is None and entry is not None:
                        decision, cause = _fill(decision, entry, WORKFLOW_DEFAULTS, WORKFLOW_OPTIONS)
            elif isinstance(decision, d.StartTimer):
                cause = remaining.timer()
            filled.append(decision)
            if cause is not None:
                refused[index] = cause
        return filled, refused


class _Remaining:
    """Counts how many more activities, timers and children an execution may open; each call takes one."""

    def __init__(self, history: History, limits: Limits) -> None:
        children = len(history.tasks) - history.open_activities
        self._activities = limits.open_activities - history.open_activities
        self._timers = limits.open_timers - history.open_timers
        self._children = limits.open_children - children

    def activity(self) -> str | None:
        self._activities -= 1
        return "OPEN_ACTIVITIES_LIMIT_EXCEEDED" if self._activities < 0 else None

    def timer(self) -> str | None:
        self._timers -= 1
        return "OPEN_TIMERS_LIMIT_EXCEEDED" if self._timers < 0 else None

    def child(self) -> str | None:
        self._children -= 1
        return "OPEN_CHILDREN_LIMIT_EXCEEDED" if self._children < 0 else None


def fill(given: dict[str, Any], configuration: dict[str, Any], names: dict[str, str]) -> list[str]:
    """Fill in missing values from a type's defaults. Returns the names of the values that are still missing."""
    missing = []
    for name, default in names.items():
        if not given.get(name):
            given[name] = configuration.get(default)
        if not given[name]:
            missing.append(name)
    return missing


def _fill(decision: Any, entry: Entry, needed: dict[str, str], optional: dict[str, str]) -> tuple[Decision, str | None]:
    given: dict[str, Any] = {}
    for name in _present(decision, (*needed, *optional)):
        value = getattr(decision, name)
        given[name] = {"name": value.name} if isinstance(value, TaskList) else value
    fill(given, entry.configuration, optional)
    missing = fill(given, entry.configuration, needed)
    if missing:
        return decision, f"DEFAULT_{missing[0].upper()}_UNDEFINED"
    given["task_list"] = TaskList(given["task_list"]["name"])
    return msgspec.structs.replace(decision, **given), None


def _present(decision: Any, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(decision, name)]


def _state(entry: Entry | None, kind: str) -> str | None:
    if entry is None:
        return f"{kind}_TYPE_DOES_NOT_EXIST"
    return None if entry.deprecated is None else f"{kind}_TYPE_DEPRECATED"
