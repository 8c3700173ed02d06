"""Signals, timers, markers and their details."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from simpleflow import WaitForSignal, Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import InputError, NotEncodable
from simpleflow.futures import CANCELLED
from simpleflow.runs.sent_signals import SentSignal
from simpleflow.testing import WorkflowRunner
from tests.language.activities import (
    increment,
    same,
)
from tests.language.helpers import as_workflow, executor, run


def test_a_signal_sent_before_it_is_waited_for_counts() -> None:
    def workflow(self: Workflow) -> Any:
        sent = self.submit(self.signal("s", 1, key=2))
        self.submit(increment, 1).result
        return [sent.result, self.submit(self.wait_signal("s")).result]

    content = {"args": [1], "kwargs": {"key": 2}, "__propagate": True}
    assert run(workflow) == [content, content]


def test_a_signal_is_waited_for_before_it_is_sent() -> None:
    def workflow(self: Workflow) -> Any:
        waiting = self.submit(WaitForSignal("s"))
        self.submit(Chain((increment, 1), self.signal("s", "now", propagate=False)))
        return waiting.result

    assert run(workflow) == {"args": ["now"], "kwargs": {}, "__propagate": False}


def test_each_signal_is_sent_and_the_latest_counts() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.signal("s", 1))
        first = self.submit(self.wait_signal("s")).result
        self.submit(self.signal("s", 2))
        self.submit(increment, 1).result
        return [first["args"], self.submit(self.wait_signal("s")).result["args"]]

    made = executor(workflow, workflow_id="me")
    assert made.run() == [[1], [2]]
    assert made.signals_sent == [SentSignal("s", [1], {}, "me"), SentSignal("s", [2], {}, "me")]


def test_a_signal_to_an_unknown_execution_is_no_failure() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.signal("s", workflow_id="nobody"))
        return self.submit(increment, 1).result

    made = executor(workflow)
    assert made.run() == 2
    assert "SignalExternalWorkflowExecutionFailed" in [event["eventType"] for event in made.history]


def test_signal_arguments_must_be_json() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.signal("s", object()))

    with pytest.raises(NotEncodable, match="input of signal 's' is not JSON"):
        run(workflow)


def test_a_future_is_an_argument_of_a_signal() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.signal("s", self.submit(increment, 1)))
        return self.submit(self.wait_signal("s")).result["args"]

    assert run(workflow) == [2]


def test_timers_run_beside_everything_else_and_are_cancelled(workflow_runner: WorkflowRunner) -> None:
    def workflow(self: Workflow) -> Any:
        long = self.submit(self.start_timer("long", 3_600))
        short = self.submit(self.start_timer("short", 0, control={"a": 1}))
        same_one = self.submit(self.start_timer("short", 0))
        futures.wait(short, same_one)
        self.submit(self.cancel_timer("long"))
        self.submit(self.cancel_timer("never started"))
        return [long.state, short.result, self.submit(increment, 1).result]

    found = workflow_runner.run(as_workflow(workflow))
    assert (found.result, found.seconds) == (["CANCELLED", None, 2], 0)


def test_a_run_waits_for_its_timers(workflow_runner: WorkflowRunner) -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(Group(self.start_timer("a", 86_400), self.start_timer("b", "1")))

    assert workflow_runner.run(as_workflow(workflow)).seconds == 86_400


def test_a_timer_takes_its_time() -> None:
    begun = time.monotonic()
    run(lambda self: self.submit(self.start_timer("a", 1)).result)
    assert 0.9 < time.monotonic() - begun < 5


def test_details_of_events() -> None:
    def workflow(self: Workflow) -> Any:
        self.submit(self.record_marker("m", {"n": 1}))
        self.submit(self.signal("s", 5))
        self.submit(self.start_timer("t", 0, "control"))
        self.submit(self.wait_signal("s")).result
        self.submit(self.start_timer("t", 0)).result
        return [self.get_event_details(kind, name) for kind, name in (("marker", "m"), ("signal", "s"), ("timer", "t"))]

    marker, signal, timer = run(workflow)
    assert (marker["type"], marker["name"], marker["state"], marker["details"]) == ("marker", "m", "recorded", {"n": 1})
    assert (signal["type"], signal["state"], signal["input"]["args"]) == ("signal", "signaled", [5])
    assert (timer["id"], timer["state"], timer["timeout"], timer["control"]) == ("t", "fired", 0, "control")
    assert marker["event_id"] < signal["event_id"]
    assert abs(marker["timestamp"] - time.time()) < 60


def test_details_of_missing_events_are_none_and_other_types_are_refused() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.get_event_details(kind, "no") for kind in ("marker", "signal", "timer")]

    assert run(workflow) == [None, None, None]
    with pytest.raises(InputError, match="event type 'activity' is unknown; expected signal, marker or timer"):
        run(lambda self: self.get_event_details("activity", "x"))


def test_markers_are_listed_as_values() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(self.record_marker("a", (1, 2)))
        self.submit(self.record_marker("b"))
        self.submit(self.record_marker("a", {"x": {2, 1}}))
        self.submit(same).result
        last = {marker.name: marker.details for marker in self.list_markers()}
        return [future.result, last, [list(marker) for marker in self.list_markers(all=True)]]

    made = executor(workflow)
    expected = [["a", [1, 2]], ["b", None], ["a", {"x": [1, 2]}]]
    assert made.run() == ["[1,2]", {"a": {"x": [1, 2]}, "b": None}, expected]
    assert [list(marker) for marker in made.list_markers(all=True)] == expected
    assert [marker.name for marker in made.list_markers()] == ["a", "b"]


def test_a_marker_that_is_not_json_is_refused() -> None:
    with pytest.raises(NotEncodable, match="details of marker 'm' is not JSON"):
        run(lambda self: self.submit(self.record_marker("m", {"a": object()})))


def test_signals_of_one_name_with_other_arguments_are_all_sent() -> None:
    def workflow(self: Workflow) -> Any:
        for number in (1, 2):
            self.submit(self.signal("s", number, key=number))
            self.submit(increment, number).result
        return self.submit(self.wait_signal("s")).result["args"]

    made = executor(workflow)
    assert made.run() == [2]
    assert [(sent.args, sent.kwargs) for sent in made.signals_sent] == [([1], {"key": 1}), ([2], {"key": 2})]


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


def test_timers_do_not_delay_other_work_and_can_be_cancelled() -> None:
    def workflow(self: Workflow) -> Any:
        timers = [self.submit(self.start_timer(f"t{number}", 30)) for number in range(3)]
        found = self.submit(increment, 1).result
        for number in range(3):
            self.submit(self.cancel_timer(f"t{number}"))
        return [found, [each.state for each in timers]]

    begun = time.monotonic()
    assert run(workflow) == [2, [CANCELLED] * 3]
    assert time.monotonic() - begun < 5


def test_a_marker_that_is_not_json_is_refused_where_it_is_submitted() -> None:
    def workflow(self: Workflow) -> Any:
        try:
            self.submit(self.record_marker("m", threading.Lock()))
        except TypeError as error:
            return str(error)

    assert run(workflow).startswith(
        "details of marker 'm' is not JSON: <unlocked _thread.lock object> is a _thread.lock"
    )
