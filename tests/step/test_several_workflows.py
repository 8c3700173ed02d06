"""Several workflows with steps: each has its own marks, and a parent does not steer its child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, note


class Load(Workflow, WorkflowStepMixin):
    def run(self) -> Any:
        return self.submit(self.step("load", (note, "load"))).ran


class Billing(Load):
    name = "billing"


class Report(Load):
    name = "report"


@pytest.mark.parametrize("durable", [False, True])
def test_workflows_do_not_share_their_steps(durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state" if durable else None
    assert [Executor(kind, state=state).run() for kind in (Billing, Report, Billing, Report)] == [
        True,
        True,
        False,
        False,
    ]
    assert Executor(Billing, workflow_id="another", state=state).run() is True


class Child(Workflow, WorkflowStepMixin):
    """Keeps its marks in its own bucket, and has its own forced and skipped steps."""

    name = "child"

    def get_step_bucket(self) -> str:
        return "memory://bucket of the child"

    def get_step_path_prefix(self) -> str:
        return "child"

    def run(self) -> Any:
        return [self.submit(self.step("a", (note, "child"))).ran, self.get_forced_steps(), self.get_skipped_steps()]


class Plain(Workflow):
    name = "plain"

    def run(self) -> Any:
        return self.submit(Child).result


def test_a_child_with_steps_may_have_a_parent_without_steps() -> None:
    from simpleflow.stores import open_store

    open_store("memory://bucket of the child").delete("child", ["a"])
    assert [Executor(Plain).run() for _ in range(2)] == [[True, [], []], [False, [], []]]


@pytest.mark.parametrize("how", ["add_forced_steps", "add_skipped_steps"])
def test_forced_and_skipped_steps_of_a_parent_do_not_reach_its_child(bench: Bench, how: str) -> None:
    from simpleflow.stores import open_store

    there = open_store("memory://bucket of the child")
    there.delete("child", ["a"])
    if how == "add_forced_steps":
        there.put("child", "a", b"{}")

    def run(workflow: Any) -> Any:
        getattr(workflow, how)("*", "all of them")
        mine = workflow.submit(workflow.step("a", (note, "mine"))).ran
        return [mine, workflow.submit(Child).result]

    forced = how == "add_forced_steps"
    assert bench.run(run) == [forced, [not forced, [], []]]
    assert bench.done == (["a"] if forced else [])
