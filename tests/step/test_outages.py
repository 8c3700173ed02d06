"""A store of marks that does not work for a while loses no work that was done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.exceptions import StoreError, TaskFailed
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.servers import S3Server
from tests.stores.faulty_s3 import EXPIRED, SLOW_DOWN, before


def _nothing(name: str) -> None:
    """At the end of work, do nothing."""


class Place:
    """Where the log is, and what happens when work ends."""

    folder: Path
    on_work: Callable[[str], None] = staticmethod(_nothing)


@activity.with_attributes(raises_on_failure=True, idempotent=False)
def work(name: str, seconds: float = 0) -> str:
    time.sleep(seconds)
    with open(Place.folder / "log", "a") as log:
        log.write(f"{name}\n")
    Place.on_work(name)
    return name


class Flow(Workflow, WorkflowStepMixin):
    name = "flow"
    bucket = ""

    def get_step_bucket(self) -> str:
        return self.bucket or super().get_step_bucket()

    def run(self) -> Any:
        load = self.submit(Step("load", (work, "load"), force_steps_if_executed=["late"]))
        other = self.submit(work, "other", 0.5)
        futures.wait(load, other)
        late = self.submit(Step("late", (work, "late"), force=True))
        return [load.ran, late.ran]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Place, "folder", tmp_path, raising=False)
    return tmp_path


def log(folder: Path) -> list[str]:
    return sorted((folder / "log").read_text().split())


def obstruct(folder: Path) -> None:
    """No mark can be written: there is a file where their folder has to be."""
    (folder / "marks").mkdir(parents=True, exist_ok=True)
    (folder / "marks/flow").write_text("")


def clear(folder: Path) -> None:
    (folder / "marks/flow").unlink()


def failing_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> None:
    def on_work(name: str) -> None:
        if name == "load":
            obstruct(folder)
            if seconds is not None:
                threading.Timer(seconds, clear, [folder]).start()

    monkeypatch.setattr(Place, "on_work", on_work)
    monkeypatch.setattr(Flow, "bucket", str(folder / "marks"))
    # The first mark makes the folder: without claims there is none before the first mark.
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")


def test_a_mark_is_written_once_the_folder_works_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_folder(folder, monkeypatch, 0.7)
    executor = Executor(Flow, state=folder / "state")
    assert executor.run() == [True, True]
    assert log(folder) == ["late", "load", "other"]
    assert Executor(Flow, state=folder / "state").run()[0] is False


def test_a_run_whose_mark_cannot_be_written_stays_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_RETRY_SECONDS", "1")
    failing_folder(folder, monkeypatch, None)
    for _ in range(2):
        with pytest.raises(
            StoreError, match=r"cannot write the done mark 'load' .*; tried for 1 s; workflow flow stays"
        ):
            Executor(Flow, state=folder / "state").run()
        assert log(folder) == ["load", "other"], "other work goes on meanwhile"
    clear(folder)
    began = time.monotonic()
    assert Executor(Flow, state=folder / "state").run() == [True, True]
    assert time.monotonic() - began < 1
    assert log(folder) == ["late", "load", "other"]
    assert sorted(open_store(str(folder / "marks")).names("flow/steps")) == ["late", "load"]


def test_without_patience_the_step_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_RETRY_SECONDS", "0")
    failing_folder(folder, monkeypatch, None)
    with pytest.raises(TaskFailed, match="cannot write the done mark"):
        Executor(Flow, state=folder / "state").run()


@pytest.mark.parametrize(("refusal", "claims"), [(SLOW_DOWN, "1"), (EXPIRED, "0")])
def test_an_outage_of_s3_loses_no_work(
    folder: Path,
    s3_server: S3Server,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    refusal: tuple[int, str],
    claims: str,
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    with before(s3_server.endpoint) as proxy:
        name = bucket.rpartition("/")[2]

        class Stored(Flow):
            bucket = f"{proxy.url}/{name}"

        def on_work(name: str) -> None:
            if name == "load":
                end = time.monotonic() + 0.5
                proxy.refuses = lambda method, path: refusal if time.monotonic() < end else None

        monkeypatch.setattr(Place, "on_work", on_work)
        assert Executor(Stored, state=folder / "state").run() == [True, True]
        assert proxy.refused
        assert log(folder) == ["late", "load", "other"]
        assert Executor(Stored, state=folder / "state").run()[0] is False
    store = open_store(bucket)
    assert sorted(store.names("flow/steps")) == ["late", "load"]
    assert store.names(".claims") == []


def test_a_failure_that_lasts_fails_the_step_at_once(
    s3_server: S3Server, bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with before(s3_server.endpoint) as proxy:
        name = bucket.rpartition("/")[2]

        class Stored(Flow):
            bucket = f"{proxy.url}/{name}"

        def on_work(name: str) -> None:
            proxy.refuses = lambda method, path: (400, "KeyTooLongError")

        monkeypatch.setattr(Place, "on_work", on_work)
        with pytest.raises(TaskFailed, match="shorten the step's name"):
            Executor(Stored, state=folder / "state").run()
