"""Commands about a state folder that may be damaged: ``state.check`` and ``state.rescue``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simpleflow.cli import errors
from simpleflow.cli.options import SETTINGS, TABLE, common, format_option
from simpleflow.cli.view.output import Output, open_output
from simpleflow.shown_text import count_or_no, printable

if TYPE_CHECKING:
    from simpleflow.engines.sqlite.rescue import Rescued

_KEYS = ("workflow_id", "run_id", "events", "problem")
_TITLES = ("workflow id", "run", "events", "problem")


@click.command("state.check", context_settings=SETTINGS)
@click.argument("folder", metavar="FOLDER")
@format_option()
@common
def state_check(folder: str, style: str) -> int:
    """Read all runs and marks of the state folder FOLDER, and show what is damaged. Nothing is changed.

    \b
    Example: simpleflow state.check .simpleflow
    """
    with open_output(style) as out:
        from simpleflow.engines.sqlite import rescue

        found = rescue.look(Path(folder))
        problems = [each for each in found if each.problem]
        _write(out, problems if style == TABLE else found)
        runs = sum(each.run_id != "" for each in found)
        out.say(f"{printable(folder)}: {count_or_no(runs, 'run')}, {count_or_no(len(problems), 'problem')}")
        if problems:
            out.say(f"simpleflow state.rescue {printable(folder)} NEW_FOLDER saves what can be read")
    return errors.RUN_FAILED if problems else errors.OK


@click.command("state.rescue", context_settings=SETTINGS)
@click.argument("folder", metavar="FOLDER")
@click.argument("new_folder", metavar="NEW_FOLDER")
@format_option()
@common
def state_rescue(folder: str, new_folder: str, style: str) -> None:
    """Save the runs and marks of FOLDER that can be read in NEW_FOLDER, and show what is lost.

    A run that had ended, and whose end is lost, is closed as terminated. An open run goes on from its last event that
    can be read: what it has done since then, it does again.

    \b
    Example: simpleflow state.rescue .simpleflow .simpleflow-rescued
    """
    with open_output(style) as out:
        from simpleflow.engines.sqlite import rescue

        found = rescue.rescue(Path(folder), Path(new_folder))
        problems = [each for each in found if each.problem]
        _write(out, problems if style == TABLE else found)
        runs = sum(each.run_id != "" and each.events > 0 for each in found)
        lost = count_or_no(len(problems), "loss", "losses") if problems else "nothing is lost"
        out.say(f"{printable(new_folder)}: {count_or_no(runs, 'run')} saved; {lost}")


def _write(out: Output, found: Sequence[Rescued]) -> None:
    cells = [[each.workflow_id, each.run_id, str(each.events), each.problem] for each in found]
    out.rows(_KEYS, [each._asdict() for each in found], _TITLES, cells)
