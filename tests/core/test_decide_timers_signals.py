"""Decisions about timers, cancelling, markers and signals."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.core import events as e
from tests.core.harness import Simulation, add, break_down, same, simulate


def test_timers_fire_and_are_cancelled_once() -> None:
    class Timing(Workflow):
        name = "timing"

        def run(self) -> Any:
            short, long = self.submit(self.start_timer("short", 2)), self.submit(self.start_timer("long", 60, [1]))
            futures.wait(short)
            self.submit(self.cancel_timer("long"))
            for number in range(3):
                self.submit(add, number).result
            return [short.state, long.state]

    run = simulate(Timing)
    assert run.result == ["FINISHED", "CANCELLED"]
    assert run.types().count("TimerCanceled") == 1
    assert "CancelTimerFailed" not in run.types()


def test_a_timer_that_is_cancelled_before_its_decision_was_sent_is_never_started() -> None:
    class Fickle(Workflow):
        name = "fickle"

        def run(self) -> Any:
            self.submit(self.start_timer("t", 5))
            self.submit(self.cancel_timer("t"))
            self.submit(self.cancel_timer("unknown"))
            return self.submit(add, 1).result

    run = simulate(Fickle)
    assert run.result == 1
    assert not {"TimerStarted", "TimerCanceled", "CancelTimerFailed"} & set(run.types())


def test_cancelling_a_running_activity_requests_its_cancellation_once() -> None:
    class Stopping(Workflow):
        name = "stopping"

        def run(self) -> Any:
            slow = self.submit(same, "slow")
            self.submit(add, 1).result
            assert slow.cancel()
            for number in range(3):
                self.submit(add, number).result
            return [slow.state, slow.result]

    run = Simulation(Stopping)
    run.run(lambda tasks: -1)
    assert run.result == ["CANCELLED", None]
    assert run.types().count("ActivityTaskCancelRequested") == 1


def test_an_activity_cancelled_by_the_workflow_stays_cancelled_when_it_ends() -> None:
    class Stopping(Workflow):
        name = "stopping"

        def run(self) -> Any:
            slow = self.submit(same, "slow")
            self.submit(add, 1).result
            slow.cancel()
            return [self.submit(add, 2).result, slow.state]

    run = Simulation(Stopping)
    run.settle()
    run.finish_named("add")
    run.settle()
    run.finish_named("slow")
    assert run.run().result == [2, "CANCELLED"]


@pytest.mark.parametrize("kind", [Group, Chain])
def test_a_cancelled_container_starts_no_further_member(kind: type[Group]) -> None:
    class Cancelling(Workflow):
        name = "cancelling container"

        def run(self) -> Any:
            marker = self.record_marker("never")
            options: dict[str, Any] = {"max_parallel": 1} if kind is Group else {"break_on_failure": False}
            container = self.submit(kind((same, "slow"), marker, (same, "late"), **options))
            self.submit(add, 1).result
            container.cancel()
            return [container.state, self.submit(add, 2).result]

    run = Simulation(Cancelling).run(lambda tasks: -1)
    assert run.result == ["CANCELLED", 2]
    assert "MarkerRecorded" not in run.types()
    assert len(run.scheduled) == 3


def test_markers_are_recorded_once_each_and_listed_in_order() -> None:
    class Noting(Workflow):
        name = "noting"

        def run(self) -> Any:
            listed = []
            for number in range(2):
                self.submit(self.record_marker("m", {"n": number}))
                self.submit(self.record_marker("same"))
                listed.append([list(each) for each in self.list_markers()])
                self.submit(add, number).result
            return [*listed, [list(each) for each in self.list_markers(all=True)]]

    run = simulate(Noting)
    assert run.result == [
        [["m", {"n": 0}], ["same", None]],
        [["m", {"n": 1}], ["same", None]],
        [["m", {"n": 0}], ["same", None], ["m", {"n": 1}], ["same", None]],
    ]
    assert [each.details for each in run.of_type(e.MarkerRecorded)] == ['{"n":0}', None, '{"n":1}', None]


def test_a_signal_is_waited_for_and_its_input_is_the_result() -> None:
    class Listening(Workflow):
        name = "listening"

        def run(self) -> Any:
            group = self.submit(Group(self.wait_signal("one"), (add, 1)))
            direct = self.submit(self.wait_signal("two"))
            return [group.result, direct.result]

    run = Simulation(Listening)
    run.settle()
    run.signal("two", 2)
    run.settle()
    run.signal("two", 22, key="late")
    run.signal("one")
    run.run()
    empty = {"args": [], "kwargs": {}, "__propagate": False}
    assert run.result == [[empty, 1], {"args": [2], "kwargs": {}, "__propagate": False}]


def test_a_run_that_read_the_absence_of_a_signal_is_evaluated_again_when_it_arrives() -> None:
    class Looking(Workflow):
        name = "looking"

        def run(self) -> Any:
            found = self.get_event_details("signal", "go")
            if found is not None:
                return found["input"]["args"]
            return self.submit(self.wait_signal("never")).result

    run = Simulation(Looking)
    run.settle()
    run.signal("go", 1, 2)
    run.settle()
    assert run.result == [1, 2]


def test_a_run_that_read_a_timer_or_a_marker_is_evaluated_again_when_it_changes() -> None:
    class Looking(Workflow):
        name = "looking at timers"

        def run(self) -> Any:
            timer = self.submit(self.start_timer("t", 3, "control"))
            self.submit(self.record_marker("m", 7))
            details = self.get_event_details("timer", "t"), self.get_event_details("marker", "m")
            timer.result
            return [[each["state"] for each in details], details[0]["control"], details[1]["details"]]

    assert simulate(Looking).result == [["fired", "recorded"], "control", 7]


def test_signals_of_one_name_with_other_arguments_are_all_sent() -> None:
    class Sending(Workflow):
        name = "sending"

        def run(self) -> Any:
            for number in (1, 2, 2):
                self.submit(self.signal("s", number, propagate=False))
            return self.submit(add, 1).result

    run = simulate(Sending)
    assert run.result == 1
    assert [each.input for each in run.of_type(e.WorkflowExecutionSignaled)] == [
        f'{{"args":[{number}],"kwargs":{{}},"__propagate":false}}' for number in (1, 2, 2)
    ]


class Cancelled(Workflow):
    name = "cancelled"
    agrees = True

    def run(self) -> Any:
        return self.submit(break_down if self.history_asked else same).result

    history_asked = False

    def should_cancel(self, history: Any) -> bool:
        self.submit(self.record_marker("requested"))
        return self.agrees

    def on_canceled(self, history: Any) -> None:
        self.submit(self.record_marker("cancelled"))

    def after_closed(self, history: Any) -> None:
        self.submit(self.record_marker("closed"))


def test_a_cancellation_request_ends_the_run() -> None:
    run = Simulation(Cancelled)
    run.settle()
    run.cancel()
    run.settle()
    run.check()
    assert run.state == "canceled"
    assert run.types()[-5:] == ["DecisionTaskCompleted", *["MarkerRecorded"] * 3, "WorkflowExecutionCanceled"]


def test_should_cancel_may_decline_a_cancellation_request() -> None:
    class Unwilling(Cancelled):
        name = "unwilling"
        agrees = False

    run = Simulation(Unwilling)
    run.settle()
    run.cancel()
    run.run()
    assert run.result is None
    assert [each.marker_name for each in run.of_type(e.MarkerRecorded)] == ["requested", "closed"]


def test_a_should_cancel_that_raises_fails_the_run() -> None:
    class Clumsy(Cancelled):
        name = "clumsy"

        def should_cancel(self, history: Any) -> bool:
            raise ArithmeticError("cannot say")

    run = Simulation(Clumsy)
    run.settle()
    run.cancel()
    run.settle()
    assert run.reason == "Cannot replay the workflow: ArithmeticError(cannot say)"
