"""A run with steps that nears SWF's limit of events, on the local server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, values
from simpleflow.core import events as e
from simpleflow.core.decider import base_decider
from simpleflow.core.decider.answer import Limits
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.step.request import REQUEST
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask
from tests.swf.served import DOMAIN, Crew, ended

LIMITS = Limits(decisions=10, events=500)
ran: list[str] = []


@activity.with_attributes(name="continued.work", version="1")
def work(name: str) -> None:
    ran.append(name)


class Long(Workflow, WorkflowStepMixin):
    name = "continued.long"
    folder = ""

    def get_step_bucket(self) -> str:
        return self.folder

    def run(self, count: int) -> None:
        for name in (f"s{number}" for number in range(count)):
            self.submit(self.step(name, ActivityTask(work, name))).result


@pytest.mark.parametrize("claims", ["0", "1"])
def test_a_long_run_continues_as_new_between_steps_with_its_request(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: str
) -> None:
    monkeypatch.setattr(Long, "folder", str(tmp_path / "marks"))
    monkeypatch.setattr(base_decider, "_SPARE", 20)
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    ran.clear()
    first = run_to_the_end({"args": [60]})
    assert len(first) > 1
    assert ran == [f"s{number}" for number in range(60)]
    ran.clear()
    second = run_to_the_end({"args": [90], REQUEST: {"force": ["s1", "s70"]}})
    assert len(second) > 1
    assert ran == ["s1", *(f"s{number}" for number in range(60, 90))]
    requests = [values.decode(started.input)[REQUEST] for started in second]
    assert "played" not in requests[0]
    assert "s1" in requests[-1]["played"]
    assert all(each["force"] == ["s1", "s70"] for each in requests)


def run_to_the_end(given: dict[str, Any]) -> list[e.WorkflowExecutionStarted]:
    """Run the workflow; returns the start event of each execution, from the first to the one that ended."""
    engine = SwfEngine(DOMAIN)
    run_id = engine.start_workflow_execution(StartRequest("w", Long.name or "", "1", values.encode(given, "input")))
    with Crew(deciders=2, limits=LIMITS):
        assert ended().status == "completed"
    found = []
    while True:
        events = engine.history("w", run_id)
        assert len(events) < 500
        found.append(events[0].attributes)
        last = events[-1].attributes
        if not isinstance(last, e.WorkflowExecutionContinuedAsNew):
            return found  # type: ignore[return-value]
        run_id = last.new_execution_run_id
