"""The pytest plugin of simpleflow: the fixtures ``workflow_runner``, ``step_store`` and ``state_folder``.

It is a separate module, since pytest loads it each time that it starts: nothing of simpleflow is loaded until a test
uses a fixture.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simpleflow.testing import StepStore, WorkflowRunner


@pytest.fixture
def step_store() -> StepStore:
    """The done marks of the test's ``workflow_runner``, in memory; none at first."""
    from simpleflow.testing import StepStore

    return StepStore()


@pytest.fixture
def workflow_runner(step_store: StepStore) -> WorkflowRunner:
    """Runs workflows in memory, on a virtual clock, with activities that do what the test says."""
    from simpleflow.testing import WorkflowRunner

    return WorkflowRunner(store=step_store)


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a new state folder, which this test's ``Executor`` and commands use if they are given none."""
    folder = tmp_path / ".simpleflow"
    monkeypatch.setenv("SIMPLEFLOW_STATE", str(folder))
    return folder
