"""Commands that show runs: ``workflow.list``, ``workflow.info``, ``task.info`` and the like."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import run_query
from simpleflow.cli.activity_query import find_activity, fold
from simpleflow.cli.number import Number, Whole
from simpleflow.cli.options import CSV, SETTINGS, TABLE, format_option
from simpleflow.cli.run_query import RunQuery, Runs, location_options, open_run, run_argument
from simpleflow.cli.view.output import open_output
from simpleflow.exceptions import InputError
from simpleflow.shown_text import count_or_no

if TYPE_CHECKING:
    from simpleflow.cli.view.history_items import Item
    from simpleflow.engines.base import RunDescription

_CLOSED = ("completed", "failed", "canceled", "timed_out", "terminated", "continued_as_new")

_DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z")

_all = click.option("--all", "show_all", is_flag=True, help="Show what is about the marks of steps too.")
_limit = click.option(
    "--limit",
    "-n",
    type=Whole(),
    default=50,
    show_default=True,
    metavar="NUMBER",
    help="Show at most so many runs.",
)
_days = click.option(
    "--started-since",
    "-d",
    "days",
    type=Number(most=math.inf),  # since ever
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Show runs started in the last DAYS days.",
)


_status = click.option(
    "--status",
    "-s",
    type=click.Choice(["open", "closed", "all", *_CLOSED]),
    default="all",
    show_default=True,
    help="Show runs with this status.",
)


@click.command("workflow.list", context_settings=SETTINGS)
@click.argument("arguments", metavar="", nargs=-1)
@_status
@_days
@_limit
@format_option()
@location_options
def workflow_list(arguments: Sequence[str], status: str, days: float, limit: int, style: str, **options: Any) -> None:
    """List recent runs, what failed in them and what open ones wait for, the latest first.

    \b
    Example: simpleflow workflow.list -s open
    """
    run_query.split_arguments(run_query.without_domain(arguments, 0, 0, options), [])
    _list_runs(options, status, {"oldest": run_query.since(days)}, limit, style)


@click.command("workflow.filter", context_settings=SETTINGS)
@click.argument("arguments", metavar="", nargs=-1)
@_status
@click.option("--tag", metavar="TAG", help="Show runs with this tag.")
@click.option("--workflow-id", metavar="ID", help="Show runs of this workflow id.")
@click.option(
    "--workflow-type", "--workflow-type-name", metavar="NAME", help="Show runs of the workflow type with this name."
)
@click.option("--workflow-type-version", metavar="VERSION", help="Show runs of this version of their workflow type.")
@click.option(
    "--close-status",
    "-c",
    type=click.Choice(_CLOSED, case_sensitive=False),
    help="Show runs that ended with this status.",
)
@click.option(
    "--from",
    "--from-date",
    "first",
    type=click.DateTime(_DATES),
    metavar="DATE",
    help="Show runs started at this time or later; replaces -d.",
)
@click.option(
    "--to", "--to-date", "last", type=click.DateTime(_DATES), metavar="DATE", help="Show runs started before this time."
)
@_days
@_limit
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
    limit: int,
    style: str,
    **options: Any,
) -> None:
    """List the runs that match all of the given options, the latest first.

    Dates without a zone, such as +0100, are in the local time zone.

    \b
    Example: simpleflow workflow.filter --workflow-type daily --close-status failed
    """
    run_query.split_arguments(run_query.without_domain(arguments, 0, 0, options), [])
    if close_status is not None and status == "open":
        raise InputError(f"--close-status {close_status} selects closed runs, but --status open selects open ones")
    if close_status is not None and status not in ("closed", "all", close_status):
        raise InputError(f"--close-status {close_status} and --status {status} select different runs; give one of them")
    wanted: dict[str, Any] = {
        "workflow_id": workflow_id,
        "name": workflow_type,
        "version": workflow_type_version,
        "tag": tag,
        "oldest": run_query.since(days) if first is None else run_query.epoch(first, "--from"),
        "newest": None if last is None else run_query.epoch(last, "--to"),
    }
    if close_status is not None:
        wanted["statuses"] = frozenset({close_status})
    _list_runs(options, status, wanted, limit, style)


@click.command("workflow.info", context_settings=SETTINGS)
@run_argument
@click.option(
    "--all", "show_all", is_flag=True, help="Count the activities about the marks of steps too, and timers of retries."
)
@format_option()
@location_options
def workflow_info(arguments: Sequence[str], show_all: bool, style: str, **options: Any) -> None:
    """Show one run: its start, input, end and result, what it waits for, and counts of what it did.

    \b
    Example: simpleflow workflow.info daily
    """
    arguments = run_query.without_domain(arguments, 1, 2, options)
    with open_output(style) as out, open_run(arguments, options) as (runs, run):
        from simpleflow.cli.run_steps import family, waits_of
        from simpleflow.cli.view import run_info
        from simpleflow.state_folder import expected

        members = list(family(runs, run)) if run.status == "open" else [(run, *fold(runs, run))]
        folder = runs.location.folder
        end = None if folder is None or run.status != "open" else expected.read(folder, run.run_id)
        run_info.info(out, *members[0], waits_of(members), folder is not None, show_all, end, runs.stood_still(run))


@click.command("workflow.history", context_settings=SETTINGS)
@run_argument
@click.option(
    "--output",
    "--output-format",
    "--of",
    "-o",
    "output",
    type=click.Choice(["events", "raw", "cooked"]),
    default="events",
    show_default=True,
    help="events: a line for each event. raw: the JSON of SWF. cooked: a line for each activity, child, timer, signal "
    "and marker.",
)
@click.option("--reverse-order", is_flag=True, help="Show the latest first.")
@_all
@format_option()
@location_options
def workflow_history(
    arguments: Sequence[str], output: str, reverse_order: bool, show_all: bool, style: str, **options: Any
) -> None:
    """Show the history of a run.

    \b
    Example: simpleflow workflow.history daily --domain nightly -o cooked
    """
    if output == "raw" and style == CSV:
        raise InputError("--output raw is JSON; expected --format json or no --format")
    with open_output(style) as out, open_run(arguments, options) as (runs, run):
        from simpleflow.cli.view import history_items, run_tables, tables
        from simpleflow.core import codec

        view, events = fold(runs, run)
        order = -1 if reverse_order else 1
        if output == "raw":
            out.write(tables.as_json([codec.event_to_dict(event) for event in events[::order]]))
        elif output == "cooked":
            run_tables.cooked(out, _shown(history_items.items(events, view), show_all)[::order])
        else:
            run_tables.events(out, events, reverse_order)


@click.command("workflow.tasks", context_settings=SETTINGS)
@run_argument
@click.option("--nb-tasks", "-n", type=Whole(), metavar="NUMBER", help="Show only the last NUMBER activities.")
@_all
@format_option()
@location_options
def workflow_tasks(arguments: Sequence[str], nb_tasks: int | None, show_all: bool, style: str, **options: Any) -> None:
    """List the activities of a run with state, tries, duration, worker and failure.

    They are listed in the order of scheduling.

    \b
    Example: simpleflow workflow.tasks daily
    """
    arguments = run_query.without_domain(arguments, 1, 2, options)
    with open_output(style) as out, open_run(arguments, options) as (runs, run):
        from simpleflow.cli.view import history_items, run_tables

        found = history_items.latest_tries(_activities(runs, run, show_all))
        if not found:
            out.say(_no_activities(run, show_all))
        run_tables.activities(out, found if nb_tasks is None else found[-nb_tasks:])


@click.command("workflow.profile", context_settings=SETTINGS)
@run_argument
@click.option("--nb-tasks", "-n", type=Whole(), metavar="NUMBER", help="Show only the first NUMBER types.")
@_all
@format_option()
@location_options
def workflow_profile(
    arguments: Sequence[str], nb_tasks: int | None, show_all: bool, style: str, **options: Any
) -> None:
    """Show how long each type of activity in a run waited and ran.

    The type with the most running time comes first.

    \b
    Example: simpleflow workflow.profile daily
    """
    arguments = run_query.without_domain(arguments, 1, 2, options)
    with open_output(style) as out, open_run(arguments, options) as (runs, run):
        from simpleflow.cli.view import history_items, run_tables
        from simpleflow.views import rows

        tasks = _activities(runs, run, show_all)
        found = history_items.profile([task for task in tasks if task.state != rows.REFUSED])
        if not found:
            out.say(_no_activities(run, show_all))
        run_tables.profile(out, found[:nb_tasks])


@click.command("task.info", context_settings=SETTINGS)
@click.argument("arguments", metavar="ID NAME", nargs=-1)
@click.option("--run-id", metavar="ID", help="Run id. Default: the latest run of the workflow id.")
@click.option("--details/--no-details", help="Show the traceback of a failure too.")
@format_option()
@location_options
def task_info(arguments: Sequence[str], run_id: str | None, details: bool, style: str, **options: Any) -> None:
    """Show one activity of a run.

    NAME is the name of its step, its activity id, or the id of the event that scheduled it. Of a step with several
    activities, the one that failed first is shown, else one that has not ended, else the last one.

    \b
    Example: simpleflow task.info daily load --details
    """
    id, name = run_query.split_arguments(run_query.without_domain(arguments, 2, 2, options), ["ID", "NAME"])
    query = RunQuery(run_query.location_of(options), id or "", run_id)
    with open_output(style) as out, run_query.open_runs(query.location) as runs:
        from simpleflow.cli import errors
        from simpleflow.cli.view import run_tables

        found = find_activity(runs, runs.describe(query), name)
        run_tables.activity(out, found, details)
        trace = errors.traceback_of(found.details) if details and style == TABLE else ""
        if trace:
            out.write(f"\n{trace.rstrip()}")


def _activities(runs: Runs, run: RunDescription, show_all: bool) -> list[Item]:
    """Return the activities of a run, each try as one item, in the order of scheduling."""
    from simpleflow.cli.view import history_items

    view, events = fold(runs, run)
    return _shown(history_items.activities(history_items.items(events, view)), show_all)


def _shown(items: list[Item], show_all: bool) -> list[Item]:
    return items if show_all else [item for item in items if not item.hidden]


def _no_activities(run: RunDescription, show_all: bool) -> str:
    but = "" if show_all else ", except about the marks of steps, which --all shows"
    return f"the run of workflow {run.workflow_id!r} has scheduled no activities{but}"


def _list_runs(options: dict[str, Any], status: str, wanted: dict[str, Any], limit: int, style: str) -> None:
    from simpleflow.engines.base import OPEN_RUNS, RunFilter

    if status == "open":
        wanted["statuses"] = OPEN_RUNS
    elif status == "closed":
        wanted.setdefault("statuses", frozenset(_CLOSED))
    elif status != "all":
        wanted["statuses"] = frozenset({status})
    location = run_query.location_of(options)
    with open_output(style) as out, run_query.open_runs(location) as runs:
        from simpleflow.cli import failed_runs
        from simpleflow.cli.run_steps import waits_in_list
        from simpleflow.cli.view import run_tables

        found = runs.find(RunFilter(**wanted), limit + 1)
        shown = found[:limit]
        if style == TABLE or not found:
            kind = "" if status == "all" else status.replace("_", " ") + " "
            number = count_or_no(len(shown), f"{kind}run")
            more = "; there are more, see --limit" if len(found) > limit else ""
            out.say(f"{number}: {location}{more}")
        failures = {run.run_id: failed_runs.failure_of(runs, run) for run in shown}
        waits = waits_in_list(runs, shown)
        short = runs.short_ids(shown) if style == TABLE else {}
        stood_still = {run.run_id: runs.stood_still(run) for run in shown}
        run_tables.runs(out, shown, failures, waits, short, location.folder is not None, stood_still)
