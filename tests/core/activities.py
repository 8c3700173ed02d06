"""Activities with various attributes, for the tests of the core."""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity


@activity.with_attributes(idempotent=True)
def once(value: Any) -> Any:
    return value


@activity.with_attributes()
class Named:
    def __init__(self, value: str, suffix: str = "") -> None:
        self.value = value

    @classmethod
    def get_task_id(cls, workflow: Workflow, value: str, suffix: str = "") -> str:
        return "-".join(filter(None, [str(workflow.name), value, suffix]))

    def execute(self) -> str:
        return self.value


@activity.with_attributes(retry=2)
def stubborn(value: Any = None) -> Any:
    return value


@activity.with_attributes(retry=1, raises_on_failure=True)
def strict(value: Any = None) -> Any:
    return value


@activity.with_attributes(raises_on_failure=True)
def raising(value: Any = None) -> Any:
    return value


@activity.with_attributes(task_priority=5)
def urgent(value: Any = None) -> Any:
    return value


@activity.with_attributes(task_priority=None)
def unranked(value: Any = None) -> Any:
    return value


@activity.with_attributes(
    start_to_close_timeout=10,
    schedule_to_start_timeout=20,
    schedule_to_close_timeout=100,
    heartbeat_timeout=5,
)
def timed(value: Any = None) -> Any:
    return value


@activity.with_attributes(retry=2)
def hesitant(*args: Any) -> Any:
    return list(args)
