"""The command ``simpleflow workflow.replay``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from simpleflow.cli import errors, run_workflow
from simpleflow.cli.load_workflow import load_workflow
from simpleflow.cli.options import SETTINGS, session
from simpleflow.cli.run_query import location_options, open_run, run_argument
from simpleflow.exceptions import UnknownResource
from simpleflow.shown_text import escaped, short_run_id

_LONGEST = 200  # characters of the value of a variable


@click.command("workflow.replay", context_settings=SETTINGS)
@run_argument
@click.option("--at", "step", metavar="STEP", required=True, help="Stop where the run submits this step.")
@click.option("--pdb", "debugs", is_flag=True, help="Stop in Python's debugger. Without it, variables are shown.")
@click.option(
    "--workflow",
    metavar="WORKFLOW",
    help="Class of the run, module.Class or path/to/file.py:Class. Default: that of the file that it was started from.",
)
@location_options
def workflow_replay(arguments: Sequence[str], step: str, debugs: bool, workflow: str | None, **options: Any) -> int:
    """Replay the history of a run with the code of today, up to a step, and show the workflow at this place.

    Nothing is run: the results of activities come from the history. With --pdb, Python's debugger stops in run(), in
    the line that submits the step.

    \b
    Example: simpleflow workflow.replay daily --at report --pdb
    """
    from simpleflow.steering.replay import replay

    with open_run(arguments, options) as (runs, run):
        events = runs.events(run)
        found = load_workflow(workflow or run_workflow.reference_of(runs, run))
    if not replay(found, events, step, _debug if debugs else _show, run.workflow_id):
        raise UnknownResource(
            f"run {short_run_id(run.run_id)} of workflow {run.workflow_id!r} does not submit step {step!r}; "
            "workflow.steps shows its steps"
        )
    return errors.OK


def _show(frame: FrameType, event_id: int) -> None:
    """Print the place and the variables there."""
    write = click.echo
    code = frame.f_code
    write(f"{errors.relative(code.co_filename)}:{frame.f_lineno} in {code.co_name}, after event {event_id}")
    for name, value in frame.f_locals.items():
        try:
            text = repr(value)
        except Exception as error:  # noqa: BLE001 (the code of a user's class)
            text = f"(its repr() raises {type(error).__name__})"
        write(escaped(f"  {name} = {text[:_LONGEST]}"))


def _debug(frame: FrameType, event_id: int) -> None:
    """Stop in the debugger."""
    import bdb
    import pdb  # noqa: T100 (the person at the terminal asked for it)

    session().terminal.write(f"after event {event_id}; the replay ends with this place, so q and c do the same\n")
    debugger = pdb.Pdb(stdin=sys.stdin, stdout=sys.stdout, nosigint=True)
    debugger.reset()
    try:
        debugger.interaction(frame, None)
    except bdb.BdbQuit:
        pass
