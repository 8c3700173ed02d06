"""Why a run or an activity failed: the reason, the traceback, and the last lines that it has printed."""

from __future__ import annotations

from functools import partial

from simpleflow.core import transitions
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import SimpleflowError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import escaped_lines, hide_passwords
from simpleflow.source.source_lines import own_frame
from simpleflow.state_folder import logs
from simpleflow.ui.source import Source
from simpleflow.ui.texts import MAX_VALUE
from simpleflow.views import causes
from simpleflow.views.causes import failed_tasks
from simpleflow.views.event_of import EventOf
from simpleflow.views.rows import AttemptRow, TaskRow
from simpleflow.views.run_view import RunView

_LINES = 20  # of a log
_REASON = 4_000  # characters


class Failure(NamedTuple):
    """A failure and its cause."""

    run: RunDescription
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
        return Failure(run, row.name, None, hide_passwords(row.report.error or ""), "", "", "", "", [])
    if view.closed and view.state in (transitions.COMPLETED, transitions.CONTINUED_AS_NEW):
        return None
    failed = failed_tasks(view)
    return of_task(source, run, view, failed[0], None) if failed else None


def of_task(source: Source, run: RunDescription, view: RunView, task: TaskRow, step: str | None) -> Failure:
    """Why an activity or a child failed. Raises SimpleflowError."""
    reason, trace = reason_of(source, run, task)
    where, function, text = own_frame(trace)
    output: list[str] = []
    if source.folder is not None and isinstance(task, AttemptRow):
        output = logs.last_lines(source.folder, run.run_id, task.id, _LINES)
    return Failure(run, step or task.step, task, reason, trace, where, function, text, output)


def reason_of(source: Source, run: RunDescription, task: TaskRow) -> tuple[str, str]:
    """The reason and the traceback of a row that ended badly; empty texts for unknown ones."""
    return _shown(causes.of_task(task, event_of(source, run), partial(restored, source)))


def run_reason(source: Source, run: RunDescription, view: RunView) -> tuple[str, str]:
    """Why a run ended badly, and the traceback; empty texts if it did not."""
    return _shown(causes.of_run(view, event_of(source, run), partial(restored, source)))


def event_of(source: Source, run: RunDescription) -> EventOf:
    """Reads single events of a run."""
    return partial(source.event, run)


def _shown(cause: causes.Cause) -> tuple[str, str]:
    trace = hide_passwords(escaped_lines(cause.traceback)).rstrip()
    if len(trace) > MAX_VALUE:
        trace = f"...\n{trace[-MAX_VALUE:]}"  # its end says what was raised
    return _beginning(hide_passwords(cause.reason)), trace


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
