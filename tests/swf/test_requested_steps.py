"""Runs of some steps only, that stop before their end, and that keep going, on the local server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, values
from simpleflow.canvas import Chain, Group
from simpleflow.constants import KEEP_GOING
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.step.request import REQUEST, request_of
from simpleflow.values import decode
from tests.swf.served import DOMAIN, Crew, ended, outcome


@activity.with_attributes(name="requested.do", version="1", raises_on_failure=True)
def do(what: str) -> str:
    return what


class Requested(Workflow, WorkflowStepMixin):
    name = "requested"
    version = "1"
    folder = ""

    def get_step_bucket(self) -> str:
        return Requested.folder

    def run(self, *names: str) -> Any:
        return [self.submit(Step(name, (do, name))).reasons for name in names] + [self.submit(Inner, *names).result]


class Inner(Requested):
    name = "requested.inner"

    def run(self, *names: str) -> Any:
        return [self.submit(Step(name, (do, name))).ran for name in names]


@activity.with_attributes(name="requested.fail", version="1", raises_on_failure=True)
def fail(what: str) -> None:
    raise ValueError(f"{what} is broken")


class Broken(Requested):
    name = "requested.broken"

    def run(self, *names: str) -> Any:
        self.submit(Group((fail, "x"), Chain(*(Step(name, (do, name)) for name in names)), (fail, "y")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Requested, "folder", str(tmp_path / "marks"))
    return tmp_path


def result(*names: str, **requested: Any) -> Any:
    """The result of a run with a request at start."""
    input = {"args": names, "kwargs": {}} | ({REQUEST: request_of(**requested)} if requested else {})
    run_id = SwfEngine(DOMAIN).start_workflow_execution(
        StartRequest("w", "requested", "1", values.encode(input, "input"))
    )
    assert ended("w", run_id).status == "completed"
    return decode(outcome("w", run_id).result)


def test_a_run_stops_once_the_named_steps_are_done(server: Server, folder: Path) -> None:
    with Crew():
        stopped = {"__simpleflow_stopped": {"until": ["b"], "not_run": ["c"]}}
        assert [result("a", "b", "c", until="b") for _ in range(2)] == [stopped] * 2
        assert result("a", "b", "c") == [["Step was already played"]] * 2 + [[], [True, True, True]]


def test_a_run_keeps_going_after_a_failure(server: Server, folder: Path) -> None:
    input = {"args": ["a", "b"], "kwargs": {}, KEEP_GOING: True}
    with Crew():
        run_id = SwfEngine(DOMAIN).start_workflow_execution(
            StartRequest("w", "requested.broken", "1", values.encode(input, "input"))
        )
        assert ended("w", run_id).status == "failed"
        found = outcome("w", run_id)
        assert found.reason.startswith("2 failures: Workflow execution error in requested.fail: ")
        assert result("a", "b") == [["Step was already played"]] * 2 + [[True, True]]


def test_only_some_steps(server: Server, folder: Path) -> None:
    with Crew():
        expected = [["Not among --only"], ["Requested at start"], [False, True]]
        assert [result("a", "b", only="b") for _ in range(2)] == [expected] * 2
