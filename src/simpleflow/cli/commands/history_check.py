"""The command ``simpleflow history.check``."""

from __future__ import annotations

import json
from typing import Any

import click

from simpleflow.cli import errors
from simpleflow.cli.load_workflow import load_workflow
from simpleflow.cli.options import SETTINGS, common
from simpleflow.cli.view.output import open_output
from simpleflow.exceptions import InputError
from simpleflow.shown_text import count, escaped

_LONGEST = 1_000  # characters of a decision


@click.command("history.check", context_settings=SETTINGS)
@click.argument("file")
@click.argument("workflow")
@click.option("--code", metavar="FILE", help="File that defines WORKFLOW, in place of its module.")
@click.option("--workflow-id", metavar="ID", help="Workflow id of the run, which is part of the ids of its children.")
@common
def history_check(file: str, workflow: str, code: str | None, workflow_id: str | None) -> int:
    """Replay the history in FILE with the code of today, and show the first decision that differs.

    FILE is what workflow.history writes with --format json. Nothing is run: results of activities come from the
    history. The exit code is 1 if a decision differs.

    \b
    Example: simpleflow history.check dump.json flow.Daily --code new/flow.py
    """
    with open_output() as out:
        from simpleflow.core import codec
        from simpleflow.steering.history_check import check

        events = codec.decode_history(_read(file))
        target = workflow if code is None else f"{code}:{workflow.replace(':', '.').rpartition('.')[2]}"
        found = check(load_workflow(target), events, workflow_id)
        if found.difference is None:
            out.write(f"the same: {count(found.decisions, 'decision')} of {count(found.tasks, 'decision task')}")
            return errors.OK
        event_id, recorded, today = found.difference
        out.write(
            f"different: the decision task of event {event_id}, after {count(found.decisions, 'decision')} that "
            f"{'is' if found.decisions == 1 else 'are'} the same\n"
            f"recorded: {_shown(recorded)}\n"
            f"today:    {_shown(today)}"
        )
        return errors.RUN_FAILED


def _shown(decision: Any) -> str:
    return "no further decision" if decision is None else escaped(str(decision))[:_LONGEST]


def _read(file: str) -> list[dict[str, Any]]:
    """The events in a file: Amazon SWF's own, or the rows of ``workflow.history``."""
    try:
        with open(file, encoding="utf-8-sig") as stream:
            found = json.load(stream)
    except OSError as error:
        raise InputError(f"file {file!r} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"file {file!r} is not JSON: {error}; expected the output of workflow.history") from error
    if isinstance(found, dict):
        found = found.get("events")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InputError(
            f"file {file!r} holds no list of events; expected the output of workflow.history --format json"
        )
    return [each["event"] if isinstance(each.get("event"), dict) else each for each in found]
