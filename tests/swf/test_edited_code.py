"""Code that is edited while an execution is under way on Amazon SWF."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow.core import events as e
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import InputError
from simpleflow.server import Server
from simpleflow.worker.decision_worker import DecisionWorker
from tests.swf.served import DOMAIN, Crew, ended, outcome, start

CODE = """
from simpleflow import Workflow, activity


@activity.with_attributes(name="edited.load", version="1", raises_on_failure=True)
def load(source):
    return f"rows of {{source}}"


class Child(Workflow):
    name = "edited.child"

    def run(self, source):
        return f"child of {{source}}"


class Edited(Workflow):
    name = "edited.flow"
    version = {version!r}

    def run(self):
        rows = self.submit(load, {source!r}).result
        child = self.submit(Child, {source!r}).result
        self.submit(self.wait_signal("go on")).result
        return [rows, child]
"""


class Code:
    """A module that the tests edit."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "edited_flow.py"

    def write(self, source: str, version: str = "1") -> Any:
        self.path.write_text(CODE.format(source=source, version=version))
        importlib.invalidate_caches()
        sys.modules.pop("edited_flow", None)
        return importlib.import_module("edited_flow").Edited


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Code:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return Code(tmp_path)


def wait_for(kind: type[e.Attributes], count: int = 1) -> None:
    until = time.monotonic() + 60
    while sum(isinstance(each.attributes, kind) for each in SwfEngine(DOMAIN).history("w", None)) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_edited_code_gets_the_results_of_its_own_calls(server: Server, code: Code) -> None:
    start(code.write("dev.csv"))
    with Crew():
        wait_for(e.ChildWorkflowExecutionCompleted)
    code.write("prod.csv")
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
    with Crew(deciders=2):
        assert ended().status == "completed", outcome()
    assert outcome().result == '["rows of prod.csv","child of prod.csv"]'
    history = SwfEngine(DOMAIN).history("w", None)
    changed = [each for each in history if getattr(each.attributes, "marker_name", None) == "changed"]
    assert len(changed) == 2


def test_the_same_code_in_another_process_repeats_nothing(server: Server, code: Code) -> None:
    start(code.write("dev.csv"))
    with Crew():
        wait_for(e.ChildWorkflowExecutionCompleted)
    code.write("dev.csv")
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
    with Crew(deciders=2):
        assert ended().status == "completed", outcome()
    kinds = [type(each.attributes) for each in SwfEngine(DOMAIN).history("w", None)]
    assert kinds.count(e.ActivityTaskScheduled) == kinds.count(e.StartChildWorkflowExecutionInitiated) == 1


def test_a_decider_refuses_an_execution_of_another_version(server: Server, code: Code) -> None:
    start(code.write("dev.csv"))
    code.write("dev.csv", version="2")
    source = SwfDecisionSource(DOMAIN, "default")
    task = source.poll_for_decision_task()
    assert task is not None
    worker = DecisionWorker(source, {}, DOMAIN, refuses_other_versions=True)
    with pytest.raises(InputError, match=r"version '1' of workflow edited\.flow.*version '2'.*start a decider with"):
        worker.decide(task)
