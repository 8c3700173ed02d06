"""The command ``simpleflow step.why``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, step_names
from simpleflow.cli.number import Whole
from simpleflow.cli.options import SETTINGS, TABLE
from simpleflow.cli.run_ids import short_ids
from simpleflow.cli.run_query import open_runs
from simpleflow.cli.step_query import StepQuery, earlier_runs, step_options
from simpleflow.cli.view.output import open_output
from simpleflow.cli.view.step_tables import local, utc
from simpleflow.cli.view.tables import objects, table
from simpleflow.exceptions import UnknownResource
from simpleflow.shown_text import duration, printable

if TYPE_CHECKING:
    from simpleflow.steering.why import Differing

_KEYS = ("run_id", "began", "verdict", "why", "seconds", "differences", "code")


@click.command("step.why", context_settings=SETTINGS)
@click.argument("workflow")
@click.argument("step", metavar="NAME")
@click.option("--runs", type=Whole(), default=10, metavar="N", help="How many runs to show. Default: 10.")
@step_options
def step_why(workflow: str, step: str, runs: int, style: str, **options: Any) -> int:
    """Show why a step of WORKFLOW ran or was skipped in its last runs, and what differed from the run before.

    Where the code of its activities has changed, the lines that differ are shown.

    \b
    Example: simpleflow step.why flow.py:Daily load
    """
    with open_output(style) as out:
        from simpleflow.state_folder import sources
        from simpleflow.steering import why

        [name] = step_names.split_names([step], "NAME") or [step]
        query = StepQuery.from_options(workflow, options)
        folder = query.location.folder
        workflow_id = query.mark_location.workflow_id
        with open_runs(query.location) as known:
            found, shown = why.runs_of(name, earlier_runs(known, workflow_id), runs)
        if not any(each.verdict != why.NOT_REACHED for each in found[:shown]):
            which = f"the last {shown} runs" if shown > 1 else "the last run" if found else "any run"
            raise UnknownResource(
                f"step {name!r} was not reached in {which} of workflow {workflow_id!r} in {query.location}; "
                "step.plan shows the names of its steps"
            )

        def source(digest: str) -> str | None:
            return None if folder is None else sources.read(folder, digest)

        rows = why.differing(found, source)[:shown]
        if style == TABLE:
            short = short_ids([each.run.run_id for each in rows])
            titles = ("run", "began", "verdict", "took", "why")
            cells = [
                [
                    short[each.run.run_id],
                    local(each.run.began),
                    each.run.verdict,
                    "" if each.run.seconds is None else duration(each.run.seconds),
                    "; ".join(filter(None, [each.run.why, *each.differences])),
                ]
                for each in rows
            ]
            out.write("\n".join([table(titles, cells, out.layout), *_code(rows, short)]))
        else:
            out.write(objects(style, _KEYS, [_object(each) for each in rows]))
    return errors.OK


def _code(rows: list[Differing], short: dict[str, str]) -> Iterator[str]:
    """Yield the lines that differ, below the run in which they were new."""
    for each in rows:
        if each.code:
            yield f"\ncode of run {short[each.run.run_id]}:"
            yield from (f"  {printable(line) if line.strip() else line}" for line in each.code)


def _object(each: Differing) -> dict[str, Any]:
    run = each.run
    return {
        "run_id": run.run_id,
        "began": utc(run.began),
        "verdict": run.verdict,
        "why": run.why,
        "seconds": run.seconds,
        "differences": list(each.differences),
        "code": list(each.code),
    }
