"""Tasks made by hand, and input that is refused when they are made."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from simpleflow import WaitForSignal, Workflow, activity
from simpleflow.canvas import FuncGroup, Group
from simpleflow.exceptions import InputError, NotEncodable, NotSubmittable
from simpleflow.local import Executor
from simpleflow.task import (
    ActivityTask,
    CancelTimerTask,
    ChildWorkflowTask,
    MarkerTask,
    SignalTask,
    TimerTask,
    WorkflowTask,
)
from tests.language.activities import give, increment, named_without_a_dot, same, third_time, tries
from tests.language.helpers import executor, run


def test_an_activity_task_holds_an_activity_and_its_arguments() -> None:
    task = ActivityTask(give, 1, key=2)
    assert (task.name, task.args, task.kwargs) == ("tests.language.activities.give", [1], {"key": 2})
    assert repr(task) == "ActivityTask(tests.language.activities.give, 1, key=2)"
    with pytest.raises(NotSubmittable, match="is not an activity; decorate the function"):
        ActivityTask(len)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [None, 12, ["x"], "", "x" * 257, "with\nnewline"])
@pytest.mark.parametrize(
    "kind", [MarkerTask, SignalTask, WaitForSignal, CancelTimerTask, lambda name: TimerTask(name, 1)]
)
def test_names_are_plain_text(kind: Any, name: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        kind(name)


@pytest.mark.parametrize("seconds", [None, -1, 1.5, "soon", "NONE", True, 10**9, [1]])
def test_timers_take_whole_seconds(seconds: Any) -> None:
    with pytest.raises(InputError, match=r"time-out of timer 't' is .*; expected whole seconds"):
        TimerTask("t", seconds)


def test_timers_take_text_and_numbers() -> None:
    assert [TimerTask("t", seconds).timeout for seconds in (0, 5, "7", "0")] == ["0", "5", "7", "0"]


@pytest.mark.parametrize("thing", [None, "text", 12, [increment], (increment, 1), {}, len, int])
def test_submitting_anything_else_is_a_type_error(thing: Any) -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(thing)

    with pytest.raises(TypeError, match="Bad type for what was submitted"):
        run(workflow)


@pytest.mark.parametrize(
    ("args", "place", "kind"),
    [
        ((1, object()), r"at \['args'\]\[1\]", "an object"),
        (({"a": [0, threading.Lock()]},), r"at \['args'\]\[0\]\['a'\]\[1\]", "a _thread.lock"),
        ((float("nan"),), r"at \['args'\]\[0\]", "a number that JSON cannot hold"),
        (({(1, 2): 3},), r"at \['args'\]\[0\]", "a key of type tuple"),
        ((b"\xff",), r"at \['args'\]\[0\]", "a bytes"),
    ],
)
def test_arguments_that_are_not_json_are_refused_by_name(args: Any, place: str, kind: str) -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(increment, *args)

    with pytest.raises(
        NotEncodable, match=f"input of tests.language.activities.increment is not JSON: .*{place} is {kind}"
    ):
        run(workflow)


def test_a_keyword_argument_that_is_not_json_is_named() -> None:
    def workflow(self: Workflow) -> Any:
        try:
            self.submit(increment, x=object())
        except TypeError as error:
            return str(error)

    found = run(workflow)
    assert found.startswith(
        "input of tests.language.activities.increment is not JSON: "
        "<object object> at ['kwargs']['x'] is an object; expected text"
    )


def test_a_cycle_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    def workflow(self: Workflow) -> Any:
        self.submit(same, loop)

    with pytest.raises(NotEncodable, match="inside itself"):
        run(workflow)


def test_an_activity_whose_result_is_not_json_fails_by_name() -> None:
    from tests.language.activities import odd_result

    def workflow(self: Workflow) -> Any:
        return self.submit(odd_result).exception.reason  # type: ignore[union-attr]

    found = run(workflow)
    assert found.startswith(
        "NotEncodable: result of activity tests.language.activities.odd_result is not JSON: "
        "<object object> at ['made'][1]"
    )


@pytest.mark.parametrize("priority", ["high", 1.5, True, 2**31, [1]])
def test_a_priority_is_a_whole_number(priority: Any) -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(same, __priority=priority)

    with pytest.raises(InputError, match="__priority is"):
        run(workflow)


def test_a_priority_is_no_argument_of_the_activity() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.submit(give, 1, __priority=3).result, self.submit(give, 2, __priority=None).result]

    assert run(workflow) == [[[1], {}], [[2], {}]]


def test_an_activity_name_without_a_dot_is_found() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(named_without_a_dot).result

    assert run(workflow) == "found"


class Configured(Workflow):
    name = "configured"
    version = "2"
    task_list = "own"
    task_priority = 4
    execution_timeout = 60
    decision_tasks_timeout = "30"
    child_policy = "ABANDON"

    def run(self, x: int) -> int:
        return x

    @classmethod
    def get_workflow_id(cls, x: int) -> str:
        return f"configured-{x}"

    @classmethod
    def get_tag_list(cls, x: int) -> list[str]:
        return [f"x={x}"]


def test_a_workflow_task_reads_the_class() -> None:
    task = WorkflowTask(None, Configured, 3)
    assert (task.name, task.version, task.task_list, task.priority) == ("configured", "2", "own", 4)
    assert (task.workflow_id, task.tag_list) == ("configured-3", ["x=3"])
    assert (task.execution_timeout, task.decision_tasks_timeout, task.child_policy) == ("60", "30", "ABANDON")
    assert ChildWorkflowTask(Configured, 3, workflow_task_list="other").task_list == "other"
    with pytest.raises(NotSubmittable, match="is not a workflow class"):
        ChildWorkflowTask(Configured(None), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("child_policy", "KILL", "child_policy of workflow w is 'KILL'"),
        ("execution_timeout", "soon", "execution_timeout of workflow w is 'soon'"),
        ("decision_tasks_timeout", -3, "decision_tasks_timeout of workflow w is -3"),
        ("tag_list", "abc", "tag_list of workflow w is 'abc'; expected a list"),
        ("tag_list", ["a"] * 6, "tag_list of workflow w holds 6 tags; expected 5 at most"),
        ("tag_list", [1], "tag_list of workflow w: tag 1 is an int"),
        ("task_list", 3, "task list of workflow w 3 is an int"),
        ("task_priority", "x", "task_priority of workflow w is 'x'"),
    ],
)
def test_invalid_attributes_of_a_workflow_class_are_refused(attribute: str, value: Any, message: str) -> None:
    workflow_class = type("Wrong", (Workflow,), {"name": "w", attribute: value, "run": lambda self: 1})
    with pytest.raises(InputError, match=message):
        Executor(workflow_class).run()


def test_the_executor_takes_a_workflow_class_and_says_so() -> None:
    for thing in (None, Workflow, "W", Configured(None)):  # type: ignore[arg-type]
        if thing is Workflow:
            continue
        with pytest.raises(InputError, match="is not a workflow class"):
            Executor(thing)  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="does not define run"):
        Executor(type("Empty", (Workflow,), {"name": "empty"})).run()


@pytest.mark.parametrize(
    ("given", "args", "kwargs"),
    [
        (None, [], {}),
        ({"args": [1], "kwargs": {"k": 2}}, [1], {"k": 2}),
        ({"args": [1]}, [1], {}),
        ([1, 2], [1, 2], {}),
        (5, [5], {}),
        ("text", ["text"], {}),
        ({"x": 1}, [{"x": 1}], {}),
    ],
)
def test_the_input_is_arguments_in_several_forms(given: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    def workflow(self: Workflow, *found: Any, **named: Any) -> Any:
        return [list(found), named]

    assert executor(workflow).run(given) == [args, kwargs]


def test_an_input_that_is_not_json_is_refused() -> None:
    with pytest.raises(NotEncodable, match="input of workflow"):
        executor(lambda self, x: x).run([object()])


def test_retries_are_counted_per_submission() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.submit(third_time, key).result for key in "ab"]

    tries.clear()
    assert run(workflow) == [3, 3]
    assert tries == ["a"] * 3 + ["b"] * 3


class Inherited(Workflow):
    name = "inherited list"

    @classmethod
    def get_task_list(cls, where: str) -> str:
        return f"list of {where}"

    def run(self, where: str) -> Any:
        return self.submit(listless).result


@activity.with_attributes(task_list=None)
def listless() -> Any:
    return listless.context["activity_task_list"]


def test_an_activity_without_a_task_list_uses_that_of_its_execution() -> None:
    assert Executor(Inherited).run(["here"]) == "list of here"


def test_a_priority_is_not_an_argument_of_the_activity() -> None:
    assert run(lambda self: self.submit(give, 1, __priority=5).result) == [[1], {}]


@pytest.mark.parametrize("name", ["executor", "workflow", "activity", "submittable", "func", "name"])
def test_a_parameter_may_have_any_name(name: str) -> None:
    given = {name: 1}

    def pairs(workflow: Any, names: dict[str, Any]) -> Any:
        group = Group()
        group.append(give, **names)
        made = FuncGroup(lambda **more: Group(ActivityTask(give, **more)), **names)
        return [workflow.submit(give, **names).result, workflow.submit(group).result, workflow.submit(made).result]

    assert run(lambda self, **names: pairs(self, names), **given) == [[[], given], [[[], given]], [[[], given]]]


def test_activities_can_be_called() -> None:
    assert increment(1) == 2


def test_an_activity_name_without_a_dot_is_dispatched() -> None:
    assert run(lambda self: self.submit(named_without_a_dot).result) == "found"
