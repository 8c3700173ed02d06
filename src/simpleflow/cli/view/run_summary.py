"""The summary of a run for the commands of ``--on-failure`` and ``--on-success``: one JSON object."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simpleflow.cli import errors
from simpleflow.core import transitions
from simpleflow.exceptions import RunBusy
from simpleflow.shown_text import hide_passwords
from simpleflow.state_folder import logs
from simpleflow.step.constants import COMPLETED, FAILED, SKIPPED
from simpleflow.step.report import duration

if TYPE_CHECKING:
    from simpleflow.cli.view.progress import Progress
    from simpleflow.core.decider.evaluation import Failure
    from simpleflow.engines.embedded import Run
    from simpleflow.local import Executor

BUSY, OPEN, NOT_STARTED = "busy", "open", "not_started"
"""The status of a run that has not closed: another process drives it; an error has left it open; there is no run."""


_TOLD = ("--on-failure", "--on-success")


class Ending:
    """What is known of a run when its command ends. The command fills it in as it goes."""

    def __init__(self) -> None:
        self.code = errors.OK  # the exit code
        self.workflow_id: str | None = None
        self.run_id: str | None = None
        self.executor: Executor | None = None  # of a run in this process; it knows both
        self.state: str | None = None  # the state folder; None: the run is on Amazon SWF
        self.run: Run | None = None
        self.failure: Failure | None = None
        self.progress: Progress | None = None
        self.domain: str | None = None  # on Amazon SWF
        self.again: tuple[str, str] | None = None  # what the command does that goes on, and the command
        self.report: str | None = None  # path of the report that was written


def summarise(ending: Ending, error: BaseException | None = None) -> dict[str, Any]:
    """Return the summary of a run. ``error`` is that of a command whose run has not closed."""
    executor = ending.executor
    workflow_id = ending.workflow_id if executor is None else executor.workflow_id
    run_id = ending.run_id if executor is None else executor.run_id
    found: dict[str, Any] = {"text": "", "workflow_id": workflow_id, "run_id": run_id}
    if ending.run is None or not ending.run.history.closed:
        status = BUSY if isinstance(error, RunBusy) else OPEN if run_id else NOT_STARTED
        found |= {"status": status, "reason": None if error is None else errors.command_line(error)}
    else:
        found |= _of_run(ending.run, ending)
        if error is not None:  # the run is over, and its result could not be written
            found["reason"] = errors.command_line(error)
    tally = None if ending.progress is None else ending.progress.tally
    if tally is not None:
        counts = tally.counts
        found["steps"] = {"ran": counts[COMPLETED], "skipped": counts[SKIPPED], "failed": counts[FAILED]}
    found |= {"exit_code": ending.code, "state": ending.state, "host": os.uname().nodename, "command": command_line()}
    found |= {"report": ending.report} if ending.report is not None else {}
    found["text"] = _text(found)
    return found


def _of_run(run: Run, ending: Ending) -> dict[str, Any]:
    """The keys about a run that has closed."""
    from simpleflow.cli.view.step_tables import utc

    history = run.history
    closed: Any = history.closed
    began, ended = history.events[0].time, history.events[-1].time
    failed = _failed_steps(run, ending)
    started = history.started
    return {
        "workflow_id": run.workflow_id,
        "run_id": run.run_id,
        "name": started.workflow_type.name,
        "version": started.workflow_type.version,
        "status": history.state,
        "reason": None if ending.code == errors.OK else _reason(run, ending, [each["step"] for each in failed]),
        "traceback": errors.traceback_of(getattr(closed.attributes, "details", None)) or None,
        "started_at": utc(began),
        "closed_at": utc(ended),
        "seconds": round(ended - began, 3),
        "failed_steps": failed,
    }


def _reason(run: Run, ending: Ending, failed: list[str]) -> str:
    """Why a run has failed, in one line."""
    from simpleflow.cli.view.follower import end_text
    from simpleflow.step.report import names

    if run.history.state != transitions.COMPLETED:
        if ending.failure is not None:
            return errors.run_failure_line(ending.failure)
        word, _, reason = end_text(run).partition(": ")
        return reason or word
    steps = [] if ending.progress is None else ending.progress.tally.failed
    if steps or failed:
        return f"steps failed: {names(steps or failed)}"
    overlooked = [] if ending.executor is None else ending.executor.overlooked
    return f"activities failed: {names(overlooked)}" if overlooked else "activities failed"


def _failed_steps(run: Run, ending: Ending) -> list[dict[str, Any]]:
    """The failed steps of the run itself, each with its error, the line of the user's code, and its last output."""
    from simpleflow.views.run_view import RunView

    view = RunView(run.run_id)
    view.extend(run.history.events)
    found = []
    for row in view.failed_steps():
        task = view.first_failure(row.name)
        details = None if task is None else getattr(run.history.events[task.end_id - 1].attributes, "details", None)
        where = errors.source_line(errors.traceback_of(details))
        error = errors.one_line(errors.raised(row.report.error))
        activity = None if task is None else task.name
        output = [] if task is None or not ending.state else logs.last_lines(ending.state, run.run_id, task.id)
        each = {"step": row.name, "error": error, "activity": activity, "where": where or None, "output": output}
        found.append(each)
    return found


def _text(found: dict[str, Any]) -> str:
    """The summary in one line, for a message."""
    status = str(found["status"]).replace("_", " ")
    text = f"workflow {found['workflow_id']}" if found["workflow_id"] else "a workflow"
    text += f" on {found['host']}: {status}"
    if found["reason"]:
        text += f", but {found['reason']}" if status == transitions.COMPLETED else f": {found['reason']}"
    return text + (f" ({duration(found['seconds'])})" if "seconds" in found else "")


def command_line(without: Sequence[str] = (), without_flags: Sequence[str] = ()) -> str:
    """The command line, as one would write it again; without commands to tell, which may hold secret addresses.

    Args:
        without: more options that are left out, with their values.
        without_flags: options without values that are left out.
    """
    name = os.path.basename(sys.argv[0])
    words = ["simpleflow" if name == "__main__.py" else name]  # python -m simpleflow
    left_out = (*_TOLD, *without)
    is_value = False
    for word in sys.argv[1:]:
        option = word.partition("=")[0]
        if not is_value and option not in left_out and word not in without_flags:
            words.append(word)
        is_value = not is_value and word in left_out
    import shlex

    return hide_passwords(shlex.join(words))
