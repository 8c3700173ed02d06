"""The command ``simpleflow workflow.restart``: start a run again with the same input, task list and tags."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow import shell_words
from simpleflow.base import type_name
from simpleflow.cli import (
    cluster_options,
    errors,
    run_query,
    run_workflow,
    start_command,
    start_options,
    workflow_input,
)
from simpleflow.cli.local_run import run_locally
from simpleflow.cli.options import SETTINGS, session
from simpleflow.cli.run_query import RunQuery, Runs, location_options, run_argument
from simpleflow.cli.view.output import Output, open_output
from simpleflow.constants import KEEP_GOING
from simpleflow.exceptions import InputError, RunBusy
from simpleflow.shown_text import short_run_id
from simpleflow.step.request import REQUEST

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription


_REASON = "restarted"  # recorded in the history of the run that is terminated
_TERMINATION_SECONDS = 10.0  # longest wait for the end of a terminated run; its process notices within 0.2 s


@click.command("workflow.restart", context_settings=SETTINGS)
@run_argument
@click.option(
    "--workflow",
    metavar="WORKFLOW",
    help="Class of a run in a folder, module.Class or path/to/file.py:Class. Default: the one in the file that the run "
    "was started from.",
)
@start_options.workers_options
@cluster_options.driver_options
@start_options.view_options
@start_options.middleware_options
@start_options.on_end_options
@location_options
def restart(arguments: Sequence[str], workflow: str | None, **options: Any) -> int:
    """Start a run again with the same workflow type, input, task list and tags.

    An open run is terminated first. On Amazon SWF this prints the workflow id and the run id of the new run. In a
    folder the new run happens in this process, as with workflow.start --local.

    \b
    Example: simpleflow workflow.restart daily
    """
    query = RunQuery.from_arguments(run_query.without_domain(arguments, 1, 2, options), options)
    if workflow is not None and query.location.folder is None:
        raise InputError("--workflow is for runs in a folder; on Amazon SWF the deciders find the class")
    if query.location.folder is None:
        start_options.refuse_local(options, start_options.RUN_OPTIONS)
    with open_output() as out:
        if query.location.folder is None:
            with run_query.open_runs(query.location) as runs:
                return _on_swf(out, runs, query)
        return _in_folder(out, query, workflow, {name: options[name] for name in start_options.RUN_OPTIONS})


def _on_swf(out: Output, runs: Runs, query: RunQuery) -> int:
    from simpleflow.engines.base import StartRequest

    run, started = _find(runs, query)
    request = StartRequest(
        workflow_id=run.workflow_id,
        name=started.workflow_type.name,
        version=started.workflow_type.version,
        input=started.input,
        task_list=started.task_list.name,
        tag_list=tuple(_tags(started)),
        task_priority=started.task_priority,
        execution_timeout=started.execution_start_to_close_timeout or StartRequest.execution_timeout,
        decision_task_timeout=started.task_start_to_close_timeout or StartRequest.decision_task_timeout,
        child_policy=started.child_policy,
        lambda_role=started.lambda_role,
    )
    if run.status == "open":
        runs.engine.terminate_workflow_execution(run.workflow_id, run.run_id, _REASON)
        out.say(f"run {short_run_id(run.run_id)} is terminated")
    out.write(f"{run.workflow_id} {runs.engine.start_workflow_execution(request)}")
    return errors.OK


def _in_folder(out: Output, query: RunQuery, workflow: str | None, given_options: dict[str, Any]) -> int:
    """End the open run of the workflow id, and run the workflow again in this process."""
    with run_query.open_runs(query.location, writes=True) as runs:
        run, started = _find(runs, query)
        reference = workflow or run_workflow.reference_of(runs, run)
        given = _input(started)
        _check_class(reference, run, started, given)
        _end(out, runs, run.workflow_id)
    steering = start_command.steering(given)
    is_found_here = "/" in reference or workflow is not None
    if steering is not None:
        ids = [each for each in (query.id, query.run_id) if each is not None]
        folder = os.path.abspath(str(query.location.folder))
        again = start_command.arguments(reference, run.workflow_id, folder, given, steering, ids)
        shell_words.stand_for(again if is_found_here else None)
        given = {name: each for name, each in given.items() if name not in (REQUEST, KEEP_GOING)}
    options: dict[str, Any] = {
        "workflow_id": run.workflow_id,
        "tags": _tags(started),
        "task_list": started.task_list.name,
        "execution_timeout": started.execution_start_to_close_timeout,
        "decision_tasks_timeout": started.task_start_to_close_timeout,
        "state": query.location.folder,
        "changed": False,
        "keep_going": False,
        "adopt": False,
        "fresh": False,  # the open run was terminated
        **dict.fromkeys(("force", "skip", "only", "until", "params"), ()),
        **(steering or {}),  # else the input holds what the former run was asked for
        **given_options,
    }
    return run_locally(reference, given, options, session(), out.write)


def _find(runs: Runs, query: RunQuery) -> tuple[RunDescription, Any]:
    """Return the run, and the attributes of the event that started it."""
    run = runs.describe(query)
    return run, runs.engine.event(run.workflow_id, run.run_id, 1).attributes


def _tags(started: Any) -> list[str]:
    return [tag for tag in started.tag_list or () if tag is not None]


def _input(started: Any) -> dict[str, Any]:
    """Return the input that the run was started with, with the steps to force and skip that came with it."""
    from simpleflow import values
    from simpleflow.core.decider.parts import PARTS
    from simpleflow.values import arguments, reserved

    args, kwargs = arguments(values.decode(started.input))
    extra = reserved(started.input)
    extra.pop(PARTS, None)  # a request of its parent: the new run has none
    return {"args": args, "kwargs": kwargs, **extra}


def _check_class(reference: str, run: RunDescription, started: Any, given: dict[str, Any]) -> None:
    """Raise InputError if the class belongs to another workflow type or does not accept the input."""
    from simpleflow.cli.load_workflow import load_workflow

    found = load_workflow(reference)
    name = type_name(found)
    if name != started.workflow_type.name:
        raise InputError(
            f"run {short_run_id(run.run_id)} has workflow type {started.workflow_type.name!r}, but {reference} has "
            f"{name!r}"
        )
    workflow_input.check_input(found, given)


def _end(out: Output, runs: Runs, workflow_id: str) -> None:
    """Terminate the open run of a workflow id, if there is one, and wait for its end.

    Raises RunBusy if it is still open after 10 seconds.
    """
    run = runs.engine.describe(workflow_id)
    if run.status != "open":
        return
    runs.engine.terminate_workflow_execution(workflow_id, run.run_id, _REASON)
    _wait_until(lambda: runs.engine.describe(workflow_id, run.run_id).status != "open", run)
    out.say(f"run {short_run_id(run.run_id)} is terminated")


def _wait_until(condition: Callable[[], bool], run: RunDescription) -> None:
    deadline = time.monotonic() + _TERMINATION_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RunBusy(
                f"run {short_run_id(run.run_id)} of workflow {run.workflow_id!r} is still open "
                f"{_TERMINATION_SECONDS:.0f} s after it was terminated; end the process that drives it"
            )
        time.sleep(0.05)
