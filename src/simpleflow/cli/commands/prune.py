"""The command ``workflow.prune``: remove old runs from a state folder."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from simpleflow import settings
from simpleflow.cli.number import Whole
from simpleflow.cli.options import SETTINGS, TABLE, common, format_option, state_option
from simpleflow.cli.run_ids import short_ids
from simpleflow.cli.view.output import Output, open_output
from simpleflow.constants import DAY, HOUR, MINUTE
from simpleflow.exceptions import InputError, StateError
from simpleflow.shown_text import count_or_no, printable

if TYPE_CHECKING:
    from simpleflow.engines.sqlite.pruning import Pruned

_AGE = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,6})?)(?P<unit>[smhdw]?)")
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "": DAY}
_DEFAULT_RUNS, _DEFAULT_SECONDS = 10, 30 * DAY

_KEYS = ("workflow_id", "run_id", "name", "status", "started_at", "closed_at")
_TITLES = ("workflow id", "run", "status", "closed")


def _age(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    found = _AGE.fullmatch(value.strip().lower())
    if found is None:
        raise InputError(f"--older-than is {value!r}; expected a number with s, m, h, d or w, such as 30d or 12h")
    return float(found["number"]) * _UNITS[found["unit"]]


@click.command("workflow.prune", context_settings=SETTINGS)
@click.option(
    "--older-than",
    metavar="AGE",
    callback=_age,
    help="Keep the runs that ended since then, such as 30d, 12h or 2w. Default: SIMPLEFLOW_KEEP_DAYS.",
)
@click.option(
    "--keep",
    type=Whole(0),
    metavar="N",
    help="Keep the latest N runs of each workflow. Default: SIMPLEFLOW_KEEP_RUNS.",
)
@click.option("--dry-run", is_flag=True, help="Show which runs would be removed, and remove none.")
@state_option("Folder of the runs. Default: SIMPLEFLOW_STATE.")
@format_option()
@common
def workflow_prune(older_than: float | None, keep: int | None, dry_run: bool, state: str | None, style: str) -> None:
    """Remove closed runs and their logs from a state folder, and give the space back.

    A run is removed if none of the options keeps it. Without options and settings, the runs of the last 30 days and
    the latest 10 of each workflow are kept. Open runs stay, and so do done marks and the results that they keep: what
    is done stays done. A run is removed with its children. Other processes may use the folder meanwhile.

    \b
    Example: simpleflow workflow.prune --older-than 30d --keep 10 --dry-run
    """
    from simpleflow.engines.sqlite import pruning

    if older_than is None and keep is None:
        keep = settings.SIMPLEFLOW_KEEP_RUNS
        days = settings.SIMPLEFLOW_KEEP_DAYS
        older_than = None if days is None else days * DAY
    if older_than is None and keep is None:
        older_than, keep = _DEFAULT_SECONDS, _DEFAULT_RUNS
    folder = os.path.abspath(state or settings.SIMPLEFLOW_STATE)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise StateError(f"state folder {folder} is a file; expected a folder")
    with open_output(style) as out:
        found = pruning.prune(folder, pruning.Keep(keep, older_than), dry_run)
        if dry_run or style != TABLE:
            _write(out, found)
        missing = "" if os.path.lexists(folder) else ", which does not exist"
        out.say(_summary(found, dry_run, printable(folder) + missing))


def _write(out: Output, found: Pruned) -> None:
    from simpleflow.cli.view.step_tables import local, utc

    rows = [row._asdict() | {"started_at": utc(row.started), "closed_at": utc(row.closed)} for row in found.runs]
    short = short_ids([row.run_id for row in found.runs])
    cells = [[row.workflow_id, short[row.run_id], row.status, local(row.closed)] for row in found.runs]
    out.rows(_KEYS, rows, _TITLES, cells)


def _summary(found: Pruned, dry_run: bool, folder: str) -> str:
    runs = count_or_no(len(found.runs), "run")
    logs = f" with {_size(found.log_bytes)} of logs" if found.log_bytes else ""
    if dry_run:
        return f"{runs}{logs} would be removed in {folder}"
    text = f"{runs}{logs} removed in {folder}"
    if found.freed:
        text += f", {_size(found.freed)} given back"
    if found.unused > found.freed + 2**20:
        text += f"; {_size(found.unused)} stay for later runs, since other processes use the folder"
    return text


def _size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"
