"""Relative folders mean the same during the whole run, in whatever folder its code works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def leave(folder: str) -> None:
    os.chdir(folder)


class Moves(Workflow, WorkflowStepMixin):
    name = "moves"
    bucket: str | None = None

    def get_step_bucket(self) -> str:
        return self.bucket or super().get_step_bucket()

    def run(self, folder: str) -> Any:
        first = self.submit(Step("first", (leave, folder))).ran
        os.chdir(folder)
        second = self.submit(Step("second", (leave, folder))).ran
        os.chdir(folder + "/..")
        return [first, second, self.submit(Step("third", (leave, folder), force=True)).ran]


@pytest.mark.parametrize("workers", [None, 1])
@pytest.mark.parametrize(("bucket", "marks"), [(None, None), ("./marks", "marks"), ("../up", "../up")])
def test_a_change_of_the_working_folder_moves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str | None, marks: str | None, workers: int | None
) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    home.mkdir()
    other.mkdir()
    workflow = type("Here", (Moves,), {"bucket": bucket})
    for found in ([True, True, True], [False, False, True]):
        monkeypatch.chdir(home)
        assert Executor(workflow, state="state", nb_workers=workers).run([str(other)]) == found
    if marks is not None:
        names = [each.name.partition(".")[0] for each in (home / marks / "moves/steps").iterdir()]
        assert sorted(names) == ["first", "second", "third"]
    assert list(other.iterdir()) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(
        {"home", "other", *(["up"] if bucket == "../up" else [])}
    )
