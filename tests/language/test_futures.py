"""Futures, as a workflow sees them."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import ExecutionBlocked, TaskFailed
from simpleflow.futures import Future
from tests.language.activities import fail, increment, same, total, tries
from tests.language.helpers import executor, run


def test_a_future_is_pending_until_its_task_is_done() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(increment, 1)
        future.result
        return [future.state, future.finished, future.done, future.pending, future.running, future.cancelled]

    assert run(workflow) == ["FINISHED", True, True, False, False, False]


def test_a_failed_future_has_no_result_and_does_not_raise() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(fail, "no luck")
        error = future.exception
        assert isinstance(error, TaskFailed)
        return [future.result, future.finished, error.name, error.reason]

    assert run(workflow) == [None, True, "tests.language.activities.fail", "ValueError: no luck"]


def test_wait_returns_results_in_the_order_given() -> None:
    def workflow(self: Workflow) -> Any:
        first, second, third = self.submit(same, 1), self.submit(fail), self.submit(same, 3)
        return [futures.wait(third, second, first), futures.wait()]

    assert run(workflow) == [[3, None, 1], []]


def test_futures_are_arguments_of_other_tasks() -> None:
    def workflow(self: Workflow) -> Any:
        one = self.submit(increment, 0)
        return [self.submit(total, one, self.submit(increment, one)).result, self.submit(same, value=one).result]

    assert run(workflow) == [3, 1]


def test_futures_inside_lists_are_encoded_as_their_results() -> None:
    def workflow(self: Workflow) -> Any:
        one = self.submit(increment, 0)
        return self.submit(same, {"found": [one, one]}).result

    assert run(workflow) == {"found": [1, 1]}


def test_map_and_starmap_submit_once_for_each_value() -> None:
    def workflow(self: Workflow) -> Any:
        return [
            futures.wait(*self.map(increment, range(3))),
            futures.wait(*self.starmap(total, [(1, 2), [3, 4, 5], ()])),
        ]

    assert run(workflow) == [[1, 2, 3], [3, 12, 0]]


def test_a_cancelled_future_is_done_and_has_no_result() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(increment, 1)
        cancelled = [future.cancel(), future.cancel()]
        finished = self.submit(increment, 2)
        finished.result
        return [cancelled, future.state, future.cancelled, future.done, future.result, finished.cancel()]

    assert run(workflow) == [[True, True], "CANCELLED", True, True, None, False]


def test_a_future_made_by_hand_is_set_by_hand() -> None:
    future = Future()
    assert (future.state, future.pending) == (futures.PENDING, True)
    with pytest.raises(ExecutionBlocked):
        future.result
    with pytest.raises(ExecutionBlocked):
        futures.wait(future)
    future.set_running()
    assert future.running
    future.set_finished(3)
    assert (future.result, future.exception, future.state) == (3, None, futures.FINISHED)
    failed = Future()
    failed.set_exception(ValueError("x"))
    assert failed.finished
    assert failed.result is None
    assert isinstance(failed.exception, ValueError)
    cancelled = Future()
    cancelled.set_cancelled()
    assert cancelled.cancelled
    assert repr(cancelled).startswith("<Future CANCELLED")


def test_states_are_text() -> None:
    states = ["PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED"]
    assert [getattr(futures, state) for state in states] == states


def test_a_result_that_was_changed_by_the_workflow_is_the_workflow_s_own() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(same, [1])
        future.result.append(2)
        return [future.result, self.submit(same, future).result]

    assert run(workflow) == [[1, 2], [1, 2]]


def test_submissions_that_are_not_waited_for_are_completed() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(same, "activity")
        self.submit(Chain((same, "c1"), (same, "c2")))
        self.submit(FuncGroup(lambda: (same, "made")))
        self.submit(self.record_marker("m"))
        self.submit(self.signal("s", propagate=False))

    tries.clear()
    made = executor(workflow)
    made.run()
    assert sorted(tries) == ["activity", "c1", "c2", "made"]
    assert [marker.name for marker in made.list_markers()] == ["m"]
    assert len(made.signals_sent) == 1


def test_futures_of_one_run_are_waited_for_in_any_order() -> None:
    def workflow(self: Workflow) -> Any:
        made = [self.submit(same, number) for number in range(4)]
        return futures.wait(*reversed(made))

    assert run(workflow) == [3, 2, 1, 0]


@pytest.mark.parametrize("give", [lambda found: found, lambda found: [found], lambda found: [iter(found)]])
def test_wait_takes_futures_or_one_list_of_them(give: Any) -> None:
    def workflow(self: Workflow) -> Any:
        return futures.wait(*give([self.submit(same, number) for number in (1, 2)]))

    assert run(workflow) == [1, 2]


@pytest.mark.parametrize("container", [Group, Chain])
def test_the_future_of_a_container_has_those_of_its_members(container: Any) -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(container((same, 1), (same, 2)))
        future.wait()
        return [member.result for member in future.futures]

    assert run(workflow) == [1, 2]


def test_a_marker_that_was_waited_for_has_details() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.record_marker("noted", {"n": 1})).result
        self.submit(self.record_marker("noted", {"n": 2})).result
        at_once = self.get_event_details("marker", "noted")
        self.submit(same, 1).result
        later = self.get_event_details("marker", "noted")
        return [at_once["details"], at_once["state"], later["details"], later["event_id"] is not None]

    assert run(workflow) == [{"n": 2}, "recorded", {"n": 2}, True]
