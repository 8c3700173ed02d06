"""What a program sees of a run: errors with the step, the activity and its traceback, and lines of progress."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.exceptions import InputError, TaskFailed
from simpleflow.exceptions import TimeoutError as TaskTimedOut
from simpleflow.local import Executor
from simpleflow.runs.failure_notes import add_notes
from simpleflow.step import Step, WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def load(day: str) -> None:
    raise ValueError(f"no such day: {day}")


@activity.with_attributes(raises_on_failure=True, start_to_close_timeout=1)
def sleep() -> None:
    import time

    time.sleep(30)


@activity.with_attributes(raises_on_failure=True)
def nothing() -> None:
    return None


LINE = next(n for n, line in enumerate(Path(__file__).read_text().splitlines(), 1) if "no such day: {" in line)


class Fails(Workflow, WorkflowStepMixin):
    name = "fails"

    def run(self) -> None:
        self.submit(Step("load.users", Group((load, "mon"), (load, "tue"))))
        self.submit(Step("report", nothing))


class FailsOutside(Workflow):
    def run(self) -> Any:
        return self.submit(load, "mon").result


class Translates(Workflow):
    def run(self) -> Any:
        try:
            return self.submit(load, "mon").result
        except TaskFailed as error:
            raise RuntimeError("cannot go on") from error


class Parent(Workflow):
    def run(self) -> Any:
        return self.submit(Fails).result


class Slow(Workflow, WorkflowStepMixin):
    def run(self) -> None:
        futures.wait(self.submit(Step("slow", sleep)))


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (Fails, f"step load.users, activity {__name__}.load:"),
        (FailsOutside, f"activity {__name__}.load:"),
        (Translates, f"activity {__name__}.load:"),
        (Parent, f"step load.users, activity {__name__}.load, workflow {__name__}.Parent--fails-"),
    ],
)
def test_an_error_says_which_step_and_activity_failed_and_where(
    kind: type[Workflow], where: str, tmp_path: Path
) -> None:
    with pytest.raises((TaskFailed, RuntimeError)) as caught:
        Executor(kind, state=tmp_path).run()
    [note] = caught.value.__notes__
    first, *lines = note.splitlines()
    assert first == where or (kind is Parent and first.startswith(where))
    assert lines[0] == "  Traceback (most recent call last):"
    assert f'  File "{__file__}", line {LINE}, in load' in note
    assert lines[-1].startswith("  ValueError: no such day: mon")
    assert where in "".join(traceback.format_exception(caught.value))


def test_a_time_out_says_which_step_it_hit() -> None:
    with pytest.raises(TaskTimedOut) as caught:
        Executor(Slow, nb_workers=1).run()
    assert caught.value.__notes__ == [f"step slow, activity {__name__}.sleep"]


def test_a_failed_task_shows_the_line_and_the_history_does_not() -> None:
    executor = Executor(FailsOutside)
    with pytest.raises(TaskFailed) as caught:
        executor.run()
    error = caught.value
    assert str(error) == f"{__name__}.load: ValueError: no such day: mon ({__file__}:{LINE})"
    assert error.where == f"{__file__}:{LINE}"
    reason = executor.history[-1]["workflowExecutionFailedEventAttributes"]["reason"]
    assert "test_failure_notes.py:" not in reason


@activity.with_attributes()
def refuse() -> None:
    raise ValueError("no")


class Reads(Workflow):
    def run(self) -> Any:
        return str(self.submit(refuse).exception)


def test_a_workflow_does_not_see_lines() -> None:
    """What a workflow does must not depend on an edit of its file."""
    assert Executor(Reads).run() == f"{__name__}.refuse: ValueError: no"


DETAILS = [None, "", "text", "{", '{"traceback": 3}', '["traceback"]', '{"traceback": ["x"]}']


@pytest.mark.parametrize("details", DETAILS)
def test_details_of_others_show_no_line(details: str | None) -> None:
    error = TaskFailed("load", "no", details)
    add_notes(error, ())
    assert str(error) == "load: no"


def test_progress_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    with pytest.raises(TaskFailed):
        Executor(Fails, progress=True, observer=lambda run, events: seen.append(run.workflow_id)).run()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [re.sub(r" +", " ", re.sub(r"\d+\.\d\d s", "N s", line)) for line in shown.err.splitlines()] == [
        "scheduled load.users",
        "scheduled report",
        f"failed activity {__name__}.load ValueError: no such day: mon ({__file__}:{LINE})",
        f"failed activity {__name__}.load ValueError: no such day: tue ({__file__}:{LINE})",
        "failed load.users N s ValueError: no such day: mon; ValueError: no such day: tue",
        "completed report N s",
        f"workflow fails: failed: {__name__}.load: ValueError: no such day: mon",
        "2 steps: 1 ran, 0 skipped, 1 failed in N s",
    ] or shown.err
    assert seen


def test_progress_of_another_type() -> None:
    with pytest.raises(InputError, match="progress"):
        Executor(Fails, progress="yes")  # type: ignore[arg-type]
