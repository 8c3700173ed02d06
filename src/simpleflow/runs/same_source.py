"""The check that a run is started by the file that started the runs of its workflow id before, or made its marks.

A workflow id that is not given is made of the class's name. Two files that define classes of one name would share it:
one would take up the runs of the other, and skip its steps.

If the state folder knows no run of the id, the marks tell who made them: another state folder may have held the runs,
or a user has removed them. Only marks in folders are read for that, since reading them is quick.
"""

from __future__ import annotations

from simpleflow import stores, values
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.decider.executor import Executor
from simpleflow.engines.base import RunFilter, StartRequest
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import ExecutionBlocked, InputError
from simpleflow.shown_text import short_run_id
from simpleflow.source import source_file
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.workflow import Workflow

_MOST = 200  # marks that are read: the check must not slow down the start of a run


def check(
    engine: EmbeddedEngine, workflow_class: type[Workflow], request: StartRequest, default_bucket: str | None
) -> None:
    """Raise InputError if another file has started the latest run of the workflow id, or has made its marks.

    A class without a lasting file is never refused, and neither is one whose id has no run or mark that tells its file.
    """
    if (why := refusal(engine, workflow_class, request, default_bucket)) is not None:
        raise InputError(why)


def refusal(
    engine: EmbeddedEngine | None, workflow_class: type[Workflow], request: StartRequest, default_bucket: str | None
) -> str | None:
    """Return why ``check`` would refuse a start; None if it would not. ``engine`` None: there are no runs."""
    own = source_file.of_class(workflow_class)
    if own is None:
        return None
    workflow_id = request.workflow_id
    found = [] if engine is None else engine.list_runs(RunFilter(workflow_id=workflow_id), limit=1)
    if engine is not None and found:
        other = _file_of_run(engine, found[0].run_id)
        whose = f"belongs to the runs of {other} (the latest is {short_run_id(found[0].run_id)})"
    else:
        other, step = _file_of_marks(workflow_class, request, default_bucket, own)
        whose = f"belongs to the done steps of {other} (one is {step!r})"
    if other is None or other == own:
        return None
    return (
        f"workflow id {workflow_id!r} {whose}, and this class is defined in {own}: give it an id of its own with "
        "--workflow-id, or say with --adopt that the file has moved"
    )


def _file_of_run(engine: EmbeddedEngine, run_id: str) -> str | None:
    other = None
    for text in engine.executions.journal.contexts(run_id):
        context = values.decode(text)
        other = context.get("file", other) if isinstance(context, dict) else other
    return other


def _file_of_marks(
    workflow_class: type[Workflow], request: StartRequest, default_bucket: str | None, own: str
) -> tuple[str | None, str | None]:
    """A file that made marks of this workflow id, and a step of it: ``own`` if that is one of them; or None."""
    location = _location(workflow_class, request, default_bucket)
    if location is None or not stores.is_folder(location[0]):
        return None, None
    bucket, prefix = location
    store = stores.open_store(bucket)
    other: tuple[str | None, str | None] = None, None
    if not (objects := store.names(prefix)):
        return other
    from simpleflow.step import claims, mark  # here, since most new runs find no marks

    names = [name for name in objects if not claims.is_claim(name)]
    for name in names[:_MOST]:
        found = mark.read(name, store.get(prefix, name) or b"")
        file = None if found.made_with is None else found.made_with.file
        if file is None or found.workflow_id != request.workflow_id:
            continue
        if file == own:
            return own, name
        other = file, name
    return other


def _location(
    workflow_class: type[Workflow], request: StartRequest, default_bucket: str | None
) -> tuple[str, str] | None:
    """Bucket and prefix of the marks; None if the workflow has no steps, or knows that only when ``run`` is called."""
    if not issubclass(workflow_class, WorkflowStepMixin):
        return None
    engine = MemoryEngine()
    run = engine.runs[engine.start_workflow_execution(request)]
    execution = Execution(request.workflow_id, run.run_id, default_bucket=default_bucket)
    workflow = Executor(workflow_class, run.history, execution).workflow
    if not isinstance(workflow, WorkflowStepMixin):
        return None  # its ``__init__`` raises: the run will say so
    try:
        return workflow.marks_location
    except (Exception, SystemExit, ExecutionBlocked):  # noqa: BLE001 (the user's methods, and ``run`` was not called)
        return None
