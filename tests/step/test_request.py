"""Steps that are forced and skipped at start."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.step.request import REQUEST
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def do(what: str) -> str:
    return what


class Steered(Workflow, WorkflowStepMixin):
    name = "steered"

    def get_step_bucket(self) -> str:
        return "memory://request"

    def get_step_path_prefix(self) -> str:
        return self.get_run_context()["workflow_id"] + "/steps"

    def run(self, *names: str) -> list[list[Any]]:
        steps = [self.submit(self.step(name, (do, name))) for name in names]
        return [[step.ran, step.forced, step.reasons] for step in steps]


class Parent(Steered):
    name = "steered parent"

    def run(self, *names: str) -> list[Any]:
        own = super().run(*names)
        return [own, self.submit(Child, *names).result]


class Child(Steered):
    name = "steered child"


class Again(Steered):
    name = "steered again"

    def run(self, *names: str) -> list[list[Any]]:
        return super().run(*names, *names)


class InTurn(Steered):
    name = "steered in turn"

    def run(self, *names: str) -> list[Any]:
        found = []
        for name in names:
            step = self.submit(self.step(name, (do, name)))
            futures.wait(step)
            found.append([step.ran, step.reasons])
        return found


class Continued(Steered):
    name = "steered continued"

    def run(self, *names: str) -> Any:
        first, *rest = names
        found = super().run(first)
        if rest:
            futures.wait(self.submit(self.step("each", (do, "each"))))
            self.submit(self.continue_as_new(*rest))
        else:
            found += super().run("each")
        return found


def run(workflow: type[Workflow], *names: str, id: str, **steering: Any) -> Any:
    return Executor(workflow, workflow_id=id, **steering).run(list(names))


REQUESTED = ["Requested at start"]
DONE = ["Step was already played"]


def test_forced_and_skipped_names_are_hierarchical_and_force_wins() -> None:
    run(Steered, "a", "a.b", "ab", "c", id="hierarchy")
    again = run(Steered, "a", "a.b", "ab", "c", id="hierarchy", force_steps="a", skip_steps=["a.b", "c"])
    assert again == [[True, True, REQUESTED], [True, True, REQUESTED], [False, False, DONE], [False, True, REQUESTED]]


def test_one_step_only() -> None:
    only = run(Steered, "load", "report", "send", id="only", force_steps=["report"], skip_steps="*")
    assert only == [[False, True, REQUESTED], [True, True, REQUESTED], [False, True, REQUESTED]]


def test_children_are_asked_the_same() -> None:
    run(Parent, "a", "b", id="family")
    assert run(Parent, "a", "b", id="family", force_steps=["a"]) == [
        [[True, True, REQUESTED], [False, False, DONE]],
        [[True, True, REQUESTED], [False, False, DONE]],
    ]


def test_a_step_forced_at_start_runs_once() -> None:
    assert run(InTurn, "a", "a", id="once", force_steps="*") == [[True, REQUESTED], [False, DONE]]
    assert run(Again, "a", id="joined", force_steps="*") == [[True, True, REQUESTED]] * 2


def test_the_execution_that_continues_this_one_does_not_force_again_the_steps_that_ran() -> None:
    run(Steered, "a", "b", "each", id="continued")
    found = run(Continued, "a", "b", id="continued", force_steps="*")
    assert found == [[True, True, REQUESTED], [False, False, DONE]]


def test_a_request_stands_in_the_input_and_in_the_markers() -> None:
    executor = Executor(Steered, workflow_id="markers", force_steps=["b", "a"], skip_steps=["c"])
    executor.run(["a", "c"])
    started = executor.history[0]["workflowExecutionStartedEventAttributes"]
    assert started["input"] == ('{"args":["a","c"],"kwargs":{},"__simpleflow_steps":{"force":["a","b"],"skip":["c"]}}')
    assert [
        (each.details["step"], each.details["status"], each.details["reasons"]) for each in executor.list_markers(True)
    ] == [
        ("a", "scheduled", REQUESTED),
        ("c", "skipped", REQUESTED),
        ("a", "completed", REQUESTED),
    ]


@pytest.mark.parametrize("names", ["", "a..b", [1], None, {"a": 1}])
def test_an_invalid_name_is_refused_at_once(names: Any) -> None:
    with pytest.raises(InputError, match="forced steps"):
        Executor(Steered, force_steps=names)


@pytest.mark.parametrize("content", ["a", {"force": [1]}, {"skip": 3}, {"only": {"a": 1}}])
def test_a_request_by_hand_that_cannot_be_fails_the_run(content: Any) -> None:
    with pytest.raises(InputError, match=REQUEST):
        Executor(Steered, workflow_id="by hand").run({"args": ["a"], REQUEST: content})


def test_names_that_were_asked_for_count_as_forced() -> None:
    class Names(Steered):
        name = "steered names"

        def run(self) -> list[Any]:
            return [self.get_forced_steps(), self.get_skipped_steps()]

    assert run(Names, id="names", force_steps=["b", "a"], skip_steps="*") == [["a", "b"], ["*"]]
