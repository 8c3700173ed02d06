"""Finding the done marks of a workflow without running it."""

from __future__ import annotations

from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core.decider.decide import Decider
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.decider.executor import Executor as DeciderExecutor
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import ExecutionBlocked, InputError, SimpleflowError, one_line
from simpleflow.futures import Future
from simpleflow.named_tuple import NamedTuple
from simpleflow.runs.run_start import RunStart
from simpleflow.step import Step, recorded_tasks, shortcut  # noqa: F401 (steps are loaded before code of users is)
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask
from simpleflow.workflow import Workflow


class Place(NamedTuple):
    """The location of a workflow's done marks: the objects ``{path}/{step name}`` in ``bucket``."""

    workflow_id: str
    bucket: str  # a bucket string, see ``stores.open_store``
    path: str  # prefix of the marks


def find(
    workflow_class: type[Workflow],
    *,
    input: Any = None,
    workflow_id: str | None = None,
    default_bucket: str | None,
    domain: str | None = None,
) -> Place:
    """Find the place where a run of the workflow with that input would keep its marks.

    ``get_step_path_prefix`` may use attributes that ``run`` sets on the workflow. So this calls ``run`` up to its first
    step. If ``run`` reaches no step, because it first needs a result or raises, ``get_step_path_prefix`` is called on
    the workflow as ``run`` left it.

    Args:
        input: as for ``local.Executor.run``.
        workflow_id: default: the id that the class defines, else the name of the workflow type.
        default_bucket: bucket string of the engine's own store; None if the workflow must configure one.
        domain: the domain name that ``get_run_context`` returns.

    Raises InputError if the workflow has no steps, if the id or the input is not valid, or if the prefix depends on
    a result.
    """
    check_has_steps(workflow_class)
    request = request_of(workflow_class, input, workflow_id)
    evaluation = _evaluate(workflow_class, request, default_bucket, domain)
    try:
        return Place(request.workflow_id, *(evaluation.found or _current_location(evaluation)))
    finally:
        evaluation.discard()


def check_has_steps(workflow_class: type[Workflow]) -> None:
    """Raise InputError unless the workflow class can have steps."""
    if not issubclass(workflow_class, WorkflowStepMixin):
        raise InputError(
            f"workflow {workflow_class.__name__} has no steps; expected a class that derives from WorkflowStepMixin too"
        )


def request_of(workflow_class: type[Workflow], input: Any, workflow_id: str | None) -> StartRequest:
    """Return the request that starts the workflow. Raises InputError, also if the class's own code raises."""
    start = RunStart(workflow_class, workflow_id=workflow_id)
    try:
        return start.request(input)
    except SimpleflowError:
        raise
    except Exception as error:
        raise InputError(f"workflow {workflow_class.__name__} cannot be started: {one_line(error)}") from error


class _Executor(DeciderExecutor):
    """Stops at the first activity about marks, whose arguments hold their bucket and path."""

    found: tuple[str, str] | None = None

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        if isinstance(submittable, ActivityTask):
            parsed = recorded_tasks.parse_arguments(submittable.name, submittable.args, submittable.kwargs)
            if parsed is not None:
                self.found = self.found or (parsed.bucket, parsed.path)
                raise ExecutionBlocked
        return super().submit(submittable, *args, **kwargs)


class _Decider(Decider):
    executor_class = _Executor

    def _close(self) -> d.Decision | None:
        return None  # the run does not end, so no hook must be called


def _evaluate(
    workflow_class: type[Workflow], request: StartRequest, default_bucket: str | None, domain: str | None
) -> _Executor:
    engine = MemoryEngine()
    run_id = engine.start_workflow_execution(request)
    task = engine.poll_for_decision_task()
    assert task is not None
    decider = _Decider(workflow_class, Execution(request.workflow_id, run_id, domain, default_bucket))
    decider.advance(task.events)
    assert isinstance(decider.evaluation, _Executor)
    return decider.evaluation


def _current_location(evaluation: _Executor) -> tuple[str, str]:
    workflow = evaluation.workflow
    name = evaluation.history.started.workflow_type.name
    if not isinstance(workflow, WorkflowStepMixin):  # its __init__ raised
        raise _unknown(name, evaluation.failure.error if evaluation.failure is not None else None)
    try:
        bucket, path = workflow.get_steps_done_activity().args[:2]
    except (Exception, SystemExit, ExecutionBlocked) as error:
        raise _unknown(name, error) from error
    return bucket, path


def _unknown(name: str, error: BaseException | None) -> InputError:
    reason = "it waits for a result" if error is None or isinstance(error, ExecutionBlocked) else one_line(error)
    return InputError(
        f"cannot find out where workflow {name!r} keeps its done marks without running it: {reason}; "
        "if it depends on the input, give the run's input with --input"
    )
