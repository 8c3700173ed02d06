"""The summary of a run for the commands of ``--on-failure`` and ``--on-success``: one JSON object."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import shell_words
from simpleflow.cli import errors, step_names
from simpleflow.core import transitions
from simpleflow.exceptions import RunBusy
from simpleflow.runs import ended_run
from simpleflow.shown_text import hide_passwords

if TYPE_CHECKING:
    from simpleflow.cli.view.ending import Ending
    from simpleflow.engines.embedded import Run

_TOLD = ("--on-failure", "--on-success")


def summarise(ending: Ending, error: BaseException | None = None) -> dict[str, Any]:
    """Return the summary of a run. ``error`` is that of a command whose run has not closed."""
    executor = ending.executor
    workflow_id = ending.workflow_id if executor is None else executor.workflow_id
    run_id = ending.run_id if executor is None else executor.run_id
    found: dict[str, Any] = {"workflow_id": workflow_id, "run_id": run_id}
    if ending.run is None or not ending.run.history.closed:
        status = ended_run.BUSY if isinstance(error, RunBusy) else ended_run.OPEN if run_id else ended_run.NOT_STARTED
        found |= {"status": status, "reason": None if error is None else errors.command_line(error)}
    else:
        found |= _of_run(ending.run, ending)
        if error is not None:  # the run is over, and its result could not be written
            found["reason"] = errors.command_line(error)
    if ending.progress is not None:
        found["steps"] = ended_run.counts(ending.progress.tally)
    more = {"command": command_line()} | ({"report": ending.report} if ending.report is not None else {})
    return ended_run.finished(found | {"exit_code": ending.code}, ending.state) | more


def _of_run(run: Run, ending: Ending) -> dict[str, Any]:
    """The keys about a run that has closed."""
    found = ended_run.facts(run)
    failed = ended_run.failed_steps(run, ending.state)
    for each in failed:
        each["where"] = errors.relative(each["where"]) if each["where"] else None
    reason = None if ending.code == errors.OK else _reason(run, ending, [each["step"] for each in failed])
    closed: Any = run.history.closed
    trace = errors.traceback_of(getattr(closed.attributes, "details", None)) or None
    return found | {"reason": reason, "traceback": trace, "failed_steps": failed}


def _reason(run: Run, ending: Ending, failed: list[str]) -> str:
    """Why a run has failed, in one line."""
    from simpleflow.cli.view.follower import end_text
    from simpleflow.shown_text import names

    if run.history.state != transitions.COMPLETED:
        if ending.failure is not None:
            return errors.run_failure_line(ending.failure)
        word, _, reason = end_text(run).partition(": ")
        return reason or word
    steps = [] if ending.progress is None else ending.progress.tally.failed
    if steps or failed:
        return f"steps failed: {names(steps or failed)}"
    if ending.missed:
        return step_names.of_missed(ending.missed)
    overlooked = [] if ending.executor is None else ending.executor.overlooked
    return ended_run.of_overlooked(overlooked) if overlooked else "activities failed"


def command_line(without: Sequence[str] = (), without_flags: Sequence[str] = ()) -> str:
    """The command line, as one would write it again; without commands to tell, which may hold secret addresses.

    Args:
        without: more options that are left out, with their values.
        without_flags: options without values that are left out.
    """
    name = os.path.basename(sys.argv[0])
    words = shell_words.program() if name in ("simpleflow", "__main__.py") else [name]
    left_out = (*_TOLD, *without)
    is_value = False
    for word in shell_words.arguments():
        option = word.partition("=")[0]
        if not is_value and option not in left_out and word not in without_flags:
            words.append(word)
        is_value = not is_value and word in left_out
    return hide_passwords(shell_words.joined(words))
