"""Claims and requests across children, and across processes that die or fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.step import exclusive
from tests.step.bench import Bench, note, noted
from tests.step.exclusive import Holding, Shared
from tests.step.test_evaluated_afresh import Ordered

LIMIT = 30


class Dependent(Shared):
    name = "dependent"

    def run(self, bucket: str, folder: str) -> bool:
        self.bucket = bucket
        work = Chain((exclusive.note, folder, "next", "first"), (exclusive.hold, folder, "hold", "first"))
        return self.submit(self.step("next", work)).ran


def test_a_step_made_stale_while_its_run_was_dead_is_not_marked_when_the_run_goes_on(tmp_path: Path) -> None:
    marks, log = str(tmp_path / "marks"), tmp_path / "log"
    begin = f"from {__name__} import Dependent, Executor; Executor(Dependent, state={str(tmp_path / 'state')!r})"
    process = subprocess.Popen([sys.executable, "-c", f"{begin}.run({[marks, str(tmp_path)]!r})"])
    try:
        until = time.monotonic() + LIMIT
        while not log.exists() or len(log.read_text().splitlines()) < 2:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    (tmp_path / "go").touch()
    Executor(Holding).run([marks, str(tmp_path), "second"])  # runs "held", which forces "next"
    Executor(Dependent, state=tmp_path / "state").run([marks, str(tmp_path)])
    assert open_store(marks).names("shared/steps") == ["held"]


class Twin(Shared):
    name = "twin"

    def run(self, bucket: str) -> bool:
        self.bucket = bucket
        return self.submit(self.step("a", (note, "a"))).ran


def test_two_children_of_one_run_do_not_run_a_step_at_the_same_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")

    def run(workflow: Any) -> Any:
        workflow.get_steps_done()
        return sorted(workflow.submit(Group((Twin, bench.bucket), (Twin, bench.bucket))).result)

    found = Ordered(bench.bucket, run)
    while book_keeping := [task for task in found.open if task.name.startswith("simpleflow.")]:
        found.open.remove(book_keeping[0])
        found.answer(book_keeping[0], found.perform(book_keeping[0]))
    assert len(found.open) == 1
    assert found.rest() == [False, True]


@activity.with_attributes(start_to_close_timeout=30, schedule_to_close_timeout=30)
def last() -> None:
    time.sleep(LIMIT)


@activity.with_attributes()
def claims_in(bucket: str) -> list[str]:
    return open_store(bucket).names(".claims/shared/steps")


class Slow(Shared):
    name = "slow"
    execution_timeout = 1
    raises_on_failure = False

    def run(self, bucket: str) -> None:
        self.bucket = bucket
        self.submit(self.step("a", last)).result


class Patient(Workflow):
    name = "patient"

    def run(self, bucket: str) -> Any:
        self.submit(Slow, bucket).exception
        return self.submit(claims_in, bucket).result


def test_a_child_that_timed_out_holds_nothing_while_its_parent_goes_on(tmp_path: Path) -> None:
    found = Executor(Patient, state=tmp_path / "state", nb_workers=1).run([str(tmp_path / "marks")])
    assert found == []


class One(Workflow, WorkflowStepMixin):
    name = "one"

    def run(self) -> bool:
        return self.submit(self.step("a", (note, "a"))).ran


def test_a_run_whose_marks_could_not_be_listed_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(One, "get_step_bucket", lambda self: str(tmp_path / "objects"))
    Executor(One, adopt=True).run()
    steps = tmp_path / "objects/one/steps"
    shutil.rmtree(steps)
    steps.touch()
    with pytest.raises(TaskFailed, match="Not a directory"):
        Executor(One, adopt=True).run()
    assert open_store(str(tmp_path / "objects")).names(".claims/one/steps") == []


class Inner(Workflow, WorkflowStepMixin):
    name = "inner"

    def run(self) -> bool:
        return self.submit(self.step("load", (note, "inner"))).ran


class Outer(Workflow, WorkflowStepMixin):
    name = "outer"

    def run(self, continues: bool) -> Any:
        self.submit(self.step("load", (note, "outer"))).result
        return self.submit(self.continue_as_new(False) if continues else Inner).result


@pytest.mark.parametrize("continues", [False, True])
def test_steps_of_children_are_forced_too_after_continuing_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, continues: bool
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STATE", str(tmp_path))
    Executor(Outer).run([continues])
    noted.clear()
    assert Executor(Outer, force_steps="load").run([continues]) is True
    assert noted == ["outer", "inner"]


@pytest.mark.parametrize("text", ["NaN", "1e999", "1" * 400])
@pytest.mark.parametrize("key", ["result", "time", "seconds"])
def test_a_mark_of_numbers_that_are_none_does_not_fail_the_run(bench: Bench, key: str, text: str) -> None:
    body = f'{{"fingerprint": {json.dumps("1")}, "{key}": {text}}}'
    open_store(bench.bucket).put("w/steps", "a", body.encode())
    assert bench.run(lambda workflow: workflow.submit(workflow.step("a", note, fingerprint=1)).ran) is False
