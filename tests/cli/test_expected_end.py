"""When a run is expected to end: estimated beside the run, shown while it goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from simpleflow.cli.terminal import Terminal
from simpleflow.cli.view.live_frame import Frame
from simpleflow.cli.view.step_tree import Tree
from simpleflow.state_folder import expected
from tests.cli.conftest import Folder

FLOW = """
import os, time
from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin

@activity.with_attributes(raises_on_failure=True)
def work():
    while not os.path.exists("go"):
        time.sleep(0.02)

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self):
        self.submit(Step("wait", work))
"""


def test_an_open_run_says_when_it_is_expected_to_end(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ESTIMATE_FROM", "0")
    (folder.path / "flow.py").write_text(FLOW)
    (folder.path / "go").touch()
    assert folder.start("flow.py").code == 0
    state = str(folder.path / ".simpleflow")
    assert expected.is_long(state, "flow")
    (folder.path / "go").unlink()
    running = folder.begin("flow.py", "--force", "wait")
    began = time.time()
    end, deadline = None, time.monotonic() + 60
    while end is None and time.monotonic() < deadline:
        time.sleep(0.2)
        done = folder.run("workflow.info", "flow", "--json")
        end = json.loads(done.out)["expected_end"]
        run_id = json.loads(done.out)["run_id"]
    assert end is not None
    found = expected.read(state, run_id)
    assert found is not None
    assert began - 5 < found < began + 60
    (folder.path / "go").touch()
    assert running.wait(60) == 0
    assert expected.read(state, run_id) is None


def test_runs_that_are_short_are_not_estimated(folder: Folder) -> None:
    (folder.path / "flow.py").write_text(FLOW)
    (folder.path / "go").touch()
    assert folder.start("flow.py").code == 0
    assert not (folder.path / ".simpleflow" / "expected").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"end": "x"}', '{"end": 1e999}'])
def test_a_file_that_says_nothing(tmp_path: Path, content: str) -> None:
    expected.write(str(tmp_path), "run", 5.0)
    assert expected.read(str(tmp_path), "run") == 5.0
    (tmp_path / "expected" / "run.json").write_text(content)
    assert expected.read(str(tmp_path), "run") is None
    expected.forget(str(tmp_path), "run")
    expected.forget(str(tmp_path), "run")


def test_the_live_view_counts_down() -> None:
    tree = Tree()
    tree.begin("w", 1_000.0)
    frame = Frame(Terminal(None))
    frame.expected_end = 1_100.0
    assert frame.lines(tree, (), 1_010.0, 100, 20)[0].endswith(", ends in about 1 min 30 s")
    assert "ends in" not in frame.lines(tree, (), 1_200.0, 100, 20)[0]
