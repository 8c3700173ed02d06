"""Functions of a program that are called when a run has ended."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.exceptions import ExecutionError, InputError, RunBusy, TaskFailed
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def load(day: str) -> str:
    os.write(1, f"loading {day}\n".encode())  # sys.stdout is that of the tests
    if day == "sun":
        raise ValueError("no such day")
    return day


@activity.with_attributes()
def soft() -> None:
    raise KeyError("soft")


class Told(Workflow, WorkflowStepMixin):
    name = "ended"

    def run(self, day: str, how: str = "") -> Any:
        if how == "step":
            self.submit(Step("optional", (soft,)))
        if how == "outside":
            self.submit(soft)
        if how == "fail":
            self.fail("enough")
        return self.submit(Step("load", (load, day))).result


def run(tmp_path: Path, *input: str, **more: Any) -> tuple[list[str], dict[str, Any]]:
    """Run the workflow; returns which function was called, and the summary."""
    calls: list[tuple[str, dict[str, Any]]] = []
    executor = Executor(
        Told,
        state=tmp_path / "state",
        on_failure=lambda found: calls.append(("failure", dict(found))),
        on_success=lambda found: calls.append(("success", dict(found))),
        **more,
    )
    try:
        executor.run(list(input))
    except (ExecutionError, TaskFailed):
        pass
    [(name, summary)] = calls
    assert summary["run_id"] == executor.run_id
    json.dumps(summary)
    return [name], summary


def test_a_run_that_did_well(tmp_path: Path) -> None:
    called, summary = run(tmp_path, "mon")
    assert called == ["success"]
    assert (summary["status"], summary["reason"], summary["steps"]) == (
        "completed",
        None,
        {"ran": 1, "skipped": 0, "failed": 0},
    )
    assert summary["text"].startswith("workflow ended on ")
    assert summary["state"] == str(tmp_path / "state")


@pytest.mark.parametrize(
    ("input", "status", "reason"),
    [
        (("sun",), "failed", "ValueError: no such day"),
        (("mon", "fail"), "failed", "enough"),
        (("mon", "step"), "completed", "steps failed: optional"),
        (("mon", "outside"), "completed", "activities failed: tests.language.test_functions_at_end.soft"),
    ],
)
def test_a_run_that_did_not(tmp_path: Path, input: tuple[str, ...], status: str, reason: str) -> None:
    called, summary = run(tmp_path, *input)
    assert called == ["failure"]
    assert summary["status"] == status
    assert reason in summary["reason"]
    assert summary["reason"] in summary["text"]


def test_a_failed_step_is_described(tmp_path: Path) -> None:
    _, summary = run(tmp_path, "sun", nb_workers=1)
    [step] = summary["failed_steps"]
    assert (step["step"], step["error"], step["output"]) == ("load", "ValueError: no such day", ["loading sun"])
    assert Path(step["where"].rpartition(":")[0]).name == "test_functions_at_end.py"
    assert "no such day" in summary["traceback"]


def test_a_run_that_could_not_start(tmp_path: Path) -> None:
    calls: list[Any] = []
    inner: list[str] = []

    def second(summary: Any) -> None:
        other = Executor(Told, state=tmp_path / "state", on_failure=lambda found: inner.append(found["status"]))
        with pytest.raises(RunBusy):
            other.run(["mon"])

    first = Executor(Told, state=tmp_path / "state", on_begin=second, on_success=calls.append)
    first.run(["mon"])
    assert (inner, len(calls)) == (["busy"], 1)


def test_an_error_of_the_function_is_logged_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(summary: Any) -> None:
        raise OSError("no mail today")

    with caplog.at_level(logging.ERROR):
        Executor(Told, state=tmp_path / "state", on_success=broken).run(["mon"])
    line = "broken, which is called at the end of a run, has failed; the run of workflow ended is completed"
    assert line in caplog.text
    assert "no mail today" in caplog.text


@pytest.mark.parametrize("name", ["on_failure", "on_success"])
def test_what_is_no_function_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 'mail me'; expected a function"):
        Executor(Told, **{name: "mail me"})  # type: ignore[arg-type]
