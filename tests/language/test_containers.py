"""Behaviour that workflows have been seen to suffer from, each as a test that such behaviour would fail."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import ExecutionError, TaskFailed
from simpleflow.futures import CANCELLED
from simpleflow.local import Executor
from tests.core.harness import Play
from tests.language.activities import (
    change,
    fail,
    give,
    increment,
    named_without_a_dot,
    once,
    same,
    third_time,
    tries,
    tuples,
)
from tests.language.helpers import executor, run


@activity.with_attributes()
def first(value: str) -> str:
    return value


@activity.with_attributes()
def second(value: str, before: str | None = None) -> str:
    return f"{value}:{before}"


@pytest.fixture(autouse=True)
def empty() -> None:
    tries.clear()


class Crossing(Workflow):
    name = "crossing"

    def run(self) -> Any:
        chains = [Chain((first, x), (second, "s" + x), send_result=True) for x in "AB"]
        return self.submit(Group(*chains)).result


@pytest.mark.parametrize("ends_first", ["A", "B"])
def test_parallel_chains_of_the_same_activities_keep_their_own_results(ends_first: str) -> None:
    played = Play(Crossing)
    played.settle()
    played.finish_named(f'"{ends_first}"')
    played.run()
    assert played.result == [["A", "sA:A"], ["B", "sB:B"]]
    assert sorted(task for _, task in played.scheduled if task) == [
        '{"args":["A"],"kwargs":{}}',
        '{"args":["B"],"kwargs":{}}',
        '{"args":["sA","A"],"kwargs":{}}',
        '{"args":["sB","B"],"kwargs":{}}',
    ]


def test_raises_on_failure_of_a_container_stays_inside_it() -> None:
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
    played = Play(Cancelling)
    played.settle()
    played.finish_named("increment")
    played.settle()
    assert played.state == "open"
    played.run()
    assert played.result == [[None, "slow", "slower"], CANCELLED]


def test_signals_of_one_name_with_other_arguments_are_all_sent() -> None:
    def workflow(self: Workflow) -> Any:
        for number in (1, 2):
            self.submit(self.signal("s", number, key=number))
            self.submit(increment, number).result
        return self.submit(self.wait_signal("s")).result["args"]

    made = executor(workflow)
    assert made.run() == [2]
    assert [(sent.args, sent.kwargs) for sent in made.signals_sent] == [([1], {"key": 1}), ([2], {"key": 2})]


def test_what_was_submitted_and_not_waited_for_is_done() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(same, "activity")
        self.submit(Chain((same, "c1"), (same, "c2")))
        self.submit(FuncGroup(lambda: (same, "made")))
        self.submit(self.record_marker("m"))
        self.submit(self.signal("s", propagate=False))

    made = executor(workflow)
    made.run()
    assert sorted(tries) == ["activity", "c1", "c2", "made"]
    assert [marker.name for marker in made.list_markers()] == ["m"]
    assert len(made.signals_sent) == 1


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


def test_an_activity_without_a_task_list_is_put_on_the_execution_s() -> None:
    assert Executor(Inherited).run(["here"]) == "list of here"


def test_arguments_and_results_are_the_values_that_cross_a_network() -> None:
    def workflow(self: Workflow) -> Any:
        mine = [1]
        changed = self.submit(change, mine)
        return [changed.result, mine, self.submit(tuples).result == {"1": [1, 2]}]

    assert run(workflow) == [[1, 0], [1], True]


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


def test_a_signal_is_waited_for_before_it_comes() -> None:
    def workflow(self: Workflow) -> Any:
        waiting = self.submit(self.wait_signal("s"))
        self.submit(self.signal("s", "x"))
        return waiting.result["args"]

    assert run(workflow) == ["x"]


def test_a_signal_has_positional_arguments() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(self.signal("s", 1, "two", three=3)).result

    assert run(workflow) == {"args": [1, "two"], "kwargs": {"three": 3}, "__propagate": True}


def test_fail_fails() -> None:
    with pytest.raises(ExecutionError, match="on purpose"):
        run(lambda self: self.fail("on purpose"))


class Hooked(Workflow):
    name = "hooked"
    calls: list[str] = []

    def run(self, fails: bool) -> Any:
        if fails:
            raise ValueError("no")

    def before_replay(self, history: Any) -> None:
        self.calls.append("before_replay")

    def after_replay(self, history: Any) -> None:
        self.calls.append("after_replay")

    def on_completed(self, history: Any) -> None:
        self.calls.append("on_completed")

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        self.calls.append("on_failure")

    def after_closed(self, history: Any) -> None:
        self.calls.append("after_closed")


def test_hooks_are_called_in_a_local_run_that_succeeds_and_in_one_that_fails() -> None:
    Hooked.calls.clear()
    Executor(Hooked).run([False])
    assert Hooked.calls == ["before_replay", "after_replay", "on_completed", "after_closed"]
    Hooked.calls.clear()
    with pytest.raises(ValueError, match="no"):
        Executor(Hooked).run([True])
    assert Hooked.calls == ["before_replay", "on_failure", "after_closed"]


def test_retries_idempotence_and_failure_decisions_count_in_a_local_run() -> None:
    class Ignoring(Workflow):
        name = "ignoring"

        def run(self) -> Any:
            once_only = [self.submit(once, "x").result for _ in range(2)]
            return [self.submit(third_time, "k").result, once_only, self.submit(strict_failure).result]

        def on_task_failure(self, failure_context: Any) -> Any:
            return failure_context.decide_ignore() if "strict" in failure_context.task_name else None

    assert Executor(Ignoring).run() == [3, [1, 1], None]


@activity.with_attributes(raises_on_failure=True)
def strict_failure() -> None:
    raise ValueError("strict")


def test_a_priority_is_not_handed_to_the_activity() -> None:
    assert run(lambda self: self.submit(give, 1, __priority=5).result) == [[1], {}]


def test_timers_do_not_hold_up_what_runs_beside_them_and_can_be_cancelled() -> None:
    def workflow(self: Workflow) -> Any:
        timers = [self.submit(self.start_timer(f"t{number}", 30)) for number in range(3)]
        found = self.submit(increment, 1).result
        for number in range(3):
            self.submit(self.cancel_timer(f"t{number}"))
        return [found, [each.state for each in timers]]

    begun = time.monotonic()
    assert run(workflow) == [2, [CANCELLED] * 3]
    assert time.monotonic() - begun < 5


class Failing(Workflow):
    name = "failing"

    def run(self) -> Any:
        self.fail("down")


def test_a_failing_child_raises_in_a_group_as_it_does_directly() -> None:
    for submittable in (Failing, Group(Failing), Chain(Failing)):
        with pytest.raises(TaskFailed, match="down"):
            run(lambda self, it=submittable: self.submit(it).result)


def test_middlewares_see_activities_inside_containers_and_one_kind_is_enough() -> None:
    calls: list[Any] = []

    def workflow(self: Workflow) -> Any:
        return self.submit(Group((increment, 1), Chain((increment, 2)))).result

    middlewares = {"post": [lambda context, result: calls.append(result)]}
    assert executor(workflow, middlewares=middlewares).run() == [2, [3]]
    assert calls == [2, 3]


def test_a_marker_that_is_not_json_is_refused_where_it_is_submitted() -> None:
    def workflow(self: Workflow) -> Any:
        try:
            self.submit(self.record_marker("m", threading.Lock()))
        except TypeError as error:
            return str(error)

    assert run(workflow).startswith(
        "details of marker 'm' is not JSON: <unlocked _thread.lock object> is a _thread.lock"
    )


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


def test_a_func_group_that_has_nothing_to_do_does_not_stop_a_chain() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(Chain((same, 1), FuncGroup(lambda: None, _allow_none=True), (same, 2))).result

    assert run(workflow) == [1, None, 2]


def test_activities_can_be_called() -> None:
    assert increment(1) == 2


def test_an_activity_name_without_a_dot_is_dispatched() -> None:
    assert run(lambda self: self.submit(named_without_a_dot).result) == "found"


def test_arguments_that_cannot_be_copied_are_refused_as_what_they_are() -> None:
    lock = threading.Lock()

    def workflow(self: Workflow) -> Any:
        self.submit(same, lock)

    with pytest.raises(TypeError, match=r"input of tests.language.activities.same is not JSON: .* is a _thread.lock"):
        run(workflow)


def test_futures_of_one_run_are_waited_for_in_any_order() -> None:
    def workflow(self: Workflow) -> Any:
        made = [self.submit(same, number) for number in range(4)]
        return futures.wait(*reversed(made))

    assert run(workflow) == [3, 2, 1, 0]
