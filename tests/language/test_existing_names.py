"""Names that user code imports from the existing library: they are there, or a page lists them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures, settings
from simpleflow.canvas import Group
from simpleflow.compat.names import NAMES
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from tests.docs.pages import read

PAGE = read("docs/compatibility.md")

# From the documentation of version 0.36, and the modules that it names.
EXISTING = {
    "simpleflow": "Activity WaitForSignal Workflow activity futures logger",
    "simpleflow.activity": "Activity PRIORITY_NOT_SET with_attributes",
    "simpleflow.base": "Submittable SubmittableContainer",
    "simpleflow.canvas": "AggregateException Chain FuncGroup Group",
    "simpleflow.constants": "DAY HOUR MINUTE MAX_CONTROL_LENGTH MAX_DETAILS_LENGTH MAX_EXECUTION_CONTEXT_LENGTH "
    "MAX_HEARTBEAT_DETAILS_LENGTH MAX_IDENTITY_LENGTH MAX_INPUT_LENGTH MAX_LOG_FIELD MAX_REASON_LENGTH "
    "MAX_RESULT_LENGTH JUMBO_FIELDS_MAX_SIZE JUMBO_FIELDS_PREFIX",
    "simpleflow.exceptions": "AggregateException ExecutionBlocked ExecutionError ExecutionTimeoutError TaskCanceled "
    "TaskException TaskFailed TaskTerminated TimeoutError WorkflowException",
    "simpleflow.execute": "RequiredArgument format_arguments format_arguments_json program python",
    "simpleflow.futures": "ALL_COMPLETED CANCELLED CANCELLED_AND_NOTIFIED FINISHED FIRST_COMPLETED FIRST_EXCEPTION "
    "Future PENDING RUNNING get_result_or_raise wait",
    "simpleflow.history": "History",
    "simpleflow.local.executor": "Executor",
    "simpleflow.log": "BLUE END GREEN ORANGE RED YELLOW colorize setup_logging",
    "simpleflow.logging_context": "get reset set",
    "simpleflow.marker": "Marker",
    "simpleflow.settings": "configure",
    "simpleflow.signal": "WaitForSignal",
    "simpleflow.step.constants": "STEP_ACTIVITY_PARAMS_DEFAULT",
    "simpleflow.step.submittable": "Step",
    "simpleflow.step.tasks": "GetStepsDoneTask MarkStepDoneTask",
    "simpleflow.step.workflow": "STEP_ACTIVITY_PARAMS_DEFAULT WorkflowStepMixin",
    "simpleflow.swf.task": "ActivityTask CancelTimerTask ContinueAsNewWorkflowTask MarkerTask SignalTask TimerTask "
    "WorkflowTask",
    "simpleflow.task": "ActivityTask CancelTimerTask ChildWorkflowTask MarkerTask SignalTask TaskFailureContext "
    "TimerTask WorkflowTask get_actual_value",
    "simpleflow.workflow": "Workflow",
}
MEMBERS = """
    name version task_list task_priority retry raises_on_failure INHERIT_TAG_LIST executor submit map starmap fail
    before_replay after_replay after_closed before_run after_run run on_failure on_completed on_canceled get_run_context
    get_execution_context signal wait_signal record_marker list_markers get_event_details start_timer cancel_timer
    should_cancel continue_as_new on_task_failure
"""
LEFT_OUT = """
    simpleflow.download simpleflow.metrology simpleflow.swf.mapper simpleflow.dispatch simpleflow.job simpleflow.runtime
    simpleflow.storage simpleflow.boto3_utils simpleflow.format simpleflow.utils simpleflow.registry simpleflow.process
    simpleflow.executor simpleflow.command simpleflow.step.utils
"""


@pytest.mark.parametrize("module", sorted(EXISTING))
def test_names_of_a_module(module: str) -> None:
    found = importlib.import_module(module)
    for name in EXISTING[module].split():
        assert hasattr(found, name), name
    with pytest.raises(AttributeError):
        found.no_such_name


def test_members_of_a_workflow() -> None:
    assert [name for name in MEMBERS.split() if not hasattr(Workflow, name)] == []
    assert hasattr(futures.Future, "wait")


@pytest.mark.parametrize("module", LEFT_OUT.split())
def test_modules_that_are_left_out_are_listed(module: str) -> None:
    assert f"`{module}`" in PAGE
    with pytest.raises(ImportError):
        importlib.import_module(module)


@pytest.mark.parametrize("module", sorted(NAMES))
def test_other_names_are_listed(module: str) -> None:
    for name in NAMES[module]:
        assert name in PAGE or module == "simpleflow.constants" or NAMES[module][name] == f"simpleflow.{name}:"


def test_they_cost_nothing_before_they_are_used() -> None:
    code = "import simpleflow, sys; print([name for name in sys.modules if 'compat' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_modules_are_members_of_the_package() -> None:
    code = """
import simpleflow
simpleflow.canvas.Group, simpleflow.log.GREEN, simpleflow.logging_context.get, simpleflow.swf, simpleflow.base
simpleflow.constants.MINUTE, simpleflow.activity.with_attributes, simpleflow.futures.wait, simpleflow.task.ActivityTask
simpleflow.exceptions.TaskFailed, simpleflow.settings.configure, simpleflow.signal.WaitForSignal
simpleflow.workflow.Workflow, simpleflow.history.History
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@activity.with_attributes()
def half(number: int) -> float:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number / 2


class Old(Workflow):
    def run(self) -> Any:
        from simpleflow.swf.task import SignalTask  # type: ignore[import-not-found]

        from simpleflow.futures import get_result_or_raise  # type: ignore[attr-defined]
        from simpleflow.task import get_actual_value  # type: ignore[attr-defined]

        self.before_run()
        good, bad = self.submit(half, 4), self.submit(half, 5)
        futures.wait(good, bad)
        with pytest.raises(TaskFailed, match="5 is odd"):
            get_result_or_raise(bad)
        group = self.submit(Group((self.signal("x", 1),), (self.wait_signal("x"),), (half, 2)))
        group.wait()
        assert isinstance(self.signal("y"), SignalTask)
        assert self.get_execution_context() == self.get_run_context()
        return [get_result_or_raise(good), get_actual_value(good), get_actual_value(7), group.result[2]]

    def after_replay(self, history: Any) -> None:
        assert history.events[0].input == history.started.input
        assert history.last_event_id == history.events[-1].id


def test_they_work() -> None:
    assert Executor(Old).run() == [2.0, 2.0, 7, 1.0]


def test_settings_can_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_configured", {})
    monkeypatch.setenv("STEP_BUCKET", "of the environment")
    settings.configure({"STEP_BUCKET": "mine", "METROLOGY_BUCKET": "ignored"})
    assert settings.STEP_BUCKET == "mine"
    assert settings.is_set("STEP_BUCKET")
