"""The parts of a report of a run beyond its history: the ends of its logs, and the commands that go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simpleflow import shell_words
from simpleflow.pictures.report import Command, Log
from simpleflow.runs import workflow_file
from simpleflow.state_folder import logs
from simpleflow.step.constants import SKIPPED
from simpleflow.views.rows import ChildRow

if TYPE_CHECKING:
    from simpleflow.pictures.report import LastLines
    from simpleflow.views.run_view import RunView

LINES = 20
"""Lines of a log that a report shows."""

_MOST_LOGS = 200  # that are read


def last_lines(folder: str | None) -> LastLines:
    """Return a function that reads the last lines that an activity has printed. ``folder``: the state folder."""

    def read(run_id: str, activity_id: str) -> list[str]:
        return logs.last_lines(folder, run_id, activity_id, LINES) if folder is not None else []

    return read


def printed(folder: str | None, views: Sequence[RunView]) -> list[Log]:
    """Return the ends of the logs of a run and its children, without those of what failed, in their order."""
    if folder is None:
        return []
    found = [log for at, view in enumerate(views) for log in _printed(folder, view, is_child=at > 0)]
    return found[:_MOST_LOGS]


def _printed(folder: str, view: RunView, is_child: bool) -> Iterator[Log]:
    paths = {log.name: log.path for log in logs.logs_of(folder, view.run_id)}  # of several attempts the last one
    last = {row.id: row for row in view.attempts} if paths else {}
    for row in last.values():
        path = paths.get(logs.file_name(row.id))
        if path is None or row.failed:
            continue
        title = row.step or f"activity {row.name}"
        yield Log(f"{view.workflow_id}: {title}" if is_child else title, "\n".join(logs.tail(path, LINES)))


def commands(
    view: RunView, type_name: str, state: str | None, domain: str | None, again: Command | None = None
) -> list[Command]:
    """Return the commands with which one goes on from a run.

    Args:
        view: the rows of the run.
        type_name: of its workflow.
        state: the state folder, or None.
        domain: the domain on Amazon SWF, or None.
        again: how to run it again, if that is known.
    """
    words = ["--domain", domain] if domain is not None else ["--state", state or ""]
    called = shell_words.joined(shell_words.program())
    where, id = shell_words.joined(words), shell_words.quoted(view.workflow_id)
    run = f"{id} {view.run_id}"
    failed = view.failed_steps()
    found = [again] if again is not None else []
    if again is None and view.closed and (failed or view.state not in ("completed", "continued_as_new")):
        about = "Run it again with the same input; what is done is skipped"
        file = "" if state is None else workflow_file.reference(view.context, type_name, state)
        workflow = f" --workflow {shell_words.quoted(file)}" if file else ""
        found.append(Command(about, f"{called} workflow.restart {where} {id}{workflow}"))
    if failed:
        step = shell_words.quoted(failed[0].name)
        task = view.first_failure(failed[0].name)
        if isinstance(task, ChildRow):
            child = f"{shell_words.quoted(task.id)} {task.run_id or ''}".rstrip()
            found.append(Command("The steps of the child that failed", f"{called} workflow.steps {where} {child}"))
        else:
            about = "The activity that failed: its arguments, times, limits and traceback"
            found.append(Command(about, f"{called} task.info {where} --run-id {view.run_id} --details {id} {step}"))
            if domain is None:
                found.append(Command("All that it printed", f"{called} task.logs {where} {id} {step}"))
    if view.steps:
        found.append(Command("Each step with its state and its reasons", f"{called} workflow.steps {where} {run}"))
    if any(row.state == SKIPPED for row in view.steps.values()):
        about = "Run skipped steps all the same: add this to the command that starts the workflow"
        found.append(Command(about, "--force NAME"))
    return found
