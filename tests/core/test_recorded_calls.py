"""A recorded result belongs to the call that it was made for: edited code gets no results of other calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures, values
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.decide import Decider, SharedDecider, decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.dispatch import perform
from tests.child_ids import child_id
from tests.core.harness import add, echo, same


class Kid(Workflow):
    name = "kid"

    def run(self, what: Any) -> Any:
        return f"kid of {what}"


class Fixed(Kid):
    name = "fixed"

    @classmethod
    def get_workflow_id(cls, what: Any) -> str:
        return "always this"


class Run:
    """An execution that is taken up again and again, each time with other code."""

    shares_history = False  # the deciders read the history of the engine

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.run_id = self.engine.start_workflow_execution(StartRequest("w", "edited", "1"))
        self.calls: list[tuple[str, Any]] = []  # activities that were performed, with their arguments
        self.decided: list[d.Decision] = []

    def take_up(
        self, code: Callable[[Any], Any], context: str | None, until: int | None = None, repeats: bool = True
    ) -> Run:
        """Drive the run with this code until it ends, or until so many more activities have ended.

        ``repeats``: the code is deterministic, so that an evaluation from nothing decides the same.
        """
        deciders: dict[str, Decider | SharedDecider] = {}
        left = until
        edited = type("Edited", (Workflow,), {"name": "edited", "run": code})
        while True:
            task = self.engine.poll_for_decision_task()
            if task is not None:
                kind = {"edited": edited, "kid": Kid, "fixed": Fixed}[task.name]
                execution = Execution(task.workflow_id, task.run_id, context=context)
                decider = deciders.get(task.run_id)
                events = task.events[: task.started_event_id]
                if isinstance(decider, SharedDecider):
                    decider.decide()
                elif self.shares_history:
                    assert task.history is not None
                    decider = SharedDecider(kind, execution, task.history)
                else:
                    decider = decider or Decider(kind, execution)
                    decider.advance(events[len(decider.history.events) :])
                deciders[task.run_id] = decider
                answer = decider.answer()
                assert not repeats or decide(kind, events, execution) == answer.decisions
                self.decided += answer.decisions
                if answer.failure is not None:
                    raise answer.failure.error
                self.engine.respond_decision_task_completed(task.token, answer.decisions, context)
                continue
            if left == 0 or not self.engine.runs[self.run_id].history.open:
                return self
            activity_task = self.engine.poll_for_activity_task()
            if activity_task is None:
                return self
            args, kwargs = values.arguments(values.decode(activity_task.input))
            self.calls.append((activity_task.name.rpartition(".")[2], args or kwargs))
            outcome = perform(activity_task, {each.name: each for each in (add, echo, same)})
            self.engine.respond_activity_task_completed(activity_task.token, outcome.result)
            left = None if left is None else left - 1

    @property
    def result(self) -> Any:
        closed = self.engine.runs[self.run_id].history.closed
        assert closed is not None
        assert isinstance(closed.attributes, e.WorkflowExecutionCompleted), closed
        return values.decode(closed.attributes.result)

    @property
    def changed(self) -> list[Any]:
        """The details of the markers ``changed``."""
        found = self.engine.runs[self.run_id].history.markers.named("changed")
        return [values.decode(event.attributes.details) for event in found]  # type: ignore[union-attr]


@pytest.fixture(autouse=True, params=[False, True], ids=["own history", "history of the engine"])
def _both_deciders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "shares_history", request.param)


def loop(*words: str) -> Callable[[Any], Any]:
    def run(self: Workflow) -> Any:
        got = {word: self.submit(same, word).result for word in words}
        self.submit(add, 1).result
        return got

    return run


def mapped(*words: str) -> Callable[[Any], Any]:
    def run(self: Workflow) -> Any:
        found = self.map(same, words)
        futures.wait(*found)
        self.submit(add, 1).result
        return {word: future.result for word, future in zip(words, found, strict=True)}

    return run


def contained(container: Callable[..., Any]) -> Callable[..., Callable[[Any], Any]]:
    def make(*words: str) -> Callable[[Any], Any]:
        def run(self: Workflow) -> Any:
            found = self.submit(container([(same, word) for word in words])).result
            self.submit(add, 1).result
            return dict(zip(words, found, strict=True))

        return run

    return make


SHAPES = {
    "loop": loop,
    "map": mapped,
    "group": contained(lambda members: Group(*members)),
    "group, two at a time": contained(lambda members: Group(*members, max_parallel=2)),
    "chain": contained(lambda members: Chain(*members)),
    "made late": contained(lambda members: FuncGroup(lambda: Group(*members))),
    "nested": contained(lambda members: Chain(*[Group(member) for member in members])),
}


def flat(value: Any) -> Any:
    return {word: found[0] if isinstance(found, list) else found for word, found in value.items()}


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("words", [("b", "a"), ("new", "a", "b"), ("a", "new", "b"), ("a", "c"), ("b",)])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_edited_list_gets_the_results_of_its_own_calls(shape: str, words: tuple[str, ...], before: int) -> None:
    run = Run().take_up(SHAPES[shape]("a", "b"), "1", until=before)
    run.take_up(SHAPES[shape](*words), "2")
    assert flat(run.result) == {word: word for word in words}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_code_repeats_nothing_and_says_nothing(shape: str) -> None:
    run = Run().take_up(SHAPES[shape]("a", "b"), "1", until=1)
    run.take_up(SHAPES[shape]("a", "b"), "2")
    assert flat(run.result) == {"a": "a", "b": "b"}
    assert sorted(run.calls, key=str) == [("add", [1]), ("same", ["a"]), ("same", ["b"])]
    assert run.changed == []


def test_the_marker_says_what_was_recorded_and_what_it_is_now() -> None:
    run = Run().take_up(loop("dev.csv"), "1", until=1).take_up(loop("prod.csv"), "2")
    assert run.result == {"prod.csv": "prod.csv"}
    (said,) = run.changed
    assert said == {
        "id": f"activity-{same.name}-1",
        "recorded": {"name": same.name, "input": '{"args":["dev.csv"],"kwargs":{}}'},
        "as": f"activity-{same.name}-1~2",
        "now": {"name": same.name, "input": '{"args":["prod.csv"],"kwargs":{}}'},
    }


def test_code_that_is_edited_back_finds_the_first_result_again() -> None:
    run = Run().take_up(loop("a"), "1", until=1).take_up(loop("b"), "2", until=1).take_up(loop("a"), "3")
    assert run.result == {"a": "a"}
    assert [call for call in run.calls if call[0] == "same"] == [("same", ["a"]), ("same", ["b"])]


def test_another_activity_at_the_same_place_in_a_step_is_another_call() -> None:
    def by_id(kind: Any) -> Callable[[Any], Any]:
        def run(self: Workflow) -> Any:
            got = self.submit(kind, 1, 2).result
            self.submit(add, 7).result
            return got

        return run

    run = Run().take_up(by_id(add), "1", until=1).take_up(by_id(echo), "2")
    assert run.result == [1, 2]


class Wanders:
    """An argument that is another one each time that it is asked for."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, self_: Workflow) -> Any:
        self.number += 1
        first = self_.submit(same, self.number).result
        return [first, self_.submit(add, 1).result]


def test_a_nondeterministic_run_keeps_its_calls_within_one_start_and_is_told_once() -> None:
    wanders = Wanders()

    def run(self: Workflow) -> Any:
        return wanders(self)

    found = Run().take_up(run, "1", until=1, repeats=False).take_up(run, "1", repeats=False)
    assert found.result == [1, 1]
    assert [call for call in found.calls if call[0] == "same"] == [("same", [1])]
    assert [said.get("as") for said in found.changed] == [None]


def test_a_nondeterministic_run_makes_a_call_anew_once_for_each_start() -> None:
    wanders = Wanders()

    def run(self: Workflow) -> Any:
        return wanders(self)

    found = Run()
    for start in "1", "2", "3":
        found.take_up(run, start, until=1, repeats=False)
    found.take_up(run, "3", repeats=False)
    assert found.engine.runs[found.run_id].history.state == "completed"
    assert len([call for call in found.calls if call[0] == "same"]) == 3


def test_a_decider_that_takes_turns_with_one_of_other_code_does_not_loop() -> None:
    wanders = Wanders()

    def run(self: Workflow) -> Any:
        return wanders(self)

    found = Run()
    for _ in range(20):
        for context in "1", "2":
            found.take_up(run, context, until=1, repeats=False)
    assert found.engine.runs[found.run_id].history.state == "completed"
    assert len([call for call in found.calls if call[0] == "same"]) <= 3


def test_a_recorded_call_that_nothing_stands_for_any_more_is_cancelled() -> None:
    run = Run().take_up(loop("a", "b"), "1", until=1)  # "b" is scheduled
    run.engine.signal_workflow_execution("w", "wake up")
    run.take_up(loop("a", "c"), "2")
    assert run.result == {"a": "a", "c": "c"}
    cancelled = [each.activity_id for each in run.decided if isinstance(each, d.RequestCancelActivityTask)]
    assert cancelled == [f"activity-{same.name}-2"]


def test_histories_without_a_context_are_those_of_other_code() -> None:
    run = Run().take_up(loop("a"), None, until=1).take_up(loop("b"), "2")
    assert run.result == {"b": "b"}


def kids(*words: str, kind: type[Workflow] = Kid) -> Callable[[Any], Any]:
    def run(self: Workflow) -> Any:
        self.submit(same, "first").result
        found = {word: self.submit(kind, word).result for word in words}
        self.submit(add, 1).result
        return found

    return run


@pytest.mark.parametrize("words", [("b", "a"), ("new", "a", "b"), ("a", "c"), ("b",)])
@pytest.mark.parametrize("kind", [Kid, Fixed])
def test_an_edited_list_of_children_gets_the_results_of_its_own(words: tuple[str, ...], kind: type[Workflow]) -> None:
    before = ("a",) if kind is Fixed else ("a", "b")
    after = words[:1] if kind is Fixed else words
    run = Run().take_up(kids(*before, kind=kind), "1", until=1).take_up(kids(*after, kind=kind), "2")
    assert run.result == {word: f"kid of {word}" for word in after}


def test_children_are_known_by_their_arguments_wherever_they_stand() -> None:
    run = Run().take_up(kids("a", "b"), "1", until=1).take_up(kids("new", "b", "a"), "2")
    started = [each.workflow_id for each in run.decided if isinstance(each, d.StartChildWorkflowExecution)]
    assert sorted(started) == sorted(child_id("w", "kid", word) for word in ("a", "b", "new"))


def test_equal_children_are_told_apart_by_a_number() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Group((Kid, 1), (Kid, 1), Chain((Kid, 2), (Kid, 1)))).result

    run_ = Run().take_up(run, "1")
    started = [each.workflow_id for each in run_.decided if isinstance(each, d.StartChildWorkflowExecution)]
    expected = [child_id("w", "kid", 1, number=number) for number in (1, 2, 3)] + [child_id("w", "kid", 2)]
    assert sorted(started) == sorted(expected)
    assert run_.result == ["kid of 1", "kid of 1", ["kid of 2", "kid of 1"]]


def test_a_child_of_a_history_of_before_stands() -> None:
    run = Run().take_up(kids("a"), None, until=0)
    history = run.engine.runs[run.run_id]
    task = run.engine.poll_for_activity_task()
    assert task is not None
    run.engine.respond_activity_task_completed(task.token, '"first"')
    decision = run.engine.poll_for_decision_task()
    assert decision is not None
    former = d.StartChildWorkflowExecution(
        child_policy="TERMINATE",
        execution_start_to_close_timeout="60",
        input='{"args":["a"],"kwargs":{}}',
        task_start_to_close_timeout="60",
        workflow_id="w--kid-1",
        workflow_type=e.WorkflowType("kid", "1"),
    )
    run.engine.respond_decision_task_completed(decision.token, [former])
    run.take_up(kids("a"), "2")
    assert run.result == {"a": "kid of a"}
    assert list(history.history.children) == ["w--kid-1"]
