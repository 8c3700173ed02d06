"""Code that is edited between two starts of one run in a state folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.local import Executor
from simpleflow.step import WorkflowStepMixin

calls: list[Any] = []
stops: list[bool] = []


@activity.with_attributes(raises_on_failure=True)
def load(source: str) -> str:
    calls.append(source)
    return f"rows of {source}"


@activity.with_attributes(raises_on_failure=True)
def slow(source: str = "") -> None:
    calls.append(("slow", source))
    if stops:
        stops.pop()
        raise KeyboardInterrupt  # as Ctrl-C does: the run is left open


class Child(Workflow):
    name = "edited child"

    def run(self, source: str) -> Any:
        return self.submit(load, source).result


def loop(self: Any, *sources: str) -> Any:
    found = {source: self.submit(load, source).result for source in sources}
    self.submit(slow).result
    return found


def mapped(self: Any, *sources: str) -> Any:
    found = self.map(load, sources)
    futures.wait(found)
    self.submit(slow).result
    return {source: each.result for source, each in zip(sources, found, strict=True)}


def children(self: Any, *sources: str) -> Any:
    found = self.submit(Group(*[(Child, source) for source in sources])).result
    self.submit(slow).result
    return dict(zip(sources, found, strict=True))


def steps(self: Any, *sources: str) -> Any:
    found = {
        source: self.submit(self.step(f"load.{number}", Chain((load, source)))).value[0]
        for number, source in enumerate(sources)
    }
    self.submit(slow).result
    return found


@pytest.fixture
def start(tmp_path: Path) -> Any:
    calls.clear()
    stops.clear()

    def start(run: Any, *sources: str, interrupted: bool = False) -> Any:
        attributes = {"name": "edited", "run": lambda self: run(self, *sources)}
        workflow = type("Edited", (Workflow, WorkflowStepMixin), attributes)
        if not interrupted:
            return Executor(workflow, state=tmp_path).run()
        stops.append(True)
        with pytest.raises(KeyboardInterrupt):
            Executor(workflow, state=tmp_path).run()
        return None

    return start


@pytest.mark.parametrize("sources", [("b", "a"), ("new", "a", "b"), ("a", "new"), ("c",)])
@pytest.mark.parametrize("run", [loop, mapped, children, steps])
def test_a_run_that_is_taken_up_gets_results_of_its_own_calls(start: Any, run: Any, sources: tuple[str, ...]) -> None:
    start(run, "a", "b", interrupted=True)
    assert start(run, *sources) == {source: f"rows of {source}" for source in sources}


@pytest.mark.parametrize("run", [loop, mapped, children, steps])
def test_unchanged_code_repeats_what_was_under_way_alone(start: Any, run: Any) -> None:
    start(run, "a", "b", interrupted=True)
    assert start(run, "a", "b") == {"a": "rows of a", "b": "rows of b"}
    assert [each for each in calls if isinstance(each, str)] == ["a", "b"]


def test_a_child_that_was_done_is_not_done_again_when_the_list_grows(start: Any) -> None:
    start(children, "a", "b", interrupted=True)
    start(children, "new", "a", "b")
    assert sorted(each for each in calls if isinstance(each, str)) == ["a", "b", "new"]


def test_work_of_the_former_code_is_not_begun_again(start: Any) -> None:
    """It was wrong: that is why the run was stopped and the code edited."""

    def work(self: Any, source: str) -> Any:
        return self.submit(slow, source).result

    start(work, "dev", interrupted=True)
    start(work, "prod")
    assert calls == [("slow", "dev"), ("slow", "prod")]


def test_work_that_is_under_way_is_begun_again_if_the_code_still_wants_it(start: Any) -> None:
    def work(self: Any, source: str) -> Any:
        return self.submit(slow, source).result

    start(work, "dev", interrupted=True)
    start(work, "dev")
    assert calls == [("slow", "dev"), ("slow", "dev")]
