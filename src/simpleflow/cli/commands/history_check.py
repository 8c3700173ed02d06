"""The command ``simpleflow history.check``."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simpleflow.base import type_name
from simpleflow.cli import errors
from simpleflow.cli.load_workflow import load_workflow
from simpleflow.cli.number import Whole
from simpleflow.cli.options import SETTINGS, session
from simpleflow.cli.run_query import RunLocation, location_of, location_options, open_runs
from simpleflow.cli.view.output import Output, open_output
from simpleflow.exceptions import InputError, UnknownResource
from simpleflow.shown_text import count, escaped, short_run_id

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.workflow import Workflow

_LONGEST = 1_000  # characters of a decision


@click.command("history.check", context_settings=SETTINGS)
@click.argument("arguments", metavar="[FILE] WORKFLOW", nargs=-1)
@click.option("--code", metavar="FILE", help="File that defines WORKFLOW, in place of its module.")
@click.option(
    "--workflow-id",
    metavar="ID",
    help="Workflow id of the runs. Default: the name of the workflow type. It is part of the ids of children.",
)
@click.option("--run-id", metavar="ID", help="Run id of FILE, for workflows that use it. Default: as children tell.")
@click.option("--runs", type=Whole(), metavar="N", help="How many of the last runs to check. Default: 1.")
@location_options
def history_check(
    arguments: Sequence[str],
    code: str | None,
    workflow_id: str | None,
    run_id: str | None,
    runs: int | None,
    **options: Any,
) -> int:
    """Replay the last runs of WORKFLOW with the code of today, and show the first decision that differs.

    With FILE, which is what workflow.history writes with --format json (- for standard input), that history is
    replayed. Nothing is run: results of activities come from the history. The exit code is 1 if a decision differs.

    \b
    Example: simpleflow history.check flow.py:Daily --runs 5
    """
    file, workflow = _arguments(arguments)
    if file is not None and (runs is not None or any(options.values())):
        raise InputError("FILE is one history; --runs, --state, --local and --domain are for runs that are kept")
    with open_output() as out:
        if file is not None:
            from simpleflow.core import codec

            events = codec.decode_history(_read(file))
            return _check(out, load_workflow(workflow, code), events, workflow_id, run_id=run_id)
        if run_id is not None:
            raise InputError("--run-id is the run id of FILE; runs that are kept have their own")
        return _check_runs(out, load_workflow(workflow, code), workflow_id, runs or 1, location_of(options))


def _arguments(given: Sequence[str]) -> tuple[str | None, str]:
    if len(given) not in (1, 2):
        raise InputError(f"expected [FILE] WORKFLOW, got {' '.join(map(repr, given)) or 'nothing'}")
    return (given[0] if len(given) == 2 else None), given[-1]


def _check_runs(
    out: Output, workflow_class: type[Workflow], workflow_id: str | None, most: int, location: RunLocation
) -> int:
    """Check the last runs of the workflow id, the newest first; stop at the first that differs."""
    from simpleflow.engines.base import RunFilter

    id = workflow_id or type_name(workflow_class)
    with open_runs(location) as runs:
        found = runs.find(RunFilter(workflow_id=id), most)
        if not found:
            raise UnknownResource(f"there is no run of workflow {id!r} in {location}; give the id with --workflow-id")
        for run in found:
            label = f"run {short_run_id(run.run_id)}: "
            code = _check(out, workflow_class, runs.events(run), id, label, run.run_id, location.domain)
            if code != errors.OK:
                return code
    return errors.OK


def _check(
    out: Output,
    workflow_class: type[Workflow],
    events: Sequence[Event],
    workflow_id: str | None,
    label: str = "",
    run_id: str | None = None,
    domain: str | None = None,
) -> int:
    from simpleflow.steering import own_ids
    from simpleflow.steering.history_check import check

    found = check(workflow_class, events, workflow_id, run_id, domain)
    if found.difference is None:
        out.write(f"{label}the same: {count(found.decisions, 'decision')} of {count(found.tasks, 'decision task')}")
        return errors.OK
    event_id, recorded, today = found.difference
    out.write(
        f"{label}different: the decision task of event {event_id}, after {count(found.decisions, 'decision')} "
        f"that {'is' if found.decisions == 1 else 'are'} the same\n"
        f"recorded: {_shown(recorded)}\n"
        f"today:    {_shown(today)}"
    )
    for option, word in (("--workflow-id", own_ids.WORKFLOW_ID), ("--run-id", own_ids.RUN_ID)):
        if word in str(today):
            out.write(f"the history does not tell the {option[2:].replace('-', ' ')} of its run: give it with {option}")
    return errors.RUN_FAILED


def _shown(decision: Any) -> str:
    return "no further decision" if decision is None else escaped(str(decision))[:_LONGEST]


def _read(file: str) -> list[dict[str, Any]]:
    """The events in a file: Amazon SWF's own, or the rows of ``workflow.history``."""
    what = "standard input" if file == "-" else f"file {file!r}"
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = json.loads(content.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{what} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{what} is not JSON: {error}; expected the output of workflow.history") from error
    if isinstance(found, dict):
        if found.get("nextPageToken"):
            session().warn(f"{what} is one page of a history; the events of the next pages are not checked")
        found = found.get("events")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(f"{what} holds no list of events; expected the output of workflow.history --format json")
    return [_timed(each["event"] if isinstance(each.get("event"), dict) else each) for each in found]


def _timed(event: dict[str, Any]) -> dict[str, Any]:
    """The event with its time in seconds, which the AWS CLI writes as text."""
    time = event.get("eventTimestamp")
    if isinstance(time, str):
        for read in (float, lambda text: datetime.datetime.fromisoformat(text).timestamp()):
            try:
                return {**event, "eventTimestamp": read(time)}
            except ValueError:
                pass  # the decoder names the event
    return {**event, "eventTimestamp": float(time)} if isinstance(time, int) else event
