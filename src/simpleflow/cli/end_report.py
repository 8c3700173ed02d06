"""The report that a command writes when its run has ended: ``--report`` and the setting of this name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simpleflow import settings
from simpleflow.cli import errors
from simpleflow.cli.written_files import write_file
from simpleflow.exceptions import InputError
from simpleflow.shown_text import escaped
from simpleflow.state_folder import logs

if TYPE_CHECKING:
    from simpleflow.cli.options import Session
    from simpleflow.cli.view.ending import Ending
    from simpleflow.pictures.failures import ShownRun

_MOST_CHILDREN = 50


def target_of(options: Mapping[str, Any]) -> str | None:
    """Return the absolute path of the report that the options or the setting ask for; None if they ask for none.

    Raises InputError if it is a folder.
    """
    path = options.get("report") or settings.SIMPLEFLOW_REPORT
    if not path:
        return None
    if os.path.isdir(path):
        name = "--report" if options.get("report") else "SIMPLEFLOW_REPORT"
        raise InputError(f"{name} {path!r} is a folder; expected the path of a file, such as report.html")
    return os.path.abspath(path)


def write_report(target: str, ending: Ending, here: Session) -> str | None:
    """Write the report of a run that a command has driven, and return its path; None if there is none.

    A failure is only a warning: the exit code stays that of the run.
    """
    try:
        runs = _runs(ending)
        if not runs:
            return None
        from simpleflow.cli import report_parts
        from simpleflow.pictures.report import Command, report_html

        view = runs[0].view
        path = target.replace("{workflow_id}", logs.file_name(view.workflow_id)).replace("{run_id}", view.run_id)
        again = Command(*ending.again()) if ending.again is not None else None
        where = f"folder {ending.state}" if ending.state is not None else f"domain {ending.domain}"
        html = report_html(
            runs,
            commands=report_parts.commands(view, runs[0].type_name, ending.state, ending.domain, again),
            logs=report_parts.printed(ending.state, [each.view for each in runs]),
            last_lines=report_parts.last_lines(ending.state),
            where=where,
        )
        write_file(path, [html], "the report")
    except Exception as error:  # noqa: BLE001 (the run has ended: a fault here must not hide how)
        here.warn(f"the report was not written: {errors.command_line(error)}")
        return None
    here.terminal.log(f"report: {escaped(path)}\n")
    return path


def _runs(ending: Ending) -> list[ShownRun]:
    """The run and its children, as far as the command has seen them."""
    from simpleflow.pictures.failures import ShownRun
    from simpleflow.views.run_view import RunView

    progress = ending.progress
    run_id = ending.run.run_id if ending.run is not None else ending.run_id
    if run_id is None and ending.executor is not None:
        run_id = ending.executor.run_id
    if progress is None or run_id is None or run_id not in progress.views:
        return []
    ids = [run_id, *(each for each in progress.views if each != run_id)][: _MOST_CHILDREN + 1]
    found = []
    for each in ids:
        run = progress.executions[each]
        view = RunView(each, run.workflow_id)  # what shows progress keeps few rows
        view.extend(run.history.events)
        found.append(ShownRun(view, run.history.events))
    return found
