"""The phases of a step, and the values of its future."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import futures, retries
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import AggregateException, TaskFailed
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, echo, fail_hard, fail_softly, note, noted


def one(name: str = "a", **options: Any) -> Any:
    """A run of one step that returns all values of its future."""

    def run(workflow: Any) -> Any:
        future = workflow.submit(workflow.step(name, (note, name), **options))
        return [future.result, future.value, future.ran, future.forced, future.reasons, str(future.exception)]

    return run


def marker(step: str, status: str, forced: bool = False, *reasons: str, **extra: Any) -> dict[str, Any]:
    return {"step": step, "status": status, "forced": forced, "reasons": list(reasons)} | extra


def test_the_first_run_runs_the_step_and_the_next_skips_it(bench: Bench) -> None:
    assert bench.run(one())[1:] == ["did a", True, False, [], "None"]
    assert bench.activities() == ["GetStepsDoneTask", "note", "MarkStepDoneTask"]
    made_with = bench.markers[0]["made_with"]
    assert bench.markers == [marker("a", "scheduled", made_with=made_with), marker("a", "completed")]
    assert bench.done == ["a"]
    assert bench.run(one())[1:] == [None, False, False, ["Step was already played"], "None"]
    assert bench.activities() == ["GetStepsDoneTask"]
    assert bench.markers == [marker("a", "skipped", False, "Step was already played")]
    assert noted == []


def test_a_step_costs_two_decision_tasks(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        for number in range(10):
            futures.wait(workflow.submit(workflow.step(f"s{number}", (note, "x"))))

    bench.run(run)
    types = [event["eventType"] for event in bench.executor.history]
    assert types.count("DecisionTaskCompleted") == 2 * 10 + 2
    assert len(types) == 14 * 10 + 11
    assert "TimerStarted" not in types


def test_the_result_of_a_step_that_ran(bench: Bench) -> None:
    done, inner = bench.run(one(emit_signal=True))[0]
    assert done == []
    assert [json.loads(inner[0])["status"], *inner[1:3]] == ["scheduled", "did a", None]
    assert json.loads(inner[3])["status"] == "completed"
    assert inner[4] == {"args": [], "kwargs": {}, "__propagate": False}
    assert len(inner) == 5


def test_the_result_of_a_skipped_step(bench: Bench) -> None:
    bench.mark("a", "b")
    done, inner = bench.run(one(emit_signal=True, activities_if_step_already_done=(note, "other")))[0]
    assert done == ["a", "b"]
    assert inner[0] == "did other"
    assert json.loads(inner[1])["status"] == "skipped"
    assert inner[2] == {"args": [], "kwargs": {}, "__propagate": False}
    assert len(inner) == 3


def test_the_alternative_comes_before_the_marker_and_gives_the_value(bench: Bench) -> None:
    bench.mark("a")
    result = bench.run(one(activities_if_step_already_done=(note, "other")))
    assert result[1:3] == ["did other", False]
    types = [event["eventType"] for event in bench.executor.history]
    assert types.index("ActivityTaskCompleted", types.index("ActivityTaskCompleted") + 1) < types.index(
        "MarkerRecorded"
    )


def test_a_step_skipped_on_demand_runs_its_alternative_and_is_not_marked(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("a", "not today")
        future = workflow.submit(Step("a.b", (note, "a"), activities_if_step_already_done=(note, "other")))
        return [future.value, future.forced, future.reasons]

    assert bench.run(run) == ["did other", True, ["not today"]]
    assert bench.markers == [marker("a.b", "skipped", True, "not today") | {"instead": True}]
    assert bench.done == []


@pytest.mark.parametrize("done", [False, True])
def test_the_signal_is_sent_after_running_and_after_skipping(bench: Bench, done: bool) -> None:
    if done:
        bench.mark("a.b")
    bench.run(one("a.b", emit_signal=True))
    assert [(signal.name, signal.args, signal.workflow_id) for signal in bench.executor.signals_sent] == [
        ("step.a.b", [], "w")
    ]


@pytest.mark.parametrize("how", ["argument", "own name", "parent", "everything"])
def test_forcing(bench: Bench, how: str) -> None:
    bench.mark("a.b", "ab")

    def run(workflow: Any) -> Any:
        pattern = {"own name": "a.b", "parent": "a", "everything": "*"}.get(how)
        if pattern:
            workflow.add_forced_steps([pattern], "because")
            workflow.add_skipped_steps("*", "never mind")
        future = workflow.submit(workflow.step("a.b", (note, "a.b"), force=how == "argument"))
        return [future.ran, future.forced, future.reasons]

    assert bench.run(run) == [True, True, [] if how == "argument" else ["because"]]
    assert bench.activities() == ["GetStepsDoneTask", "UnmarkStepsDoneTask", "note", "MarkStepDoneTask"]
    assert bench.markers[0]["unmarks"] == ["a.b"]
    assert bench.done == ["a.b", "ab"]


def test_a_soft_failure_is_seen_and_leaves_the_step_undone(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        future = workflow.submit(workflow.step("a", (fail_softly, "a"), emit_signal=True))
        return [future.result, future.value, future.ran, str(future.exception)]

    (done, inner), value, ran, exception = bench.run(run)
    assert (done, inner[1:], value, ran, exception) == ([], [None], None, True, "None")
    assert bench.markers[0]["status"] == "scheduled"
    assert bench.markers[1:] == [marker("a", "failed", error="ValueError: a is broken")]
    assert bench.executor.signals_sent == []
    assert bench.done == []


def test_a_failure_bubbles_if_asked_for_and_breaks_a_chain(bench: Bench) -> None:
    exceptions: list[Any] = []

    def run(workflow: Any) -> Any:
        step = Step("a", (fail_softly, "a"), bubbles_exception_on_failure=True)
        future = workflow.submit(step)
        exceptions.append(future.exception)
        chain = workflow.submit(Chain(Step("b", (fail_softly, "b"), bubbles_exception_on_failure=True), (note, "c")))
        softer = workflow.submit(Chain(Step("d", (fail_softly, "d")), (note, "e")))
        futures.wait(chain, softer)
        return [len(chain.result), len(softer.result)]

    assert bench.run(run) == [1, 2]
    (exception,) = exceptions
    assert isinstance(exception, AggregateException)
    assert exception.exceptions[0] is None
    inner = exception.exceptions[1]
    assert isinstance(inner, AggregateException)
    assert inner.exceptions[0] is None
    assert isinstance(inner.exceptions[1], TaskFailed)
    assert noted == ["a", "b", "d", "e"]


def test_a_hard_failure_fails_the_run_and_is_recorded(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="a is broken"):
        bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step("a", (fail_hard, "a")))))
    assert bench.log() == ["a scheduled", "a failed"]
    assert bench.done == []


@pytest.mark.parametrize(
    ("content", "is_done"),
    [
        (lambda: Group((note, "x"), (fail_softly, "y"), (note, "z")), False),
        (lambda: Group((fail_softly, "x"), raises_on_failure=False), False),
        (lambda: Group((fail_softly, "x"), bubbles_exception_on_failure=False), True),
        (lambda: Chain((fail_softly, "x"), (note, "y")), False),
        (lambda: Chain((fail_softly, "x"), (note, "y"), break_on_failure=False), False),
        (lambda: Chain((fail_hard, "x"), raises_on_failure=False), True),
        (lambda: FuncGroup(lambda: Group((note, "x"), (note, "y"))), True),
        (lambda: Chain(), True),
    ],
)
def test_failures_of_the_work_and_results_that_are_none(bench: Bench, content: Any, is_done: bool) -> None:
    bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step("a", content()))))
    assert bench.done == (["a"] if is_done else [])
    assert bench.log() == ["a scheduled", "a completed" if is_done else "a failed"]


def test_a_failing_alternative_stops_before_the_marker(bench: Bench) -> None:
    bench.mark("a")

    def run(workflow: Any) -> Any:
        step = Step("a", (note, "a"), activities_if_step_already_done=(fail_softly, "b"), emit_signal=True)
        return workflow.submit(step).ran

    assert bench.run(run) is False
    assert bench.log() == ["a failed"]
    assert bench.executor.signals_sent == []


def test_raises_on_failure_reaches_the_work_and_nothing_else(bench: Bench) -> None:
    with pytest.raises(TaskFailed):
        bench.run(lambda w: futures.wait(w.submit(Group(Step("a", (fail_softly, "a")), raises_on_failure=True))))
    bench.run(lambda w: futures.wait(w.submit(Group(Step("a", (fail_hard, "a")), raises_on_failure=False))))
    assert bench.log() == ["a scheduled", "a failed"]
    assert fail_hard.raises_on_failure is True


def test_steps_stand_in_canvas_and_in_steps(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        inner = Chain(workflow.step("a.b", (note, "b")), workflow.step("a.c", (note, "c")))
        future = workflow.submit(Group(Step("a", inner), FuncGroup(lambda: Step("d", (note, "d")))))
        return len(future.result)

    assert bench.run(run) == 2
    assert bench.done == ["a", "a.b", "a.c", "d"]
    assert bench.run(run) == 2
    assert noted == []


def test_a_chain_hands_a_result_into_a_step(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return workflow.submit(Chain((note, "x"), Step("a", Chain(echo)), send_result=True)).result[1][1][1]

    assert bench.run(run) == [["did x"]]


def test_the_work_may_be_anything_that_can_be_submitted(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        things = {
            "task": workflow.record_marker("m", 1),
            "timer": workflow.start_timer("t", 0),
            "signal": workflow.signal("s"),
            "activity": echo,
            "tuple": (echo, 1, 2),
        }
        return [workflow.submit(Step(name, thing)).ran for name, thing in things.items()]

    assert bench.run(run) == [True] * 5
    assert bench.done == sorted(["task", "timer", "signal", "activity", "tuple"])


def test_a_step_keeps_its_arguments_as_attributes() -> None:
    step = Step("a", (note, "a"), True, note, True, ["b"], True)
    assert vars(step) == {
        "step_name": "a",
        "activities": (note, "a"),
        "force": True,
        "retries": retries.NONE,
        "activities_if_step_already_done": note,
        "emit_signal": True,
        "force_steps_if_executed": ["b"],
        "bubbles_exception_on_failure": True,
        "keep_result": False,
        "fingerprint": None,
        "ready_made": None,
        "after": [],
        "optional": False,
        "outputs": [],
    }


def test_the_work_of_a_step_may_be_replaced_before_it_is_submitted(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        step = workflow.step("a", (note, "a"))
        step.activities = (note, "b")
        step.activities_if_step_already_done = (echo, "c")
        return workflow.submit(step).value

    assert [bench.run(run), bench.run(run)] == ["did b", ["c"]]


def test_each_submission_of_a_step_sends_its_signal(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        for _ in range(2):
            futures.wait(workflow.submit(workflow.step("a", (note, "a"), emit_signal=True)))

    bench.run(run)
    assert bench.log() == ["a scheduled", "a completed", "a skipped"]
    assert [signal.name for signal in bench.executor.signals_sent] == ["step.a"] * 2
