"""How long work may take at most, by the time-outs that it states itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simpleflow import canvas, settings
from simpleflow.activity import Activity
from simpleflow.canvas import Chain, Group
from simpleflow.step.submittable import Step
from simpleflow.task import ActivityTask, TimerTask, WorkflowTask


def longest(submittable: Any) -> float | None:
    """Seconds that the work may take at most, with all its retries; None if nothing bounds it or it cannot be told.

    Takes whatever a step may hold; raises NotSubmittable for anything else. Pauses that ``on_task_failure`` makes
    between two tries are not known beforehand, and not counted.
    """
    work = canvas.as_submittable(submittable, "the work to bound")
    if isinstance(work, ActivityTask):
        return _of_activity(work.activity)
    if isinstance(work, WorkflowTask):
        if work.execution_timeout == str(settings.WORKFLOW_DEFAULT_EXECUTION_TIME):
            return None  # nobody has thought about it
        return _times(work.workflow.retry + 1, _bounded(work.execution_timeout))
    if isinstance(work, TimerTask):
        return _bounded(work.timeout)
    if isinstance(work, Step):
        alternative = work.alternative()
        return _all(max, [work.work()] if alternative is None else [work.work(), alternative])
    if isinstance(work, Group):
        in_turn = isinstance(work, Chain) or work.max_parallel is not None
        return _all(sum, work.activities) if in_turn else _all(max, work.activities)
    return None


def _of_activity(activity: Activity) -> float | None:
    whole = _bounded(activity.task_schedule_to_close_timeout)
    if whole is None:
        waiting = _bounded(activity.task_schedule_to_start_timeout)
        working = _bounded(activity.task_start_to_close_timeout)
        whole = None if waiting is None or working is None else waiting + working
    return _times(activity.retry + 1, whole)


def _bounded(text: str) -> float | None:
    return None if text == "NONE" else float(text)


def _times(number: int, seconds: float | None) -> float | None:
    return None if seconds is None else number * seconds


def _all(combine: Callable[[list[float]], float], members: Iterable[Any]) -> float | None:
    """``combine`` of the members' bounds; 0 if there are none, None if one of them has none."""
    bounds: list[float] = [0.0]
    for member in members:
        bound = longest(member)
        if bound is None:
            return None
        bounds.append(bound)
    return combine(bounds)
