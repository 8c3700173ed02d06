"""Commands that act on a run: ``workflow.signal``, ``cancel`` and ``terminate``, and ``activity.rerun``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, run_query, run_workflow, workflow_input
from simpleflow.cli.activity_query import find_activity
from simpleflow.cli.number import Whole
from simpleflow.cli.options import SETTINGS
from simpleflow.cli.run_query import FoundRun, RunQuery, location_options, run_argument
from simpleflow.cli.view.output import Output, open_output
from simpleflow.exceptions import InputError, SimpleflowError, UnknownResource
from simpleflow.shown_text import json_escaped, printable, short_run_id

if TYPE_CHECKING:
    from simpleflow.cli.view.history_items import Item
    from simpleflow.engines.base import RunDescription
    from simpleflow.engines.sqlite.engine import SqliteEngine
    from simpleflow.engines.swf.engine import SwfEngine


@click.command("workflow.signal", context_settings=SETTINGS)
@run_argument
@click.option("--name", required=True, metavar="NAME", help="Name of the signal.")
@click.option("--input", "-i", "input_text", metavar="JSON", help="Input of the signal; - is standard input.")
@location_options
def workflow_signal(arguments: Sequence[str], name: str, input_text: str | None, **options: Any) -> None:
    """Send a signal to an open run.

    \b
    Example: simpleflow workflow.signal daily --name go --input '{"rows": 3}'
    """
    text = None if input_text is None else _json(workflow_input.parse_json(*workflow_input.given_text(input_text)))
    if not 1 <= len(name) <= 256:
        raise InputError(f"--name has {len(name)} characters; expected 1 to 256")
    with _acting(arguments, options, f"sent signal {printable(name)} to") as (engine, found):
        engine.signal_workflow_execution(found.workflow_id, name, text, found.run_id)


@click.command("workflow.cancel", context_settings=SETTINGS)
@run_argument
@location_options
def workflow_cancel(arguments: Sequence[str], **options: Any) -> None:
    """Ask an open run to cancel itself.

    \b
    Example: simpleflow workflow.cancel daily
    """
    with _acting(arguments, options, "sent a request to cancel to") as (engine, found):
        engine.request_cancel_workflow_execution(*found)


@click.command("workflow.terminate", context_settings=SETTINGS)
@run_argument
@click.option("--reason", metavar="TEXT", help="Reason, which is kept in the history.")
@location_options
def workflow_terminate(arguments: Sequence[str], reason: str | None, **options: Any) -> None:
    """End an open run at once. Its activities are stopped at their next heartbeat.

    \b
    Example: simpleflow workflow.terminate daily --reason 'wrong day'
    """
    arguments = run_query.without_domain(arguments, 1, 2, options)
    with _acting(arguments, options, "sent a request to terminate to") as (engine, found):
        engine.terminate_workflow_execution(*found, reason)


@click.command("activity.rerun", context_settings=SETTINGS)
@click.option("--workflow-id", required=True, metavar="ID", help="Workflow id of the run.")
@click.option("--run-id", metavar="ID", help="Run id. Default: the latest run of the workflow id.")
@click.option("--activity-id", metavar="ID", help="Activity id.")
@click.option(
    "--scheduled-id",
    type=Whole(),
    metavar="NUMBER",
    help="Id of the event that scheduled the activity, instead of --activity-id.",
)
@click.option(
    "--input", "-i", "input_text", metavar="JSON", help="Input to use instead of the recorded one; - is standard input."
)
@location_options
def activity_rerun(
    workflow_id: str,
    run_id: str | None,
    activity_id: str | None,
    scheduled_id: int | None,
    input_text: str | None,
    **options: Any,
) -> int:
    """Run an activity of a run again in this process, and print its result.

    Neither the run nor its history changes. The module of the activity is searched in the folder of the file that
    the run was started from, and in the current one.

    \b
    Example: simpleflow activity.rerun --workflow-id daily --scheduled-id 5
    """
    if (activity_id is None) == (scheduled_id is None):
        raise InputError("expected one of --activity-id and --scheduled-id")
    given = None if input_text is None else _json(workflow_input.parse_input(*workflow_input.given_text(input_text)))
    query = RunQuery(run_query.location_of(options), workflow_id, run_id)
    with open_output() as out:
        with run_query.open_runs(query.location) as runs:
            run = runs.describe(query)
            found = find_activity(runs, run, activity_id, scheduled_id)
            run_workflow.find_modules_of(runs, run)
        return _perform(out, run, query.location.domain, found, found.input if given is None else given)


def _perform(out: Output, run: RunDescription, domain: str | None, item: Item, text: str | None) -> int:
    """Run an activity, write its result, and return the exit code."""
    from simpleflow.engines.base import ActivityTask
    from simpleflow.worker import dispatch

    try:
        dispatch.resolve(item.name)
    except SimpleflowError:
        raise
    except Exception as error:  # importing the module runs user code
        raise InputError(
            f"the module of activity {item.name} cannot be imported: {errors.error_line(error)}"
        ) from error
    task = ActivityTask(
        token="",
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        activity_id=item.id,
        name=item.name,
        version=item.version or "",
        input=text,
        task_list=item.task_list or "",
        heartbeat_timeout=None,
    )
    outcome = dispatch.perform(task, domain=domain)
    if not outcome.failed:
        out.write("null" if outcome.result is None else json_escaped(outcome.result))
        return errors.OK
    trace = errors.traceback_of(outcome.details).rstrip()
    if trace:
        out.say(trace)
    out.say(f"activity {printable(item.id)} failed: {errors.task_failure_line(outcome.reason, outcome.details)}")
    return errors.RUN_FAILED


@contextmanager
def _acting(
    arguments: Sequence[str], options: dict[str, Any], said: str
) -> Iterator[tuple[SwfEngine | SqliteEngine, FoundRun]]:
    """A block that sends something to a run, which may have ended. Then say so, and warn if no process drives it.

    ``said``: what was sent, such as "sent a request to cancel to".
    """
    query = RunQuery.from_arguments(arguments, options)
    with open_output() as out, run_query.open_runs(query.location, writes=True) as runs:
        run = runs.resolve(query)
        short = "" if run.run_id is None else short_run_id(run.run_id)
        try:
            yield runs.engine, run
        except UnknownResource as error:
            what = f"workflow {printable(run.workflow_id)} has no open run{short and f' {short}'}"
            raise UnknownResource(f"{what}: it has ended; workflow.info shows how") from error
        out.say(f"{said} workflow {printable(run.workflow_id)}{short and f' (run {printable(short)})'}")
        if runs.location.folder is not None:
            found = runs.engine.describe(*run)
            if found.status == "open" and not found.alive:
                out.say("no process drives the run now; it gets this when workflow.start --local resumes it")


def _json(value: Any) -> str:
    from simpleflow import values

    return values.encode(value, "--input")
