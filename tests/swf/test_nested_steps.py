"""A step around children whose steps failed is not done, on the local server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.server import Server
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.values import decode
from tests.swf.served import Crew, ended, outcome, start

up: list[bool] = []


@activity.with_attributes(name="nested.load", version="1")
def load() -> None:
    if not up:
        raise ConnectionError("no server")


class Below(Workflow, WorkflowStepMixin):
    folder = ""

    def get_step_bucket(self) -> str:
        return Below.folder


class Grandchild(Below):
    name = "nested.grandchild"
    version = "1"

    def run(self) -> Any:
        return self.submit(Step("load", load)).ran


class Child(Below):
    name = "nested.child"
    version = "1"

    def run(self, left: int) -> Any:
        if left:
            self.submit(Step("load", load)).result
            return self.submit(self.continue_as_new(left - 1)).result
        return "the result"


class Middle(Workflow):
    name = "nested.middle"
    version = "1"

    def run(self) -> Any:
        return self.submit(Grandchild).result


class Top(Below):
    name = "nested.top"
    version = "1"

    def run(self, kind: str) -> Any:
        works = {"bare": Step("load", load), "child": (Child, 2), "grandchild": Middle}
        outer = self.submit(Step("all", Group(works[kind])))
        return [outer.failed, outer.value]


@pytest.mark.parametrize("kind", ["bare", "child", "grandchild"])
def test_a_failed_step_inside_fails_the_step_around_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(Below, "folder", str(tmp_path / "marks"))
    up.clear()
    found = []
    with Crew():
        for _ in range(2):
            run_id = start(Top, kind)
            assert ended(run_id=run_id).status == "completed"
            found.append(decode(outcome(run_id=run_id).result))
            assert ("all" in open_store(Below.folder).names("w/steps")) is bool(up)
            up.append(True)
    assert [failed for failed, _ in found] == [True, False]
    if kind == "child":
        assert found[0][1] == ["the result"]
    if kind == "grandchild":
        assert [value for _, value in found] == [[True], [True]]
