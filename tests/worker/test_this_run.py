"""Activities that signal or cancel the run that they belong to, in a state folder and on Amazon SWF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, this_run, values
from simpleflow.exceptions import ExecutionCanceled, InputError, TaskFailed
from simpleflow.local import Executor
from simpleflow.server import Server
from simpleflow.worker import current_task
from tests.swf.conftest import server  # noqa: F401 (a fixture)
from tests.swf.served import Crew, ended, outcome, start


@activity.with_attributes(name="this_run.tell", version="1", raises_on_failure=True)
def tell(rows: int) -> None:
    this_run.signal("rows", "many", count=rows)


@activity.with_attributes(name="this_run.end", version="1", raises_on_failure=True)
def end() -> None:
    this_run.cancel()


class Told(Workflow):
    name = "this_run.told"

    def run(self, rows: int) -> Any:
        waiting = self.submit(self.wait_signal("rows"))
        self.submit(tell, rows).result
        return waiting.result


class Ended(Workflow):
    name = "this_run.ended"

    def run(self) -> Any:
        self.submit(end).result
        return self.submit(self.wait_signal("never")).result


SENT = {"args": ["many"], "kwargs": {"count": 3}, "__propagate": True}


@pytest.mark.parametrize("workers", [None, 1])
def test_in_a_state_folder(tmp_path: Path, workers: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Executor(Told, state="state", nb_workers=workers).run([3]) == SENT
    with pytest.raises(ExecutionCanceled):
        Executor(Ended, state="state", nb_workers=workers).run()
    assert current_task.current() is None


def test_in_memory_is_an_error() -> None:
    with pytest.raises(TaskFailed, match="cannot reach its run, which is kept in memory or on another machine"):
        Executor(Told).run([3])


def test_outside_of_activities_is_an_error() -> None:
    with pytest.raises(InputError, match="a request to cancel has no run to go to: this is not inside an activity"):
        this_run.cancel()


def test_on_amazon_swf(server: Server) -> None:  # noqa: F811
    start(Told, 3)
    start(Ended, workflow_id="e")
    with Crew():
        assert ended().status == "completed"
        assert ended("e").status == "canceled"
    assert values.decode(outcome().result) == SENT
