"""The names, members, parameters and defaults that users may rely on. Everything else may move.

To remove one of these names, or to change a default, breaks workflows of users.
"""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

import simpleflow

PUBLIC: dict[str, list[str]] = {
    "simpleflow": ["WaitForSignal", "Workflow", "__version__", "activity", "futures"],
    "simpleflow.activity": ["Activity", "PRIORITY_NOT_SET", "with_attributes"],
    "simpleflow.base": ["Submittable", "SubmittableContainer"],
    "simpleflow.canvas": ["Chain", "FuncGroup", "Group"],
    "simpleflow.constants": ["DAY", "HOUR", "MINUTE", "YEAR"],
    "simpleflow.exceptions": [
        "AggregateException",
        "ClusterError",
        "ExecutionBlocked",
        "ExecutionCanceled",
        "ExecutionError",
        "ExecutionTerminated",
        "ExecutionTimeoutError",
        "InputError",
        "InvalidTransition",
        "LeaseLost",
        "NotEncodable",
        "NotSubmittable",
        "PlanDiffers",
        "ResultNotKept",
        "RunBusy",
        "SimpleflowError",
        "StateError",
        "StoreError",
        "SwfError",
        "TaskCanceled",
        "TaskException",
        "TaskFailed",
        "TaskTerminated",
        "TimeoutError",
        "UnknownResource",
        "WorkflowException",
    ],
    "simpleflow.execute": [
        "ProgramFailed",
        "RequiredArgument",
        "format_arguments",
        "format_arguments_json",
        "program",
        "python",
    ],
    "simpleflow.futures": [
        "CANCELLED",
        "CANCELLED_AND_NOTIFIED",
        "FINISHED",
        "Future",
        "PENDING",
        "RUNNING",
        "wait",
    ],
    "simpleflow.local": ["Executor"],
    "simpleflow.marker": ["Marker"],
    "simpleflow.settings": ["NAMES", "describe", "is_set"],
    "simpleflow.signal": ["WaitForSignal"],
    "simpleflow.step": ["ARGUMENTS", "CODE", "Step", "WorkflowStepMixin", "files"],
    "simpleflow.step.constants": ["STEP_ACTIVITY_PARAMS_DEFAULT"],
    "simpleflow.step.submittable": ["Step", "StepFuture"],
    "simpleflow.step.tasks": ["GetStepsDoneTask", "MarkStepDoneTask", "UnmarkStepsDoneTask"],
    "simpleflow.step.mark": ["Mark"],
    "simpleflow.step.workflow": ["WorkflowStepMixin"],
    "simpleflow.steering.marks": ["done", "forget", "mark"],
    "simpleflow.steering.place": ["Place", "find"],
    "simpleflow.steering.plan": ["Plan", "PlannedStep", "plan"],
    "simpleflow.tracing": ["is_active", "record"],
    "simpleflow.this_run": ["cancel", "signal"],
    "simpleflow.stores": ["Location", "Store", "open_store"],
    "simpleflow.task": [
        "ActivityTask",
        "CancelTimerTask",
        "ChildWorkflowTask",
        "ContinueAsNewWorkflowTask",
        "MarkerTask",
        "SignalTask",
        "TaskFailureContext",
        "TimerTask",
        "WorkflowTask",
    ],
    "simpleflow.testing": ["FinishedRun", "StepStore", "WorkflowRunner", "assert_replays"],
    "simpleflow.workflow": ["Workflow"],
}

# Public members of classes that users derive from or hold in their hands.
MEMBERS: dict[str, str] = {
    "simpleflow.workflow.Workflow": (
        "INHERIT_TAG_LIST after_closed after_replay after_run before_replay before_run cancel_timer continue_as_new "
        "executor fail get_event_details get_execution_context get_run_context list_markers map name on_canceled "
        "on_completed on_failure on_task_failure "
        "propagate_signals_to_parent raises_on_failure record_marker retry run should_cancel signal starmap "
        "start_timer submit task_list task_priority version wait_signal"
    ),
    "simpleflow.step.workflow.WorkflowStepMixin": (
        "add_forced_steps add_skipped_steps get_forced_steps get_skipped_steps get_step_activity_params "
        "get_step_bucket get_step_path_prefix get_steps_done get_steps_done_activity step step_changes "
        "steps_forced_reasons steps_skipped_reasons"
    ),
    "simpleflow.futures.Future": (
        "cancel cancelled done exception finished pending result running set_cancelled set_exception set_finished "
        "set_running state wait"
    ),
    "simpleflow.step.submittable.StepFuture": "exception failed forced name ran reasons result state value wait",
    "simpleflow.canvas.Group": "append extend __iadd__ propagate_attribute submit",
    "simpleflow.canvas.Chain": "append extend __iadd__ propagate_attribute submit",
    "simpleflow.exceptions.AggregateException": "append flatten handle",
    "simpleflow.task.TaskFailureContext": (
        "attempt_number decide_abort decide_cancel decide_handled decide_ignore decide_retry exception_class "
        "task_error task_error_type task_message"
    ),
    "simpleflow.local.Executor": "history list_markers run signals_sent",
}

# Parameters in their order, with defaults: what a caller may write, by position or by name.
SIGNATURES: dict[str, str] = {
    "simpleflow.activity.with_attributes": (
        "name=None, version='default', task_list='default', task_priority=PRIORITY_NOT_SET, retry=0, "
        "raises_on_failure=False, start_to_close_timeout='NONE', schedule_to_close_timeout='NONE', "
        "schedule_to_start_timeout='NONE', heartbeat_timeout='300', idempotent=None, meta=None, *, "
        "retry_delay=0, retry_backoff=1, retry_max_delay=None, retry_jitter=0, retry_on=None"
    ),
    "simpleflow.step.submittable.Step": (
        "step_name, activities, force=False, activities_if_step_already_done=None, emit_signal=False, "
        "force_steps_if_executed=None, bubbles_exception_on_failure=False, *, keep_result=False, "
        "fingerprint=NOT_GIVEN, after=None, optional=False, outputs=None, retry=0, retry_delay=0, retry_backoff=1, "
        "retry_max_delay=None, retry_jitter=0, retry_on=None"
    ),
    "simpleflow.step.workflow.WorkflowStepMixin.step": "self, *args, **kwargs",
    "simpleflow.step.workflow.WorkflowStepMixin.add_forced_steps": "self, steps, reason=None",
    "simpleflow.step.workflow.WorkflowStepMixin.add_skipped_steps": "self, steps, reason=None",
    "simpleflow.step.tasks.GetStepsDoneTask": (
        "bucket, path, owner=None, whole=False, made_with=False, required=False"
    ),
    "simpleflow.step.tasks.MarkStepDoneTask": (
        "bucket, path, step_name, details={}, owner=None, patterns=(), but=(), outputs=()"
    ),
    "simpleflow.steering.marks.done": "place, patterns=('*',)",
    "simpleflow.steering.marks.forget": "place, patterns",
    "simpleflow.steering.place.find": ("workflow_class, *, input=None, workflow_id=None, default_bucket, domain=None"),
    "simpleflow.steering.plan.plan": (
        "workflow_class, *, input=None, workflow_id=None, force=(), skip=(), default_bucket, domain=None, past=None, "
        "changed=False, only=(), until=()"
    ),
    "simpleflow.canvas.FuncGroup": "func, *args, raises_on_failure=None, _allow_none=False, **kwargs",
    "simpleflow.futures.wait": "*futures",
    "simpleflow.task.ActivityTask": "activity, *args, **kwargs",
    "simpleflow.task.ChildWorkflowTask": "workflow, *args, workflow_task_list=None, **kwargs",
    "simpleflow.task.MarkerTask": "name, details=None",
    "simpleflow.task.TimerTask": "timer_id, timeout, control=None",
    "simpleflow.task.WorkflowTask": "executor, workflow, *args, workflow_task_list=None, **kwargs",
    "simpleflow.task.TaskFailureContext.decide_handled": "self, a_task, future=None",
    "simpleflow.task.TaskFailureContext.decide_retry": "self, retry_wait_timeout=0",
    "simpleflow.signal.WaitForSignal": "signal_name",
    "simpleflow.exceptions.AggregateException": "exceptions",
    "simpleflow.exceptions.AggregateException.handle": "self, predicate, *args, **kwargs",
    "simpleflow.workflow.Workflow.submit": "self, submittable, *args, **kwargs",
    "simpleflow.workflow.Workflow.map": "self, activity, iterable",
    "simpleflow.workflow.Workflow.starmap": "self, activity, iterable",
    "simpleflow.workflow.Workflow.record_marker": "self, name, details=None",
    "simpleflow.workflow.Workflow.signal": (
        "self, name, *args, workflow_id=None, run_id=None, propagate=True, **kwargs"
    ),
    "simpleflow.workflow.Workflow.wait_signal": "self, name",
    "simpleflow.workflow.Workflow.start_timer": "self, timer_id, timeout, control=None",
    "simpleflow.workflow.Workflow.cancel_timer": "self, timer_id",
    "simpleflow.workflow.Workflow.continue_as_new": "self, *args, **kwargs",
    "simpleflow.workflow.Workflow.list_markers": "self, all=False",
    "simpleflow.workflow.Workflow.get_event_details": "self, event_type, event_name",
    "simpleflow.workflow.Workflow.fail": "self, reason, details=None",
    "simpleflow.workflow.Workflow.on_failure": "self, history, reason, details=None",
    "simpleflow.workflow.Workflow.on_task_failure": "self, failure_context",
}

# Options whose order is not promised: they are written by name.
OPTIONS: dict[str, dict[str, Any]] = {
    "simpleflow.canvas.Group": {
        "max_parallel": None,
        "raises_on_failure": None,
        "bubbles_exception_on_failure": True,
    },
    "simpleflow.canvas.Chain": {
        "send_result": False,
        "break_on_failure": True,
        "raises_on_failure": None,
    },
    "simpleflow.local.Executor": {
        "workflow_id": None,
        "state": None,
        "nb_workers": None,
        "slots": None,
        "tag_list": None,
        "middlewares": None,
        "observer": None,
        "force_steps": (),
        "skip_steps": (),
        "changed": False,
        "only_steps": (),
        "until_steps": (),
        "keep_going": False,
    },
}

WORKFLOW_ATTRIBUTES = {
    "name": None,
    "version": None,
    "task_list": None,
    "task_priority": None,
    "retry": 0,
    "raises_on_failure": True,
}


def find(path: str) -> Any:
    """The object of a dotted path."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(path)


def parameters(function: Any) -> str:
    def write(each: inspect.Parameter) -> str:
        star = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        return star + each.name + ("" if each.default is each.empty else f"={each.default!r}")

    found = list(inspect.signature(function).parameters.values())
    written = list(map(write, found))
    named = [at for at, each in enumerate(found) if each.kind is each.KEYWORD_ONLY]
    if named and not any(each.kind is each.VAR_POSITIONAL for each in found):
        written.insert(named[0], "*")
    return ", ".join(written)


@pytest.mark.parametrize("module", PUBLIC)
def test_names(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []
    if hasattr(found, "__all__"):
        assert sorted(found.__all__) == sorted(PUBLIC[module])


def test_every_exception_is_public() -> None:
    module = importlib.import_module("simpleflow.exceptions")
    found = [
        name for name, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__
    ]
    assert sorted(found) == PUBLIC["simpleflow.exceptions"]


def test_the_packages_own_list() -> None:
    assert sorted(simpleflow.__all__) == PUBLIC["simpleflow"]


@pytest.mark.parametrize("path", MEMBERS)
def test_members(path: str) -> None:
    found = find(path)
    instance_attributes = {"history", "run_id", "workflow_id"}
    assert [
        name for name in MEMBERS[path].split() if not hasattr(found, name) and name not in instance_attributes
    ] == []


def test_a_workflow_has_no_other_public_member() -> None:
    """Its names are shared with those of its users' classes."""
    workflow = find("simpleflow.workflow.Workflow")
    assert {name for name in dir(workflow) if not name.startswith("_")} == set(
        MEMBERS["simpleflow.workflow.Workflow"].split()
    )


@pytest.mark.parametrize("path", SIGNATURES)
def test_signature(path: str) -> None:
    assert parameters(find(path)) == SIGNATURES[path]


@pytest.mark.parametrize("path", OPTIONS)
def test_options(path: str) -> None:
    found = inspect.signature(find(path)).parameters
    assert {name: found[name].default for name in OPTIONS[path]} == OPTIONS[path]


def test_workflow_attributes() -> None:
    workflow = find("simpleflow.workflow.Workflow")
    assert {name: getattr(workflow, name) for name in WORKFLOW_ATTRIBUTES} == WORKFLOW_ATTRIBUTES


def test_parameters_of_the_step_activities() -> None:
    assert find("simpleflow.step.constants.STEP_ACTIVITY_PARAMS_DEFAULT") == {
        "schedule_to_start_timeout": 4 * 3600,
        "start_to_close_timeout": 60,
        "schedule_to_close_timeout": 4 * 3600 + 60,
        "heartbeat_timeout": 180,
        "task_priority": 100,
        "version": "1.0",
        "idempotent": True,
        "raises_on_failure": True,
        "retry": 1,
    }


def test_future_states_are_text() -> None:
    futures = simpleflow.futures
    states = (futures.PENDING, futures.RUNNING, futures.CANCELLED, futures.CANCELLED_AND_NOTIFIED, futures.FINISHED)
    assert states == ("PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED")


def test_execution_blocked_is_no_exception() -> None:
    """`except Exception` in a workflow must not swallow it."""
    blocked = find("simpleflow.exceptions.ExecutionBlocked")
    assert issubclass(blocked, BaseException)
    assert not issubclass(blocked, Exception)


def test_the_package_of_steps_loads_its_classes_when_they_are_first_used() -> None:
    """The command line needs parts of the package where no step is."""
    code = (
        "import sys, simpleflow.step.report\n"
        "assert 'simpleflow.step.workflow' not in sys.modules\n"
        "from simpleflow.step import Step, WorkflowStepMixin\n"
        "from simpleflow.step import submittable, workflow\n"
        "assert (Step, WorkflowStepMixin) == (submittable.Step, workflow.WorkflowStepMixin)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["simpleflow", "simpleflow.step.workflow", "simpleflow.local"])
def test_import_loads_neither_boto3_nor_sqlite3(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'boto3', 'botocore', 'sqlite3'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == ""
