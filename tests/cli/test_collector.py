"""The garbage collector is held back while modules are loaded, and not while code of users runs."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from simpleflow.cli import collector, main

from .conftest import Folder

_FLOW = """\
import gc
from simpleflow import Workflow

class Thresholds(Workflow):
    name, version, task_list = "thresholds", "1", "thresholds"

    def run(self):
        return [*gc.get_threshold(), gc.get_freeze_count() > 10_000]
"""


def test_code_of_users_runs_with_the_usual_thresholds(folder: Folder) -> None:
    (folder.path / "thresholds.py").write_text(_FLOW)
    program = "from simpleflow.cli import main; import sys; sys.argv[1:] = ['workflow.start', 'thresholds.py']; main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder.path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [*gc.get_threshold(), True]


def test_a_command_that_a_program_calls_leaves_the_collector_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = gc.get_threshold(), gc.get_freeze_count(), len(gc.callbacks)
    main(["--version"])
    assert (gc.get_threshold(), gc.get_freeze_count(), len(gc.callbacks)) == before


def test_the_collector_works_again_when_there_are_many_objects() -> None:
    usual, callbacks = gc.get_threshold(), len(gc.callbacks)
    collector.pause()
    try:
        assert gc.get_threshold() != usual
        kept: list[list[object]] = [[] for _ in range(60_000)]
        assert gc.get_threshold() == usual
        assert len(gc.callbacks) == callbacks
        assert len(kept) == 60_000
    finally:
        collector.resume()
        gc.unfreeze()
