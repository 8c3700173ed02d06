"""The command ``simpleflow workflow.steps``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from simpleflow.cli import errors
from simpleflow.cli.options import SETTINGS, TABLE, format_option
from simpleflow.cli.run_query import location_options, open_run, run_or_latest_argument
from simpleflow.cli.view.output import open_output

_ENDS = {"timed_out": "timed out", "terminated": "was terminated", "canceled": "was cancelled"}


@click.command("workflow.steps", context_settings=SETTINGS)
@run_or_latest_argument
@format_option()
@location_options
def workflow_steps(arguments: Sequence[str], style: str, **options: Any) -> None:
    """Show the steps of a run: state, reasons, duration and tries; why one failed; and what the run waits for.

    ID is a workflow id, or the run id or its begin. Without ID the latest run is shown.

    \b
    Example: simpleflow workflow.steps daily
    """
    with open_output(style) as out, open_run(arguments, options, or_latest=True) as (runs, run):
        from simpleflow.cli.failed_runs import failure_of
        from simpleflow.cli.run_steps import steps_of
        from simpleflow.cli.view import run_steps, run_tables
        from simpleflow.views.waits import sentence

        found, waits = steps_of(runs, run)
        short = runs.short_ids([run])
        if style == TABLE or not found:
            reports, stood_still = [each.row.report for each in found], runs.stood_still(run)
            out.say(run_tables.headline(run, short, runs.location.folder is not None, reports, stood_still))
            if stood_still is not None:
                out.say("its process has died; the run goes on when the command that started it is run again")
            if (failure := failure_of(runs, run)).reason is not None and not failure.steps:
                reason = errors.one_line(failure.reason)
                out.say(f"it {_ENDS.get(run.status, run.status)}: {reason}")
            if waits:
                out.say(f"it waits for {sentence(waits, time.time())}")
        run_steps.steps(out, found, run.workflow_id, short)
