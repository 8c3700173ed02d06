"""The commands that go on from a run, to copy."""

from __future__ import annotations

from simpleflow import shell_words
from simpleflow.core import awaited, transitions
from simpleflow.engines.base import RunDescription, RunFilter
from simpleflow.ui.failures import Failure
from simpleflow.ui.run_frame import Visit, location_options, workflow_of
from simpleflow.views.run_view import RunView

_SIGNALS = 3  # with a command that sends them


def commands_of(visit: Visit, run: RunDescription, view: RunView, failure: Failure | None) -> list[tuple[str, str]]:
    """The commands that go on: a description of each, and its text."""
    called = shell_words.joined(shell_words.program())
    where, id = location_options(visit.source), shell_words.quoted(run.workflow_id)
    latest = visit.source.list_runs(RunFilter(workflow_id=run.workflow_id), limit=1)
    is_latest = bool(latest) and latest[0].run_id == run.run_id
    exact = id if is_latest else f"{id} {shell_words.quoted(run.run_id)}"
    workflow = ""
    if visit.source.folder is not None and (file := workflow_of(visit, run)):  # a process of its own loads the code
        workflow = f" --workflow {shell_words.quoted(file)}"
    found = []
    if run.status != transitions.OPEN:
        what = "Run it again; steps that are done are skipped"
        found.append((what, f"{called} workflow.restart {where} {exact}{workflow}"))
    elif not run.alive and visit.source.folder is not None:
        found.append(("Run it again in place of this run", f"{called} workflow.restart {where} {exact}{workflow}"))
    else:
        found.append(("Ask it to stop", f"{called} workflow.cancel {where} {exact}"))
    if run.status == transitions.OPEN and (run.alive or visit.source.folder is None):
        for signal in awaited.read(view.context)[:_SIGNALS]:
            command = f"{called} workflow.signal {where} {exact} {shell_words.quoted(signal)}"
            found.append((f"Send the signal {signal}", command))
    if visit.source.folder is not None:
        follow = " --follow" if run.status == transitions.OPEN else ""
        if failure is not None and failure.task is not None:
            of = failure.run
            name = shell_words.quoted(failure.step or failure.task.id)
            run_id = "" if of.run_id == run.run_id and is_latest else f" --run-id {shell_words.quoted(of.run_id)}"
            command = f"{called} task.logs {where} {shell_words.quoted(of.workflow_id)} {name}{run_id}"
            found.append(("Read what it has printed", command))
        else:
            found.append(("Read what it prints", f"{called} workflow.logs {where} {exact}{follow}"))
    found.append(("Its steps in the terminal", f"{called} workflow.steps {where} {exact}"))
    return found
