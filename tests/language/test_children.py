"""Child workflows, continuing as new, and the run's context."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ExecutionError, ExecutionTimeoutError, TaskFailed
from simpleflow.local import Executor
from simpleflow.task import WorkflowTask
from tests.language.activities import (
    fail_hard,
    increment,
)
from tests.language.helpers import executor, run


class Adding(Workflow):
    name = "adding"

    def run(self, x: int, y: int = 1) -> int:
        return self.submit(increment, x).result + y - 1  # type: ignore[no-any-return]


class Nameless(Workflow):
    def run(self) -> Any:
        return self.get_run_context()["name"]


class Failing(Workflow):
    name = "failing child"

    def run(self) -> Any:
        return self.submit(fail_hard, "deep down").result


class Broken(Failing):
    name = "broken child"

    def run(self) -> Any:
        raise ZeroDivisionError("by zero")


class Stubborn(Workflow):
    name = "stubborn child"
    retry = 2
    begun: list[int] = []

    def run(self) -> Any:
        self.begun.append(1)
        if len(self.begun) < 3:
            self.fail("not yet")
        return len(self.begun)


class Identified(Workflow):
    name = "identified"
    tag_list = Workflow.INHERIT_TAG_LIST

    def run(self, key: str) -> Any:
        context = self.get_run_context()
        return [context["workflow_id"], context["tag_list"], context["parent_workflow_id"]]

    @classmethod
    def get_workflow_id(cls, key: str) -> str:
        return f"identified-{key}"


def test_children_are_submitted_like_activities() -> None:
    def workflow(self: Workflow) -> Any:
        return [
            self.submit(Adding, 1).result,
            self.submit(Adding, self.submit(Adding, 1), y=10).result,
            self.submit(WorkflowTask(self.executor, Adding, 5)).result,
            self.submit(WorkflowTask(None, Adding, 6, workflow_task_list="other")).result,
            self.submit(WorkflowTask(self.executor, Adding, 7, workflow_task_list=self.executor.task_list)).result,
            futures.wait(*self.map(Adding, [7, 8])),
        ]

    assert run(workflow) == [2, 12, 6, 7, 8, [8, 9]]


def test_children_in_canvases() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(Group((Adding, 1), Chain((Adding, 2), Adding, send_result=True))).result

    assert run(workflow) == [2, [3, 4]]


def test_a_child_without_a_name_has_that_of_its_class() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(Nameless).result

    assert run(workflow) == "tests.language.test_children.Nameless"


def test_a_child_s_id_and_tags() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(Identified, "a").result

    made = executor(workflow, workflow_id="above", tag_list=["t1", "t2"])
    assert made.run() == ["identified-a", ["t1", "t2"], "above"]


def test_a_failing_child_fails_its_parent_directly_and_in_a_group() -> None:
    for submittable in (Failing, Group(Failing), Group(Chain(Failing))):
        with pytest.raises(TaskFailed, match=r"failing child: Workflow execution error in .*fail_hard"):
            run(lambda self, it=submittable: self.submit(it).result)


def test_a_child_whose_code_raises_fails_with_the_traceback_in_its_details() -> None:
    with pytest.raises(TaskFailed, match="broken child: Cannot replay the workflow") as caught:
        run(lambda self: self.submit(Broken).result)
    assert 'raise ZeroDivisionError("by zero")' in (caught.value.details or "")


def test_a_failing_child_in_a_soft_group_is_an_exception() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(Group(Failing, (Adding, 1), raises_on_failure=False))
        return [future.result, [type(each).__name__ for each in future.exception.exceptions]]  # type: ignore[union-attr]

    assert run(workflow) == [[None, 2], ["TaskFailed", "NoneType"]]


def test_a_child_is_tried_again() -> None:
    Stubborn.begun.clear()
    assert run(lambda self: self.submit(Stubborn).result) == 3


class Counting(Workflow):
    name = "counting"

    def run(self, n: int, runs: list[str] | None = None) -> Any:
        context = self.get_run_context()
        runs = [*(runs or []), context["run_id"]]
        self.submit(increment, n).result
        if n:
            self.submit(self.continue_as_new(n - 1, runs=runs))
            return None
        return [runs, context["workflow_id"], context["continued_execution_run_id"]]


def test_continuing_as_new_begins_again_with_other_arguments_under_the_same_id() -> None:
    made = Executor(Counting, workflow_id="c")
    runs, workflow_id, continued = made.run([2])
    assert len(set(runs)) == 3
    assert (workflow_id, continued, made.run_id) == ("c", runs[1], runs[2])
    assert made.history[0]["workflowExecutionStartedEventAttributes"]["input"].startswith('{"args":[0]')


def test_a_child_may_continue_as_new() -> None:
    def workflow(self: Workflow) -> Any:
        return len(self.submit(Counting, 1).result[0])

    assert run(workflow) == 2


def test_the_run_context_names_the_run() -> None:
    made = executor(lambda self: self.get_run_context(), workflow_id="me", tag_list=["x"])
    assert made.run() == {
        "name": "a_lambda",
        "version": "default",
        "domain_name": None,
        "workflow_id": "me",
        "run_id": made.run_id,
        "tag_list": ["x"],
        "continued_execution_run_id": None,
        "parent_workflow_id": None,
        "parent_run_id": None,
    }


def test_fail_ends_the_run_with_its_reason() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(increment, 1).result
        try:
            self.fail("no luck", details="more")
        except Exception:
            return "caught"

    with pytest.raises(ExecutionError, match="no luck") as caught:
        run(workflow)
    assert caught.value.details == "more"


class Small(Workflow):
    def run(self, x: int = 0) -> Any:
        return self.submit(increment, x).result


def test_children_run_with_and_without_a_name() -> None:
    assert run(lambda self: [self.submit(Small, 1).result, self.submit(Group((Small, 2))).result]) == [2, [3]]


class Again(Workflow):
    name = "again"

    def run(self, n: int, *, label: str = "") -> Any:
        if n:
            return self.submit(self.continue_as_new(n - 1, label=f"{label}{n}")).result
        return label


def test_continue_as_new_takes_arguments_and_runs() -> None:
    assert Executor(Again).run([3]) == "321"


def test_fail_fails() -> None:
    with pytest.raises(ExecutionError, match="on purpose"):
        run(lambda self: self.fail("on purpose"))


class Awaiting(Workflow):
    name = "awaiting child"

    def run(self) -> Any:
        return self.submit(self.wait_signal("never")).result


class Left(Workflow):
    """It returns while a child, or a child of that, waits for a signal that nobody sends."""

    name = "left"

    def run(self, deep: bool) -> Any:
        self.submit(Around if deep else Awaiting)
        return self.submit(increment, 1).result

    def on_completed(self, history: Any) -> None:
        self.submit(increment, 2)


class Around(Workflow):
    name = "around"

    def run(self) -> Any:
        return self.submit(Awaiting).result


@pytest.mark.parametrize("deep", [False, True])
def test_a_run_that_has_returned_does_not_wait_for_children_that_wait_for_signals(deep: bool) -> None:
    left = Executor(Left)
    assert left.run([deep]) == 2
    notices = [marker.details["text"] for marker in left.list_markers(all=True) if marker.name == "log.step.notice"]
    assert len(notices) == 1
    child = "around" if deep else "awaiting child"
    assert notices[0].startswith("run has returned, and the run ends although children wait for signals: ")
    assert child in notices[0]
    done = [each for each in left.history if each["eventType"] == "ActivityTaskCompleted"]
    assert len(done) == 2, "the hook's work is done first"


class Asking(Workflow):
    """Its own wait for a signal, and that of a child whose result it reads, are waited for."""

    name = "asking"
    execution_timeout = 3

    def run(self) -> Any:
        return self.submit(Awaiting).result


def test_a_run_that_reads_the_result_of_such_a_child_waits() -> None:
    with pytest.raises(ExecutionTimeoutError):
        Executor(Asking).run()
