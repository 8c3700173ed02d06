"""Runs of some steps only, and runs that stop before their end, on the local server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, values
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


def test_only_some_steps(server: Server, folder: Path) -> None:
    with Crew():
        expected = [["Not among --only"], ["Requested at start"], [False, True]]
        assert [result("a", "b", only="b") for _ in range(2)] == [expected] * 2
