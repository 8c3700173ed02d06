"""The activities about marks may wait for a worker for as long as others work, unless the workflow limits that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.constants import HOUR
from simpleflow.core import events as e
from simpleflow.step import marks_task, reading_tasks, recorded_tasks, tasks
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.core.harness import Simulation, same

BUCKET = "memory://waiting marks"


class Steps(Workflow, WorkflowStepMixin):
    name = "waiting.steps"

    def get_step_bucket(self) -> str:
        return BUCKET

    def run(self) -> Any:
        return self.submit(self.step("a", (same, 1))).value


class Asked(Steps):
    name = "waiting.asked"
    asked: list[str] = []

    def on_task_failure(self, failure_context: Any) -> Any:
        self.asked.append(failure_context.task_name)
        return None


class Limited(Steps):
    name = "waiting.limited"

    def get_step_activity_params(self) -> dict[str, Any]:
        return {"schedule_to_start_timeout": HOUR, "retry": 1}


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    yield
    store = open_store(BUCKET)
    store.delete("w/steps", store.names("w/steps"))


def decide_all(run: Simulation) -> None:
    while run.decide() is not None:
        pass


def lapse(run: Simulation, times: int) -> None:
    """Let what is scheduled time out in the queue, so many times."""
    while len(run.of_type(e.ActivityTaskTimedOut)) < times:
        decide_all(run)
        run.wait()
    decide_all(run)


@pytest.mark.parametrize("workflow", [Steps, Asked])
@pytest.mark.parametrize("after", [0, 2])
def test_time_in_the_queue_fails_no_step(workflow: type[Workflow], after: int) -> None:
    """``after`` so many activities have been done: the listing waits, or the marking."""
    run = Simulation(workflow)
    for _ in range(after):
        run.settle()
        run.finish()
    lapse(run, 5)
    timed_out = run.of_type(e.ActivityTaskTimedOut)
    assert {(each.timeout_type, each.started_event_id) for each in timed_out} == {("SCHEDULE_TO_START", 0)}
    assert len(timed_out) == 5
    assert run.run().result == 1
    assert open_store(BUCKET).names("w/steps") == ["a"]
    assert Asked.asked == []


@pytest.mark.parametrize("lapses", [0, 3])
def test_work_on_marks_that_takes_too_long_fails_as_before(lapses: int) -> None:
    run = Simulation(Steps)
    lapse(run, lapses)
    for _ in range(2):
        run.settle()
        assert run.history.open
        run.wait(60)
    run.settle()
    assert "time-out START_TO_CLOSE after 60 s" in run.reason
    assert "start_to_close_timeout of get_step_activity_params changes the limit" in run.reason


def test_a_limit_on_waiting_that_the_workflow_sets_holds() -> None:
    run = Simulation(Limited)
    lapse(run, 2)
    assert "time-out SCHEDULE_TO_START after 3600 s: queued for 3600.0 s, never started" in run.reason


def test_readers_of_histories_know_the_names_of_all_activities_about_marks() -> None:
    """They know them by name, so as not to load them. Histories hold these names: no class may get another one."""
    kinds = [
        each
        for module in (tasks, reading_tasks)
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, marks_task.MarksTask) and each is not marks_task.MarksTask
    ]
    names = {f"{each.__module__}.{each.__name__}" for each in kinds}
    assert {name for name in names if recorded_tasks.is_about_marks(name)} == names
    assert len(names) == 9
