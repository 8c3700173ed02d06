"""The commands ``simpleflow task.logs`` and ``simpleflow workflow.logs``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, run_query
from simpleflow.cli.number import Whole
from simpleflow.cli.options import SETTINGS, session
from simpleflow.cli.run_query import RunQuery, Runs, location_options, run_or_latest_argument
from simpleflow.exceptions import UnknownResource

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription

_POLL_SECONDS = 0.2  # between two looks at the logs
_REFRESH = 20  # the run is read again after a multiple of the time that this takes ...
_REFRESH_SECONDS = 0.5  # ... and after so many seconds, at least

_lines = click.option("--lines", "-n", "last", type=Whole(), metavar="N", help="Only the last N lines of each log.")


@click.command("task.logs", context_settings=SETTINGS)
@click.argument("arguments", metavar="ID NAME", nargs=-1)
@click.option("--run-id", metavar="ID", help="Run id. Default: the latest run of the workflow id.")
@click.option("--attempt", type=Whole(), metavar="N", help="Number of the attempt. Default: the latest.")
@_lines
@location_options
def task_logs(
    arguments: Sequence[str], run_id: str | None, attempt: int | None, last: int | None, **options: Any
) -> int:
    """Show what an activity has printed, in its latest attempt.

    NAME is the name of its step, its activity id, or the id of the event that scheduled it. Of a step with several
    activities, all are shown, with a line before each.

    \b
    Example: simpleflow task.logs daily load
    """
    from simpleflow.cli.view.log_lines import LogLines, LogReader

    id, name = run_query.split_arguments(arguments, ["ID", "NAME"])
    query = RunQuery(run_query.location_of(options), id or "", run_id)
    with run_query.open_runs(query.location) as runs:
        from simpleflow.cli.run_logs import folder_of, logs_of_name

        folder_of(runs)
        run = runs.describe(query)
        found = logs_of_name(runs, run, name or "")
    known = sorted({log.attempt for log in found})
    if attempt is not None:
        found = [log for log in found if log.attempt == attempt]
        if known and not found:
            raise UnknownResource(f"{name!r} has no log of attempt {attempt}; expected {', '.join(map(str, known))}")
    else:
        found = list({log.activity_id: log for log in found}.values())  # the latest one of each
    if not found:
        session().terminal.write(f"{name} has printed nothing, or its output was not kept\n")
    out = LogLines(session().color, titled=False)
    for log in found:
        if len(found) > 1:
            out.headline(f"{log.title}: {log.activity_id}")
        elif log.attempt > 1 and attempt is None:
            session().terminal.write(f"attempt {log.attempt}; --attempt shows earlier ones\n")
        out.write(log.title, LogReader(log.path, last).lines(ends=True))
    return errors.OK


@click.command("workflow.logs", context_settings=SETTINGS)
@run_or_latest_argument
@click.option("--step", metavar="NAME", help="Only this step, and the steps below this name.")
@click.option("--follow", "-f", is_flag=True, help="Show what is printed from now on too, until the run ends.")
@_lines
@location_options
def workflow_logs(arguments: Sequence[str], step: str | None, follow: bool, last: int | None, **options: Any) -> int:
    """Show what the activities of a run and its children have printed, with the step before each line.

    ID is a workflow id, or the run id or its begin. Without ID the latest run is shown.

    \b
    Example: simpleflow workflow.logs daily --step load -f
    """
    location = run_query.location_of(options)
    query = RunQuery.from_arguments(arguments, options) if arguments else None
    with run_query.open_runs(location) as runs:
        from simpleflow.cli.activity_query import check_step
        from simpleflow.cli.run_logs import folder_of
        from simpleflow.cli.run_steps import family

        folder_of(runs)
        run = runs.latest() if query is None else runs.describe(query)
        if step is not None and not follow:  # of a run that is followed, it may come yet
            check_step(run, {name: None for _, view, _ in family(runs, run) for name in view.steps}, step)
        shown = _show(runs, run, step, follow, last)
    if not shown:
        what = f"step {step!r}" if step is not None else "the run"
        session().terminal.write(f"{what} has printed nothing, or its output was not kept\n")
    return errors.OK


def _show(runs: Runs, run: RunDescription, step: str | None, follow: bool, last: int | None) -> bool:
    """Write the logs of a run, and with ``follow`` what is added until the run ends; returns False if there is none."""
    from simpleflow.cli.run_logs import AttemptLog, logs_of_run
    from simpleflow.cli.view.log_lines import LogLines, LogReader

    out = LogLines(session().color, titled=True)
    readers: dict[str, tuple[AttemptLog, LogReader]] = {}
    began: float | None = None
    refresh_at = 0.0
    while True:
        goes_on = follow and run.status == "open" and run.alive
        now = time.monotonic()
        if now >= refresh_at or not goes_on:
            for log in logs_of_run(runs, run, step):
                if log.path not in readers:
                    readers[log.path] = log, LogReader(log.path, last if began is None else None)
            refresh_at = time.monotonic() + max(_REFRESH_SECONDS, _REFRESH * (time.monotonic() - now))
            began = began or now
        for log, reader in readers.values():
            out.write(log.title, reader.lines(ends=not goes_on))
            if out.watched:
                out.write(log.title, reader.unfinished())
        if not goes_on or out.ended:
            break
        time.sleep(_POLL_SECONDS)
        run = runs.engine.describe(run.workflow_id, run.run_id)
    if follow and run.status == "open" and not out.ended:
        session().terminal.write("the process of the run has died; the run goes on when it is started again\n")
    return bool(readers)
