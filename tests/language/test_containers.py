"""Groups, chains and func groups: their results, failures and cancelled members, and the results they send on."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import NotEncodable, TaskFailed
from simpleflow.futures import CANCELLED
from tests.core.harness import Simulation
from tests.language.activities import fail, give, increment, same
from tests.language.helpers import run


@activity.with_attributes()
def first(value: str) -> str:
    return value


@activity.with_attributes()
def second(value: str, before: str | None = None) -> str:
    return f"{value}:{before}"


class Crossing(Workflow):
    name = "crossing"

    def run(self) -> Any:
        chains = [Chain((first, x), (second, "s" + x), send_result=True) for x in "AB"]
        return self.submit(Group(*chains)).result


@pytest.mark.parametrize("ends_first", ["A", "B"])
def test_parallel_chains_of_the_same_activities_keep_their_results_apart(ends_first: str) -> None:
    simulated = Simulation(Crossing)
    simulated.settle()
    simulated.finish_named(f'"{ends_first}"')
    simulated.run()
    assert simulated.result == [["A", "sA:A"], ["B", "sB:B"]]
    assert sorted(task for _, task in simulated.scheduled if task) == [
        '{"args":["A"],"kwargs":{}}',
        '{"args":["B"],"kwargs":{}}',
        '{"args":["sA","A"],"kwargs":{}}',
        '{"args":["sB","B"],"kwargs":{}}',
    ]


def test_raises_on_failure_of_a_container_does_not_change_the_activity() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(Chain((increment, 1), raises_on_failure=True)).result
        Group(Chain(increment), FuncGroup(lambda: increment), raises_on_failure=True)
        return [increment.raises_on_failure, self.submit(increment, "x").exception is not None]

    assert run(workflow) == [False, True]
    task = (fail, "shared")
    assert Group(task, raises_on_failure=True).activities[0].activity.raises_on_failure  # type: ignore[attr-defined]
    assert fail.raises_on_failure is False


class Cancelling(Workflow):
    name = "cancelling"

    def run(self) -> Any:
        group = self.submit(Group(self.start_timer("t", 1_000), (same, "slow"), (same, "slower")))
        self.submit(increment, 1).result
        self.submit(self.cancel_timer("t"))
        return [group.result, group.state]


def test_a_group_with_a_cancelled_member_waits_for_the_others() -> None:
    simulated = Simulation(Cancelling)
    simulated.settle()
    simulated.finish_named("increment")
    simulated.settle()
    assert simulated.state == "open"
    simulated.run()
    assert simulated.result == [[None, "slow", "slower"], CANCELLED]


class Failing(Workflow):
    name = "failing"

    def run(self) -> Any:
        self.fail("down")


def test_a_failing_child_raises_in_a_container_as_it_does_directly() -> None:
    for submittable in (Failing, Group(Failing), Chain(Failing)):
        with pytest.raises(TaskFailed, match="down"):
            run(lambda self, it=submittable: self.submit(it).result)


@pytest.mark.parametrize("made", [increment, (increment, 1), FuncGroup(lambda: (increment, 1))])
def test_a_func_group_may_return_activities_and_func_groups(made: Any) -> None:
    assert run(lambda self: self.submit(FuncGroup(lambda: made)).finished or True)


def test_send_result_goes_into_containers_and_over_timers_and_signals() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.signal("s"))
        members = (
            (increment, 1),
            Group(increment, (give, "x")),
            Chain(same, same),
            self.start_timer("t", 0),
            self.wait_signal("s"),
            FuncGroup(lambda before: (same, before)),
        )
        return self.submit(Chain(*members, send_result=True)).result[:4]

    assert run(workflow) == [2, [3, [["x", 2], {}]], [[3, [["x", 2], {}]], None], None]


def test_an_empty_func_group_does_not_stop_a_chain() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(Chain((same, 1), FuncGroup(lambda: None, _allow_none=True), (same, 2))).result

    assert run(workflow) == [1, None, 2]


@pytest.mark.parametrize(
    "make", [lambda bad: Group((first, "A"), bad, (first, "C")), lambda bad: Chain(bad, (first, "C"))]
)
def test_a_container_with_a_member_that_cannot_be_submitted_is_not_waited_for(make: Any) -> None:
    def body(workflow: Workflow) -> str:
        with pytest.raises(NotEncodable):
            workflow.submit(Group(make((first, object()))))
        return workflow.submit(first, "after").result

    assert run(body) == "after"
