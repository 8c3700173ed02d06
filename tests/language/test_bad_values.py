"""Values that a history cannot hold are refused by name. Recorded, they would make the state folder unreadable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.activity import Activity
from simpleflow.canvas import Group
from simpleflow.exceptions import InputError, TaskFailed, WorkflowException
from simpleflow.local import Executor
from simpleflow.task import WorkflowTask
from tests.language.activities import fail, increment
from tests.language.helpers import executor, run


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"name": 5}, "name of workflow .*Flow 5 is an int"),
        ({"name": property(lambda self: "x")}, "name of workflow .*Flow .*property"),
        ({"version": 1.5}, "version of workflow .*Flow 1.5 is a float"),
        ({"version": "v" * 65}, "65 characters; expected 64 at most"),
        ({"retry": "2"}, "retry of workflow .*Flow is '2'"),
        ({"retry": -1}, "retry of workflow"),
        (
            {"max_open_activity_count": 0},
            "max_open_activity_count of workflow .*Flow is 0; expected a number, 1 or more",
        ),
        ({"max_open_activity_count": "x"}, "max_open_activity_count"),
    ],
)
def test_invalid_attributes_of_a_workflow(attributes: dict[str, Any], message: str) -> None:
    flow = type("Flow", (Workflow,), {"run": lambda self: None, **attributes})
    with pytest.raises(InputError, match=message):
        Executor(flow).run()
    with pytest.raises(InputError, match=message):
        run(lambda self: self.submit(flow).result)


def test_a_priority_that_is_a_property_is_that_of_the_tasks() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(increment, 1).result

    flow = type("Flow", (Workflow,), {"run": workflow, "task_priority": property(lambda self: 4)})
    assert WorkflowTask(None, flow).priority is None
    ran = Executor(flow)
    ran.run()
    scheduled = [each for each in ran.history if each["eventType"] == "ActivityTaskScheduled"]
    assert scheduled[0]["activityTaskScheduledEventAttributes"]["taskPriority"] == "4"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": 1}, "version of activity .* 1 is an int"),
        ({"version": None}, "version of activity .* None is a NoneType"),
        ({"task_list": 5}, "task list of activity .* 5 is an int"),
        ({"task_list": ""}, "task list of activity .* is empty"),
    ],
)
def test_invalid_attributes_of_an_activity(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Activity(increment.callable, **options)


@pytest.mark.parametrize("details", [{"a": 1}, 5])
def test_details_of_a_failure_are_text(details: Any, tmp_path: Path) -> None:
    def workflow(self: Workflow) -> None:
        self.fail("no", details)

    with pytest.raises(InputError, match="details of the failure"):
        executor(workflow, state=tmp_path).run()
    with pytest.raises(InputError, match="details of the failure"):
        executor(workflow, state=tmp_path).run()  # the folder can be read


def test_a_run_id_to_signal_is_text() -> None:
    with pytest.raises(InputError, match="run id of signal 's' 5 is an int"):
        run(lambda self: self.submit(self.signal("s", run_id=5)).result)


@pytest.mark.parametrize("workflow_id", [5, "a\nb"])
def test_a_workflow_id_is_plain_text(workflow_id: Any) -> None:
    with pytest.raises(InputError, match="workflow id"):
        executor(lambda self: None, workflow_id=workflow_id)


@pytest.mark.parametrize(
    "given",
    [{"args": 5}, {"args": "abc"}, {"kwargs": [1]}, {"args": 0}, {"args": ""}, {"args": {}}, {"kwargs": []}],
)
def test_an_input_with_parts_of_the_wrong_type_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="expected a list as args and a dict as kwargs"):
        executor(lambda self, *args, **kwargs: None).run(given)


def test_an_input_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(InputError, match=r"has args or kwargs and also 'kwarg'; .* put it in a list"):
        executor(lambda self, *args, **kwargs: None).run({"args": [], "kwarg": {}})


def test_waiting_before_run_is_refused() -> None:
    class Hasty(Workflow):
        def __init__(self, executor: Any) -> None:
            super().__init__(executor)
            self.found = self.submit(increment, 1).result

    with pytest.raises(InputError, match=r"__init__ of workflow Hasty waits; wait in run\(\) instead"):
        Executor(Hasty).run()


def test_submitting_before_run_is_fine() -> None:
    class Early(Workflow):
        def __init__(self, executor: Any) -> None:
            super().__init__(executor)
            self.found = self.submit(increment, 1)

        def run(self) -> Any:
            return self.found.result

    assert Executor(Early).run() == 2


def test_a_future_that_is_never_finished_fails_the_run() -> None:
    with pytest.raises(WorkflowException, match="nothing is under way"):
        run(lambda self: futures.Future().result)


def test_a_caught_wait_for_ever_does_not_stop_open_tasks() -> None:
    def workflow(self: Workflow) -> Any:
        group = self.submit(Group((increment, 1), (fail, "x")))
        if not group.finished:
            futures.wait(futures.Future())
        return [group.result, type(group.exception.exceptions[1]) is TaskFailed]

    assert run(workflow) == [[2, None], True]
