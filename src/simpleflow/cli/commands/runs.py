"""Commands that show runs: ``workflow.list``, ``workflow.info``, ``task.info`` and the like."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import click

from simpleflow.cli import run_query
from simpleflow.cli.activity_query import activities_of, find_activity
from simpleflow.cli.number import Number
from simpleflow.cli.options import CSV, SETTINGS, TABLE, format_option
from simpleflow.cli.run_query import RunLocation, RunQuery, location_options
from simpleflow.cli.view.output import open_output
from simpleflow.exceptions import InputError

_CLOSED = ("completed", "failed", "canceled", "timed_out", "terminated", "continued_as_new")

_one_run = click.argument("arguments", metavar="[DOMAIN] WORKFLOW_ID [RUN_ID]", nargs=-1)
_days = click.option(
    "--started-since",
    "-d",
    "days",
    type=Number(min=0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Show runs started in the last DAYS days.",
)


@click.command("workflow.list", context_settings=SETTINGS)
@click.argument("arguments", metavar="[DOMAIN]", nargs=-1)
@click.option(
    "--status",
    "-s",
    type=click.Choice(["open", "closed", "all"]),
    default="open",
    show_default=True,
    help="Show runs with this status.",
)
@_days
@format_option()
@location_options
def workflow_list(arguments: Sequence[str], status: str, days: float, style: str, **options: Any) -> None:
    """List runs, the latest first.

    The runs are those in DOMAIN of Amazon SWF (default: SWF_DOMAIN), or those in a folder.

    \b
    Example: simpleflow workflow.list --local -s closed
    """
    _list_runs(_location(arguments, options), status, {}, run_query.since(days), None, None, style)


@click.command("workflow.filter", context_settings=SETTINGS)
@click.argument("arguments", metavar="[DOMAIN]", nargs=-1)
@click.option(
    "--status",
    "-s",
    type=click.Choice(["open", "closed", "all"]),
    default="all",
    show_default=True,
    help="Show runs with this status.",
)
@click.option("--tag", metavar="TAG", help="Show runs with this tag.")
@click.option("--workflow-id", metavar="ID", help="Show runs of this workflow id.")
@click.option("--workflow-type", metavar="NAME", help="Show runs of the workflow type with this name.")
@click.option("--workflow-type-version", metavar="VERSION", help="Show runs of this version of their workflow type.")
@click.option("--close-status", type=click.Choice(_CLOSED), help="Show runs that ended with this status.")
@click.option(
    "--from",
    "first",
    type=click.DateTime(),
    metavar="DATE",
    help="Show runs started at this time or later; replaces -d.",
)
@click.option("--to", "last", type=click.DateTime(), metavar="DATE", help="Show runs started before this time.")
@_days
@format_option()
@location_options
def workflow_filter(
    arguments: Sequence[str],
    status: str,
    tag: str | None,
    workflow_id: str | None,
    workflow_type: str | None,
    workflow_type_version: str | None,
    close_status: str | None,
    first: datetime.datetime | None,
    last: datetime.datetime | None,
    days: float,
    style: str,
    **options: Any,
) -> None:
    """List the runs that match all of the given options, the latest first.

    Dates are in the local time zone.

    \b
    Example: simpleflow workflow.filter --local --workflow-type daily --close-status failed
    """
    if close_status is not None and status == "open":
        raise InputError(f"--close-status {close_status} selects closed runs, but --status open selects open ones")
    given = {
        "workflow_id": workflow_id,
        "name": workflow_type,
        "version": workflow_type_version,
        "status": close_status,
    }
    wanted = {name: value for name, value in given.items() if value is not None}
    oldest = run_query.since(days) if first is None else run_query.epoch(first, "--from")
    latest = None if last is None else run_query.epoch(last, "--to")
    _list_runs(_location(arguments, options), status, wanted, oldest, latest, tag, style)


@click.command("workflow.info", context_settings=SETTINGS)
@_one_run
@format_option()
@location_options
def workflow_info(arguments: Sequence[str], style: str, **options: Any) -> None:
    """Show one run: its start, input, end and result, and counts of what it did.

    \b
    Example: simpleflow workflow.info --local daily
    """
    query = RunQuery.from_arguments(arguments, options)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli.view import run_tables

        run = runs.describe(query.workflow_id, query.run_id)
        run_tables.info(out, run, runs.events(run.workflow_id, run.run_id), query.location.folder is not None)


@click.command("workflow.history", context_settings=SETTINGS)
@click.argument("arguments", metavar="WORKFLOW_ID [RUN_ID]", nargs=-1)
@click.option("--domain", metavar="NAME", help="Amazon SWF domain. Default: SWF_DOMAIN.")
@click.option(
    "--output",
    "-o",
    type=click.Choice(["events", "raw", "cooked"]),
    default="events",
    show_default=True,
    help="events: a line for each event. raw: the JSON of SWF. cooked: a line for each activity, child, timer, signal "
    "and marker.",
)
@format_option()
@location_options
def workflow_history(arguments: Sequence[str], domain: str | None, output: str, style: str, **options: Any) -> None:
    """Show the history of a run.

    \b
    Example: simpleflow workflow.history daily --domain nightly -o cooked
    """
    if output == "raw" and style == CSV:
        raise InputError("--output raw is JSON; expected --format json or no --format")
    if not 1 <= len(arguments) <= 2:
        raise InputError(f"expected WORKFLOW_ID [RUN_ID]; got {' '.join(map(repr, arguments)) or 'nothing'}")
    query = RunQuery(run_query.location_of(domain, options), arguments[0], arguments[1] if len(arguments) > 1 else None)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli.view import history_items, run_tables, tables
        from simpleflow.core import codec

        events = runs.events(query.workflow_id, query.run_id)
        if output == "raw":
            out.write(tables.as_json([codec.event_to_dict(event) for event in events]))
        elif output == "cooked":
            run_tables.cooked(out, history_items.items(events))
        else:
            run_tables.events(out, events)


@click.command("workflow.tasks", context_settings=SETTINGS)
@_one_run
@click.option(
    "--nb-tasks", "-n", type=click.IntRange(min=1), metavar="NUMBER", help="Show only the last NUMBER activities."
)
@format_option()
@location_options
def workflow_tasks(arguments: Sequence[str], nb_tasks: int | None, style: str, **options: Any) -> None:
    """List the activities of a run with state, tries, duration, worker and failure.

    They are listed in the order of scheduling.

    \b
    Example: simpleflow workflow.tasks --local daily
    """
    query = RunQuery.from_arguments(arguments, options)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli.view import history_items, run_tables

        found = history_items.latest_tries(activities_of(runs, query))
        if not found:
            out.say(f"the run of workflow {query.workflow_id!r} has scheduled no activities")
        run_tables.activities(out, found if nb_tasks is None else found[-nb_tasks:])


@click.command("workflow.profile", context_settings=SETTINGS)
@_one_run
@click.option(
    "--nb-tasks", "-n", type=click.IntRange(min=1), metavar="NUMBER", help="Show only the first NUMBER types."
)
@format_option()
@location_options
def workflow_profile(arguments: Sequence[str], nb_tasks: int | None, style: str, **options: Any) -> None:
    """Show how long each type of activity in a run waited and ran.

    The type with the most running time comes first.

    \b
    Example: simpleflow workflow.profile --local daily
    """
    query = RunQuery.from_arguments(arguments, options)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli.view import history_items, run_tables

        found = history_items.profile(
            [task for task in activities_of(runs, query) if task.state != history_items.REFUSED]
        )
        if not found:
            out.say(f"the run of workflow {query.workflow_id!r} has scheduled no activities")
        run_tables.profile(out, found[:nb_tasks])


@click.command("task.info", context_settings=SETTINGS)
@click.argument("arguments", metavar="[DOMAIN] WORKFLOW_ID TASK_ID", nargs=-1)
@click.option("--run-id", metavar="ID", help="Run id. Default: the latest run of the workflow id.")
@click.option("--details", is_flag=True, help="Show the traceback of a failure too.")
@format_option()
@location_options
def task_info(arguments: Sequence[str], run_id: str | None, details: bool, style: str, **options: Any) -> None:
    """Show one activity of a run.

    TASK_ID is its activity id or the id of the event that scheduled it.

    \b
    Example: simpleflow task.info --local daily 5 --details
    """
    domain, workflow_id, task_id = run_query.split_arguments(arguments, options, ["WORKFLOW_ID", "TASK_ID"], "")
    query = RunQuery(run_query.location_of(domain, options), workflow_id or "", run_id)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli import errors
        from simpleflow.cli.view import run_tables

        found = find_activity(runs, query, task_id)
        run_tables.activity(out, found, details)
        trace = errors.traceback_of(found.details) if details and style == TABLE else ""
        if trace:
            out.write(f"\n{trace.rstrip()}")


def _location(arguments: Sequence[str], options: dict[str, Any]) -> RunLocation:
    """Return the location that the optional argument DOMAIN or the options name. Raises InputError."""
    if len(arguments) > (0 if run_query.is_local(options) else 1):
        expected = "nothing with --state or --local" if run_query.is_local(options) else "[DOMAIN]"
        raise InputError(f"expected {expected}; got {' '.join(map(repr, arguments))}")
    return run_query.location_of(arguments[0] if arguments else None, options)


def _list_runs(
    location: RunLocation,
    status: str,
    wanted: dict[str, Any],
    oldest: float,
    latest: float | None,
    tag: str | None,
    style: str,
) -> None:
    with open_output(style) as out, run_query.open_runs(location) as runs:
        from simpleflow.cli.view import run_tables

        found = [run for run in runs.find(status, wanted, oldest, tag) if latest is None or run.started < latest]
        if style == TABLE or not found:
            number = (
                f"{len(found) or 'no'} {'' if status == 'all' else status + ' '}run{'' if len(found) == 1 else 's'}"
            )
            out.say(f"{number}: {location}")
        run_tables.runs(out, found, location.folder is not None)
