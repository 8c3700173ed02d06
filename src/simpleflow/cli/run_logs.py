"""The logs of the activities of a run and its children, each with its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from simpleflow.cli.activity_query import find_activity, fold
from simpleflow.cli.run_query import Runs
from simpleflow.cli.run_steps import family
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import escaped
from simpleflow.state_folder import logs

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription
    from simpleflow.views.rows import AttemptRow, TaskRow


class AttemptLog(NamedTuple):
    """The log of an attempt."""

    path: str
    title: str  # what it is from, in one line: the step, with the child workflow and the attempt unless it is the first
    attempt: int
    activity_id: str
    scheduled: float  # epoch seconds at which the activity was scheduled first


def folder_of(runs: Runs) -> str:
    """Return the state folder. Raises InputError for runs on Amazon SWF, since their workers keep no output."""
    if runs.location.folder is None:
        raise InputError(
            "output of activities is kept in the state folder of local runs, not on Amazon SWF: give --local or "
            "--state, and leave out --domain"
        )
    return runs.location.folder


def logs_of_run(runs: Runs, run: RunDescription, step: str | None = None) -> list[AttemptLog]:
    """Return the logs of a run and its children, in the order in which their activities were scheduled.

    ``step``: only those of this step, and of the steps below this name, with the children that are their work.
    """
    from simpleflow.step import rules
    from simpleflow.views.rows import ChildRow

    def wanted(row: TaskRow) -> bool:
        return step is None or whole or (row.step is not None and rules.covers(step, row.step))

    found = []
    inside: set[str | None] = set()  # run ids of these children
    for each, view, _ in family(runs, run):  # a parent comes before its children
        whole = each.run_id in inside
        inside |= {row.run_id for row in view.of_kind(ChildRow) if wanted(row)}
        child = "" if each.run_id == run.run_id else f"{each.workflow_id}: "
        found += _logs(folder_of(runs), each.run_id, child, view.attempts, wanted)
    return sorted(found, key=lambda log: log.scheduled)


def logs_of_name(runs: Runs, run: RunDescription, name: str) -> list[AttemptLog]:
    """Return the logs of an activity, of all activities of a step, or of those of the steps below a name.

    Those of child workflows in these steps are among them. Raises UnknownResource if there is no such activity and no
    such step.
    """
    from simpleflow.step import rules
    from simpleflow.views.rows import ChildRow

    view, _ = fold(runs, run)
    of_steps = (row for step in view.steps if rules.covers(name, step) for row in view.tasks_of(step))
    if any(isinstance(row, ChildRow) for row in of_steps):
        return logs_of_run(runs, run, name)
    one = find_activity(runs, run, name)
    is_step = any(rules.covers(name, step) for step in view.steps) and name not in (one.id, str(one.event_id))

    def wanted(row: AttemptRow) -> bool:
        return row.step is not None and rules.covers(name, row.step) if is_step else row.id == one.id

    return _logs(folder_of(runs), run.run_id, "", view.attempts, wanted)


def _logs(
    folder: str, run_id: str, child: str, rows: Iterable[AttemptRow], wanted: Callable[[AttemptRow], bool]
) -> list[AttemptLog]:
    by_name: dict[str, list[logs.Log]] = {}
    for log in logs.logs_of(folder, run_id):
        by_name.setdefault(log.name, []).append(log)
    found = []
    for row in rows:
        for log in by_name.pop(logs.file_name(row.id), ()) if by_name and wanted(row) else ():
            title = child + (row.step or f"activity {row.name}")
            title += f" (attempt {log.attempt})" if log.attempt > 1 else ""
            found.append(AttemptLog(log.path, escaped(title), log.attempt, row.id, row.scheduled))
    return found
