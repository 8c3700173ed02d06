"""Finding the place of marks without running an activity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.steering.place import Place, find
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store

OWN = "file:///nowhere/objects"
calls: list[str] = []


@activity.with_attributes()
def do(what: str = "") -> str:
    calls.append(what)
    return what


class Steps(Workflow, WorkflowStepMixin):
    """Base of the workflows below, with every hook that is called at the end of an execution."""

    def run(self) -> None:
        self.submit(self.step("a", (do,)))

    def on_completed(self, history: Any) -> None:
        calls.append("on_completed")

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        calls.append("on_failure")

    def after_closed(self, history: Any) -> None:
        calls.append("after_closed")


class Plain(Steps):
    name = "plain"


class ByDay(Steps):
    name = "byday"

    def run(self, day: str) -> None:
        self.day = day
        self.submit(self.step("a", (do, "a")))

    def get_step_path_prefix(self) -> str:
        return f"{self.day}/marks/"


class Late(ByDay):
    """Sets its prefix before it waits for a result."""

    def run(self, day: str) -> None:
        self.day = day
        future = self.submit(do, "first")
        if future.result:
            self.submit(self.step("a", (do, "a")))


class TooLate(ByDay):
    def run(self, day: str) -> None:
        self.day = self.submit(do, day).result
        self.submit(self.step("a", (do, "a")))


class Inside(ByDay):
    """Its first step is inside another container."""

    def run(self, day: str) -> None:
        self.day = day
        futures.wait(self.submit(Group((do, "b"), FuncGroup(lambda: Chain(self.step("a", (do, "a")))))))


class Returns(ByDay):
    """Submits no step."""

    def run(self, day: str) -> None:
        self.day = day


class Raises(ByDay):
    def run(self, day: str) -> None:
        self.day = day
        raise KeyError(day)


class Fails(Steps):
    name = "fails"

    def run(self) -> None:
        self.fail("no")


class NoInit(Steps):
    def __init__(self, executor: Any) -> None:
        raise OSError("no\nsuch file")


class Waiting(Steps):
    def get_step_path_prefix(self) -> str:
        return str(self.submit(do, "prefix").result)


class Wrong(Steps):
    def get_step_path_prefix(self) -> str:
        return 3  # type: ignore[return-value]


class Context(Steps):
    name = "context"

    def get_step_path_prefix(self) -> str:
        return str(self.get_run_context()["domain_name"])


class BadId(Steps):
    @classmethod
    def get_workflow_id(cls) -> str:
        raise KeyError("day")


class Stepless(Workflow):
    pass


@pytest.fixture(autouse=True)
def nothing_is_run() -> Any:
    calls.clear()
    yield
    assert calls == []


def test_the_default() -> None:
    assert find(Plain, default_bucket=OWN) == Place("plain", OWN, "plain/steps")
    assert find(Plain, workflow_id="x", default_bucket=OWN) == Place("x", OWN, "x/steps")


def test_a_configured_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_BUCKET", "marks")
    assert find(Plain, default_bucket=OWN).bucket == "s3.amazonaws.com/marks"
    monkeypatch.delenv("STEP_BUCKET")
    assert find(Plain, default_bucket=None).bucket == "s3.amazonaws.com/step_bucket"


@pytest.mark.parametrize("workflow", [ByDay, Late, Inside, Returns, Raises])
def test_a_prefix_that_run_sets(workflow: type[Steps]) -> None:
    assert find(workflow, input=["mon"], default_bucket=OWN) == Place("byday", OWN, "mon/marks/")
    assert find(workflow, input={"kwargs": {"day": "tue"}}, default_bucket=OWN).path == "tue/marks/"


def test_run_is_evaluated_up_to_its_first_step() -> None:
    class Many(ByDay):
        def run(self, day: str) -> None:
            super().run(day)
            raise AssertionError("it goes on")

    assert find(Many, input=["mon"], default_bucket=OWN).path == "mon/marks/"


def test_a_run_that_fails_has_a_place() -> None:
    assert find(Fails, default_bucket=OWN).path == "fails/steps"


def test_the_domain() -> None:
    assert find(Context, default_bucket=None, domain="here").path == "here"
    assert find(Context, default_bucket=OWN).path == "None"


@pytest.mark.parametrize(
    ("workflow", "given", "said"),
    [
        (ByDay, None, "without running it: AttributeError: 'ByDay' object has no attribute 'day'; if it depends on"),
        (TooLate, ["mon"], "AttributeError: 'TooLate' object has no attribute 'day'"),
        (NoInit, None, "without running it: OSError: no such file; if"),
        (Waiting, None, "without running it: it waits for a result"),
        (Wrong, None, "get_step_path_prefix() returned 3; expected text"),
        (Stepless, None, "workflow Stepless has no steps; expected a class that derives from WorkflowStepMixin"),
        (BadId, None, "workflow BadId cannot be started: KeyError: 'day'"),
        (Plain, [object()], "input of workflow Plain is not JSON"),
    ],
)
def test_places_that_cannot_be_found(workflow: type[Workflow], given: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        find(workflow, input=given, default_bucket=OWN)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ("--input" in str(caught.value)) == ("without running it" in str(caught.value))


@pytest.mark.parametrize("workflow", [ByDay, Inside])
def test_a_run_keeps_its_marks_in_that_place(tmp_path: Path, workflow: type[Steps]) -> None:
    executor = Executor(workflow, state=tmp_path)
    executor.run(["mon"])
    calls.clear()
    place = find(workflow, input=["mon"], default_bucket=executor.default_bucket)
    assert open_store(place.bucket).names(place.path) == ["a"]
