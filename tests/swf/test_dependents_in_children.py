"""A step of a parent forces those of its children, on the local server; either end may declare it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.server import Server
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.swf.served import Crew, ended, start

ran: list[str] = []


@activity.with_attributes(name="dependents.work", version="1")
def work(name: str) -> None:
    ran.append(name)


class Below(Workflow, WorkflowStepMixin):
    folder = ""
    forces: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def get_step_bucket(self) -> str:
        return Below.folder


class Report(Below):
    name = "dependents.report"
    version = "1"

    def run(self) -> Any:
        return self.submit(Step("report", (work, "report"), after=Below.after)).ran


class Middle(Workflow):
    name = "dependents.middle"
    version = "1"

    def run(self) -> Any:
        return self.submit(Report).result


class Top(Below):
    name = "dependents.top"
    version = "1"

    def run(self, kind: str, force: bool, dies: bool = False) -> Any:
        futures.wait(self.submit(Step("load", (work, "load"), force=force, force_steps_if_executed=Below.forces)))
        if dies:
            raise RuntimeError("the power is gone")
        if kind == "step":
            return self.submit(Step("report", (work, "report"), after=Below.after)).ran
        return self.submit({"child": Report, "grandchild": Middle}[kind]).result


@pytest.mark.parametrize("by_child", [False, True])
@pytest.mark.parametrize("kind", ["step", "child", "grandchild"])
def test_a_step_of_the_parent_forces_that_of_the_child(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, by_child: bool
) -> None:
    monkeypatch.setattr(Below, "folder", str(tmp_path / "marks"))
    monkeypatch.setattr(Below, "after" if by_child else "forces", ("load" if by_child else "report",))
    with Crew():
        for given, expected in (
            ((kind, False), ["load", "report"]),
            ((kind, False), []),
            ((kind, True), ["load", "report"]),
            ((kind, True, True), ["load"]),
            ((kind, False), ["report"]),
            ((kind, False), []),
        ):
            ran.clear()
            run_id = start(Top, *given)
            assert ended(run_id=run_id).status == ("failed" if len(given) == 3 else "completed")
            assert ran == expected
