"""Decisions about child workflows and continuing as new."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.canvas import Chain, Group
from simpleflow.core import events as e
from simpleflow.task import ChildWorkflowTask
from tests.child_ids import child_id
from tests.core.harness import Simulation, add, simulate


class Grandchild(Workflow):
    name = "grandchild"

    def run(self) -> Any:
        return self.submit(self.wait_signal("update")).result["args"]


class Child(Workflow):
    name = "child"

    def run(self, n: int = 0) -> Any:
        below = self.submit(Grandchild)
        return [n, self.submit(self.wait_signal("update")).result["args"], below.result]


class Parent(Workflow):
    name = "parent"

    def run(self, again: bool = False) -> Any:
        children = self.submit(Group((Child, 1), ChildWorkflowTask(Child, 2)))
        seen = children.finished
        return [seen, children.result] if again else children.result


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_is_forwarded_to_children_of_children_each_time_it_arrives(times: int, again: bool) -> None:
    run = Simulation(Parent, again=again)
    run.settle()
    for number in range(times):
        run.signal("update", number, propagate=True)
    run.settle()
    run.run()
    expected = [[1, [times - 1], [times - 1]], [2, [times - 1], [times - 1]]]
    assert run.result == ([True, expected] if again else expected)
    for each in run.engine.runs.values():
        names = [event.type for event in each.history.events]
        assert names.count("WorkflowExecutionSignaled") == times


def test_a_signal_of_a_child_reaches_its_parent_and_its_siblings() -> None:
    class Caller(Workflow):
        name = "caller"

        def run(self) -> Any:
            return self.submit(self.signal("update", "from below")).finished

    class Above(Workflow):
        name = "above"

        def run(self) -> Any:
            sibling, heard = self.submit(Grandchild), self.submit(self.wait_signal("update"))
            self.submit(add, 1).result
            self.submit(Caller)
            return [heard.result["args"], sibling.result]

    run = simulate(Above)
    assert run.result == [["from below"], ["from below"]]


def test_a_child_that_does_not_propagate_signals_does_not_send_them_to_its_parent() -> None:
    class Quiet(Workflow):
        name = "quiet"
        propagate_signals_to_parent = False

        def run(self) -> Any:
            return self.submit(self.signal("update", 1)).finished

    class Above(Workflow):
        name = "above the quiet"

        def run(self) -> Any:
            return [self.submit(Quiet).result, self.get_event_details("signal", "update")]

    assert simulate(Above).result == [True, None]


def test_children_have_ids_by_their_arguments_and_return_results() -> None:
    class Small(Workflow):
        name = "small"

        def run(self, *numbers: int) -> Any:
            return self.submit(add, *numbers).result

    class Big(Workflow):
        name = "big"

        def run(self) -> Any:
            first = self.submit(Small, 1)
            chain = self.submit(Chain((Small, 10), (Small, 20), send_result=True))
            return [self.submit(Small, first, 5).result, chain.result]

    run = Simulation(Big).run(lambda tasks: -1)
    assert run.result == [6, [10, 30]]
    assert run.history.children.keys() == {
        child_id("w", "small", *numbers) for numbers in ([1], [10], [20, 10], [1, 5])
    }


def test_a_child_that_fails_fails_its_parent_unless_it_is_soft() -> None:
    class Bad(Workflow):
        name = "bad"

        def run(self) -> Any:
            self.fail("on purpose")

    class Soft(Bad):
        name = "soft"
        raises_on_failure = False

    class Above(Workflow):
        name = "above the bad"

        def run(self, soft: bool) -> Any:
            future = self.submit(Soft if soft else Bad)
            return [future.result, str(future.exception)]

    assert simulate(Above, True).result == [None, "soft: Workflow execution failed: on purpose"]
    expected = 'Workflow execution error in bad: "Workflow execution failed: on purpose"'
    assert simulate(Above, False).reason == expected


def test_cancelling_a_child_requests_its_cancellation_once() -> None:
    class Above(Workflow):
        name = "above the cancelled"

        def run(self) -> Any:
            child = self.submit(Grandchild)
            self.submit(add, 1).result
            child.cancel()
            return [child.state, self.submit(add, 2).result, self.submit(add, 3).result]

    run = simulate(Above)
    assert run.result == ["CANCELLED", 2, 3]
    assert run.types().count("RequestCancelExternalWorkflowExecutionInitiated") == 1
    assert run.types().count("ChildWorkflowExecutionCanceled") == 1


def test_continuing_as_new_waits_for_open_work() -> None:
    class Counting(Workflow):
        name = "counting"

        def run(self, n: int = 0) -> Any:
            if n == 2:
                return n
            self.submit(add, n)
            return self.submit(self.continue_as_new(n + 1)).result

    run = Simulation(Counting, tag_list=("a", "b"))
    while run.engine.executions.open_runs():
        run.settle()
        while run.tasks:
            run.finish()
    run.check()
    runs = list(run.engine.runs.values())
    assert [each.history.state for each in runs] == ["continued_as_new", "continued_as_new", "completed"]
    assert [each.history.started.tag_list for each in runs] == [("a", "b")] * 3
    assert [each.history.started.continued_execution_run_id for each in runs] == [None, runs[0].run_id, runs[1].run_id]
    assert [sorted(each.history.activities) for each in runs] == [["activity-tests.core.harness.add-1"]] * 2 + [[]]


def test_signals_and_cancellation_requests_to_a_child_wait_until_it_has_started() -> None:
    """Earlier the service would refuse them, since it does not know an execution that has not started."""

    class Listening(Workflow):
        name = "listening"

        @classmethod
        def get_workflow_id(cls) -> str:
            return "listener"

        def run(self) -> Any:
            return self.submit(self.wait_signal("go")).result["args"]

    class Signalling(Workflow):
        name = "signalling"

        def run(self) -> Any:
            child = self.submit(Listening)
            self.submit(self.signal("go", 1, workflow_id="listener"))
            return child.result

    run = Simulation(Signalling)
    run.engine.executions.child_delay = lambda: 60.0
    run.settle()
    kinds = [type(event.attributes) for event in run.engine.runs[run.run_id].history.events]
    assert kinds.count(e.StartChildWorkflowExecutionInitiated) == 1
    assert e.SignalExternalWorkflowExecutionInitiated not in kinds
    run.wait(60)
    assert run.run().result == [1]


def test_a_child_cancelled_before_it_started_gets_the_request_before_the_run_ends() -> None:
    class Lasting(Workflow):
        name = "lasting"

        @classmethod
        def get_workflow_id(cls) -> str:
            return "lasting"

        def run(self) -> Any:
            return self.submit(add, 1).result

    class Fickle(Workflow):
        name = "fickle with children"

        def run(self) -> Any:
            child = self.submit(Lasting)
            self.submit(add, 1).result
            child.cancel()
            return "done"

    run = Simulation(Fickle)
    run.engine.executions.child_delay = lambda: 60.0
    run.settle()
    run.finish(0)
    run.settle()
    history = run.engine.runs[run.run_id].history
    assert history.open
    run.wait(60)
    run.settle()
    kinds = [type(event.attributes) for event in history.events]
    assert kinds.count(e.RequestCancelExternalWorkflowExecutionInitiated) == 1
    assert history.state == "completed"
