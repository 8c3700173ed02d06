"""The time limit of work, by its own time-outs."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import NotSubmittable
from simpleflow.signal import WaitForSignal
from simpleflow.step.submittable import Step
from simpleflow.submittables import as_submittable
from simpleflow.task import ActivityTask, ChildWorkflowTask, MarkerTask, TimerTask


def of(name: str, **times: Any) -> activity.Activity:
    unbounded = {"schedule_to_close_timeout": None, "schedule_to_start_timeout": None, "start_to_close_timeout": None}
    return activity.Activity(lambda: None, name, **(unbounded | times))


def time_limit(work: Any) -> float | None:
    return as_submittable(work, "the work to bound").time_limit()


TEN = of("ten", schedule_to_close_timeout=10)
SUM = of("sum", schedule_to_start_timeout=20, start_to_close_timeout="5")
TWICE = of("twice", schedule_to_close_timeout=10, start_to_close_timeout=3, retry=1)
FOREVER = of("forever", start_to_close_timeout=5)


class Child(Workflow):
    name = "child"
    version = "1"
    task_list = "default"
    execution_timeout = 100
    retry = 1


class Unbounded(Workflow):
    """It has the default time-out, a year, which says nothing about it."""

    name = "unbounded"


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (TEN, 10),
        (SUM, 25),
        (TWICE, 20),
        (FOREVER, None),
        (of("open", schedule_to_start_timeout=5), None),
        ((SUM, "argument"), 25),
        (ActivityTask(TWICE), 20),
        (TimerTask("t", 7), 7),
        (Child, 200),
        (ChildWorkflowTask(Child), 200),
        (Unbounded, None),
        (Group(TEN, SUM, TWICE), 25),
        (Group(TEN, SUM, TWICE, max_parallel=2), 55),
        (Group(TEN, FOREVER), None),
        (Group(), 0),
        (Chain(TEN, SUM, (TWICE,)), 55),
        (Chain(TEN, Group(SUM, TWICE), Chain(TEN, TEN)), 55),
        (Chain(TEN, FOREVER), None),
        (Chain(), 0),
        (Step("a", Chain(TEN, TEN)), 20),
        (Step("a", TEN, activities_if_step_already_done=SUM), 25),
        (Step("a", TEN, activities_if_step_already_done=FOREVER), None),
        (FuncGroup(lambda: TEN), None),
        (Group(TEN, FuncGroup(lambda: TEN)), None),
        (WaitForSignal("s"), None),
        (MarkerTask("m"), None),
    ],
)
def test_time_limit(work: Any, seconds: float | None) -> None:
    assert time_limit(work) == seconds


def test_work_that_cannot_be_submitted() -> None:
    with pytest.raises(NotSubmittable, match="the work to bound"):
        time_limit(3)
