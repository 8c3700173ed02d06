"""Why a run or an activity failed: the reason, the traceback, and the last lines that it has printed."""

from __future__ import annotations

from typing import Any

from simpleflow import values
from simpleflow.core import timeouts, transitions
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import SimpleflowError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import escaped_lines, hide_passwords
from simpleflow.source.source_lines import TRACEBACK, own_frame, source_line
from simpleflow.state_folder import logs
from simpleflow.ui.source import Source
from simpleflow.ui.texts import MAX_VALUE
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, TaskRow
from simpleflow.views.run_view import RunView

_LINES = 20  # of a log
_REASON = 4_000  # characters


class Failure(NamedTuple):
    """A failure and its cause."""

    step: str | None
    task: TaskRow | None
    reason: str
    traceback: str
    where: str  # file and line of the user's code
    function: str
    source: str  # the text of this line
    output: list[str]  # the last lines that it has printed


def first_failure(source: Source, run: RunDescription, view: RunView) -> Failure | None:
    """The first failure of a run that failed or goes on; None if there is none."""
    for row in view.failed_steps():
        task = view.first_failure(row.name)
        if task is not None:
            return of_task(source, run, view, task, row.name)
        return Failure(row.name, None, hide_passwords(row.report.error or ""), "", "", "", "", [])
    if view.closed and view.state in (transitions.COMPLETED, transitions.CONTINUED_AS_NEW):
        return None
    last = {(task.kind, task.id): task for task in view.rows.values() if isinstance(task, TaskRow)}
    failed = [task for task in last.values() if task.failed]
    if failed:
        return of_task(source, run, view, min(failed, key=lambda task: task.end_id), None)
    return None


def of_task(source: Source, run: RunDescription, view: RunView, task: TaskRow, step: str | None) -> Failure:
    """Why an activity or a child failed. Raises SimpleflowError."""
    reason, trace = reason_of(source, run, task)
    where, function, text = own_frame(trace)
    output: list[str] = []
    if source.folder is not None and isinstance(task, AttemptRow):
        output = logs.last_lines(source.folder, run.run_id, task.id, _LINES)
    return Failure(step or task.step, task, reason, trace, where, function, text, output)


def reason_of(source: Source, run: RunDescription, task: TaskRow) -> tuple[str, str]:
    """The reason and the traceback of a row that ended badly; empty texts for unknown ones."""
    if not task.end_id:
        return "", ""
    event = source.event(run, task.end_id)
    attributes: Any = event.attributes
    if task.state == rows.TIMED_OUT and isinstance(task, AttemptRow):
        start = source.event(run, task.start_id) if task.start_id else None
        return str(timeouts.between(source.event(run, task.event_id), start, event)), ""
    reason = getattr(attributes, "reason", None) or getattr(attributes, "cause", None) or ""
    details = restored(source, getattr(attributes, "details", None))
    found = values.decode(details)
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        message = found.get("message")
        reason = f"{found['error']}: {message}" if message else found["error"]
    return _beginning(hide_passwords(str(reason))), traceback_of(details)


def run_reason(source: Source, run: RunDescription, view: RunView) -> tuple[str, str]:
    """Why a run ended badly, and the traceback; empty texts if it did not."""
    if not view.closed or view.state in (transitions.COMPLETED, transitions.CONTINUED_AS_NEW):
        return "", ""
    attributes: Any = source.event(run, view.closed_id).attributes
    reason = (getattr(attributes, "reason", None) or "").replace("Cannot replay the workflow: ", "")
    return _beginning(hide_passwords(reason)), traceback_of(restored(source, getattr(attributes, "details", None)))


def traceback_of(details: str | None) -> str:
    """The traceback in the details of a failed activity or run; empty if there is none."""
    found = values.decode(details)
    if isinstance(found, dict):
        lines = found.get("traceback")
        text = "".join(map(str, lines)) if isinstance(lines, list) else ""
    else:
        text = found if isinstance(found, str) and TRACEBACK in found else ""
    found = hide_passwords(escaped_lines(text)).rstrip()
    return found if len(found) <= MAX_VALUE else f"...\n{found[-MAX_VALUE:]}"  # its end says what was raised


def _beginning(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[:_REASON]} … {len(text) - _REASON:,} more characters"


def restored(source: Source, text: str | None) -> str | None:
    """The text of a field; on Amazon SWF a long one may be kept in a bucket."""
    if text is None or source.folder is not None:
        return text
    from simpleflow.engines.swf import jumbo

    try:
        return jumbo.restore(text)
    except SimpleflowError as error:
        return f"{text} ({error})"


def line_of(trace: str) -> str:
    """The line of the user's code in a traceback."""
    return source_line(trace)
