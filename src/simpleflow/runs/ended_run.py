"""A run that has ended, in one object: for the commands and functions that are called at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import settings, shown_text
from simpleflow.core import transitions
from simpleflow.core.decider.evaluation import Failure
from simpleflow.engines.run import Run
from simpleflow.exceptions import InputError, RunBusy
from simpleflow.shown_text import duration, hide_passwords
from simpleflow.source import code_digest
from simpleflow.state_folder import logs, sources
from simpleflow.step.constants import COMPLETED, FAILED, SKIPPED
from simpleflow.step.report import Tally

if TYPE_CHECKING:
    from simpleflow.views.run_view import RunView  # here and below: most runs end without a word

BUSY, OPEN, NOT_STARTED = "busy", "open", "not_started"
"""The status of a run that has not closed: another process drives it; an error has left it open; there is no run."""

OnEnd = Callable[[Mapping[str, Any]], object]
"""A function that is called with the summary of a run that has ended."""

_MAX = 1_000  # characters of an error


def check_on_end(function: object, name: str) -> None:
    """Raise InputError if a value is neither None nor a function."""
    if function is not None and not callable(function):
        raise InputError(f"{name} is {function!r}; expected a function that takes the summary of the run")


def call_on_end(function: OnEnd | None, summary: Mapping[str, Any]) -> None:
    """Call a function with the summary of a run. An error of it is logged: the run has ended as it has."""
    if function is None:
        return
    try:
        function(summary)
    except Exception:
        import logging  # slow to load

        name = getattr(function, "__name__", None) or repr(function)
        text = "%s, which is called at the end of a run, has failed; the run of workflow %s is %s"
        logging.getLogger(__name__).exception(text, name, summary["workflow_id"], summary["status"])


def summary_of(runs: Sequence[Run], failure: Failure | None, overlooked: Sequence[str], state: str | None) -> Any:
    """Return the summary of a run that has closed.

    Args:
        runs: the run, then its children.
        failure: how its decider failed it, if it did.
        overlooked: the names of tasks that failed outside of steps without any code asking whether they did.
        state: the state folder; None: in memory.
    """
    from simpleflow.views.base_view import tally_of

    run = runs[0]
    tally = tally_of(map(_view, runs))
    failed = failed_steps(run, state)
    reason = _reason(run, failure, tally, overlooked)
    found = facts(run) | {"reason": reason, "failed_steps": failed, "steps": counts(tally)}
    return finished(found, state)


def summary_of_error(
    workflow_id: str | None, run_id: str | None, error: BaseException, state: str | None
) -> dict[str, Any]:
    """Return the summary of a run that has not closed, because of an error."""
    status = BUSY if isinstance(error, RunBusy) else OPEN if run_id else NOT_STARTED
    reason = one_line(str(error) or type(error).__name__)
    return finished({"workflow_id": workflow_id, "run_id": run_id, "status": status, "reason": reason}, state)


def finished(found: Mapping[str, Any], state: str | None) -> dict[str, Any]:
    """Return a summary with what is the same for all of them: the text in front, the place of the run at the end."""
    whole = {"text": "", **found, "state": state, "host": os.uname().nodename}
    return whole | {"text": text(whole)}


def facts(run: Run) -> dict[str, Any]:
    """The ids, times and status of a run that has closed, and its traceback if it has failed."""
    from simpleflow.source.source_lines import traceback_in

    history = run.history
    closed: Any = history.closed
    began, ended = history.events[0].time, history.events[-1].time
    return {
        "workflow_id": run.workflow_id,
        "run_id": run.run_id,
        "name": history.started.workflow_type.name,
        "version": history.started.workflow_type.version,
        "status": history.state,
        "reason": None,
        "traceback": traceback_in(getattr(closed.attributes, "details", None)) or None,
        "started_at": _utc(began),
        "closed_at": _utc(ended),
        "seconds": round(ended - began, 3),
    }


def failed_steps(run: Run, state: str | None) -> list[dict[str, Any]]:
    """The failed steps of a run itself, each with its error, the line of the user's code, and its last output."""
    from simpleflow.source.source_lines import source_line, traceback_in

    view = _view(run)
    found = []
    for row in view.failed_steps():
        task = view.first_failure(row.name)
        details = None if task is None else getattr(run.history.events[task.end_id - 1].attributes, "details", None)
        found.append(
            {
                "step": row.name,
                "error": one_line(shown_text.plain_reason(row.report.error)),
                "activity": None if task is None else task.name,
                "where": source_line(traceback_in(details)) or None,
                "output": [] if task is None or not state else logs.last_lines(state, run.run_id, task.id),
            }
        )
    return found


def counts(tally: Tally) -> dict[str, int]:
    """How many steps of a run and its children ran, were skipped and failed."""
    found = tally.counts
    return {"ran": found[COMPLETED], "skipped": found[SKIPPED], "failed": found[FAILED]}


def text(found: Mapping[str, Any]) -> str:
    """A summary in one line, for a message."""
    status = str(found["status"]).replace("_", " ")
    said = f"workflow {found['workflow_id']}" if found["workflow_id"] else "a workflow"
    said += f" on {found['host']}: {status}"
    if found["reason"]:
        said += f", but {found['reason']}" if status == transitions.COMPLETED else f": {found['reason']}"
    return said + (f" ({duration(found['seconds'])})" if "seconds" in found else "")


def of_overlooked(names: Iterable[str]) -> str:
    """Why a run that has completed did not do well: failed activities that no code has asked about."""
    return f"activities failed: {shown_text.names(list(names))}"


def one_line(said: str) -> str:
    """A text on one line of at most 1,000 characters, without passwords."""
    found = hide_passwords(shown_text.printable(" ".join(said.split())))
    return found if len(found) <= _MAX else found[: _MAX - 3] + "..."


def _reason(run: Run, failure: Failure | None, tally: Tally, overlooked: Sequence[str]) -> str | None:
    if run.history.state != transitions.COMPLETED:
        closed: Any = run.history.closed
        reason = shown_text.plain_reason(getattr(closed.attributes, "reason", None)) or (
            str(failure.error) if failure else ""
        )
        return one_line(reason or run.history.state.replace("_", " "))
    if tally.failed:
        return f"steps failed: {shown_text.names(tally.failed)}"
    return of_overlooked(overlooked) if overlooked else None


def _view(run: Run) -> RunView:
    from simpleflow.views.run_view import RunView

    view = RunView(run.run_id, run.workflow_id)
    view.extend(run.history.events)
    return view


def _utc(seconds: float) -> str:
    import datetime  # slow to load

    found = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tidy(state: str) -> None:
    """Keep the source of the code that steps were made with, and remove the runs that the settings do not keep."""
    sources.keep(state, code_digest.sources)
    if settings.SIMPLEFLOW_KEEP_RUNS or settings.SIMPLEFLOW_KEEP_DAYS:
        from simpleflow.engines.sqlite.pruning import prune_after_run

        prune_after_run(state)
