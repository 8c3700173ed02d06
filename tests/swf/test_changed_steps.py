"""Steps whose inputs have changed, on the local server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.server import Server
from simpleflow.step import ARGUMENTS, Step, WorkflowStepMixin, files
from simpleflow.stores import open_store
from simpleflow.values import decode
from tests.swf.served import Crew, ended, outcome, start


@activity.with_attributes(name="changed.load", version="1", raises_on_failure=True)
def load(text: str) -> str:
    return text


@activity.with_attributes(name="changed.grow", version="1", raises_on_failure=True)
def grow(size: int, text: str) -> str:
    return "x" * size


class Stepping(Workflow, WorkflowStepMixin):
    folder = ""

    def get_step_bucket(self) -> str:
        return Stepping.folder


class Reading(Stepping):
    name = "changed.reading"
    version = "1"

    def run(self, count: int) -> Any:
        data = files(f"{Stepping.folder}/../*.csv")
        steps = [
            Step(f"s{n}", (load, "x"), fingerprint=[ARGUMENTS, data], outputs=[f"{Stepping.folder}/../a.csv"])
            for n in range(count)
        ]
        return [each.reasons if each.ran else "skipped" for each in [self.submit(step) for step in steps]]


class Keeping(Stepping):
    name = "changed.keeping"
    version = "1"

    def run(self, size: int, text: str) -> Any:
        parts = [ARGUMENTS, files(f"{Stepping.folder}/../*.csv"), "y" * 900]
        step = self.submit(Step("s", (grow, size, text), keep_result=True, fingerprint=parts))
        return [step.ran, step.value == "x" * size]


class Twice(Stepping):
    name = "changed.twice"
    version = "1"

    def run(self) -> Any:
        return [self.submit(Step("s", (load, text))).ran for text in "ab"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder around the marks."""
    monkeypatch.setattr(Stepping, "folder", str(tmp_path / "marks"))
    (tmp_path / "marks").mkdir()
    return tmp_path


def run(kind: type[Workflow], *args: Any, **options: Any) -> Any:
    run_id = start(kind, *args, **options)
    assert ended(run_id=run_id).status == "completed", outcome(run_id=run_id)
    return decode(outcome(run_id=run_id).result)


def test_files_and_outputs(server: Server, folder: Path) -> None:
    for n in range(90):  # what is read of ten steps does not fit into a field
        (folder / f"{n}.csv").write_text("x")
    (folder / "a.csv").write_text("a")
    with Crew():
        assert run(Reading, 10) == [[]] * 10
        assert run(Reading, 10) == ["skipped"] * 10
        (folder / "7.csv").write_text("other")
        [reason] = run(Reading, 1)[0]
    assert reason.startswith("Inputs changed: ")
    assert reason.endswith("/*.csv (91 files)")


def test_a_long_result_is_kept_beside_a_long_fingerprint_and_long_arguments(server: Server, folder: Path) -> None:
    (folder / "a.csv").write_text("a")
    with Crew():
        assert [run(Keeping, 29_900, '"' * 1_900) for _ in range(2)] == [[True, True], [False, True]]
    mark = json.loads(open_store(Stepping.folder).get("w/steps", "s") or b"")
    assert mark["made_with"]["arguments"].startswith("sha256:")
    assert mark["fingerprint"].startswith("sha256:")


def test_a_name_with_two_works_is_told_by_the_decider(
    server: Server, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Crew():
        assert run(Twice) == [True, False]
    found = [record.getMessage() for record in caplog.records if "submitted twice" in record.getMessage()]
    assert len(found) == 1
