"""One activity: its input and result, its attempts, its failure, its worker, and its output."""

from __future__ import annotations

from typing import Any

from simpleflow import values as json_values
from simpleflow.core.records import timeout
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.style import Look, look
from simpleflow.state_folder import logs
from simpleflow.ui import failures
from simpleflow.ui.downloads import Download
from simpleflow.ui.folded import Folded
from simpleflow.ui.links import link
from simpleflow.ui.log_window import LogWindow, window_of
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, end_of, number_of, run_page
from simpleflow.ui.texts import MAX_VALUE, pretty
from simpleflow.views.rows import AttemptRow, TaskRow
from simpleflow.views.run_view import RunView

_LIMITS = {
    "start_to_close_timeout": "limit of work",
    "schedule_to_close_timeout": "limit in all",
    "schedule_to_start_timeout": "limit of queue",
    "heartbeat_timeout": "limit of silence",
}


class Value(NamedTuple):
    """A text in the history, such as an input: to show, or to download if it is long."""

    name: str
    text: str | None
    href: str  # of the download
    size: int


class AttemptLine(NamedTuple):
    """A try of the activity."""

    row: AttemptRow
    state: str
    look: Look
    waited: float | None
    worked: float | None
    href: str
    is_this: bool


def page(visit: Visit, id: str, number: str) -> Page:
    """The page of the try of an activity that the event with this number scheduled."""
    event_id = number_of(number, "activity")

    def values(folded: Folded, view: RunView) -> dict[str, Any]:
        run = folded.run
        row = _row(run, view, event_id)
        first: Any = visit.source.event(run, event_id).attributes
        start: Any = visit.source.event(run, row.start_id).attributes if row.start_id else None
        last: Any = visit.source.event(run, row.end_id).attributes if row.end_id else None
        reason, trace = failures.reason_of(visit.source, run, row) if row.failed else ("", "")
        end = end_of(visit, run, view)
        same = [each for each in view.attempts if each.id == row.id]
        return {
            "row": row,
            "name": row.name,
            "step": row.step,
            "state_of_task": view.state_of(row),
            "worker": getattr(start, "identity", None),
            "waited": _waited(row, end),
            "worked": _worked(row, end),
            "limits": [(text, seconds) for key, text in _LIMITS.items() if (seconds := timeout(getattr(first, key)))],
            "attempts": [_attempt(run, view, each, row, end) for each in same],
            "reason": reason,
            "traceback": trace,
            "input": _value(visit, run, row, "input", getattr(first, "input", None)),
            "result": _value(visit, run, row, "result", getattr(last, "result", None)),
            "details": _value(visit, run, row, "details", getattr(last, "details", None)) if not trace else None,
            **_log(visit, run, row),
        }

    return run_page(visit, id, "steps", "activity.html", values, f"activity {number}")


def download(visit: Visit, id: str, number: str, what: str) -> Download:
    """The input, the result or the details of an activity, or its log, as a file. Raises UnknownResource."""
    run = visit.source.find(id)
    event_id = number_of(number, "activity")
    folded = visit.runs.run(run)
    with folded.lock:
        row = _row(run, folded.view, event_id)
    if what == "log":
        log = _chosen(visit, run, row)
        if log is None:
            raise UnknownResource(f"activity {event_id} has printed nothing, or its output was not kept")
        return Download(f"{row.step or row.name}-{log.attempt}.log", path=log.path)
    if what not in ("input", "result", "details"):
        raise UnknownResource("there is no page at this address")
    holder = event_id if what == "input" else row.end_id
    attributes: Any = visit.source.event(run, holder).attributes if holder else None
    text = failures.restored(visit.source, getattr(attributes, what, None))
    if text is None:
        raise UnknownResource(f"activity {event_id} has no {what}")
    return Download(f"{row.name}-{event_id}-{what}.json", text, kind="application/json")


def _row(run: RunDescription, view: RunView, event_id: int) -> AttemptRow:
    row = view.rows.get(event_id)
    if not isinstance(row, AttemptRow):
        raise UnknownResource(f"event {event_id} of run {run.run_id} has scheduled no activity")
    return row


def _value(visit: Visit, run: RunDescription, row: TaskRow, name: str, text: str | None) -> Value | None:
    if text is None:
        return None
    href = link("run", run.run_id, "activity", row.event_id, name)
    text = failures.restored(visit.source, text) or ""
    if name == "input":
        found = json_values.decode(text)
        if isinstance(found, dict) and found.keys() == {"args", "kwargs"} and not found["kwargs"]:
            text = json_values.encode(found["args"], "input")
    return Value(name, pretty(text) if len(text) <= MAX_VALUE else None, href, len(text))


def _waited(row: AttemptRow, end: float) -> float | None:
    begun = row.started if row.started is not None else (row.ended if row.ended is not None else end)
    return max(0.0, begun - row.scheduled)


def _worked(row: AttemptRow, end: float) -> float | None:
    return None if row.started is None else max(0.0, (row.ended if row.ended is not None else end) - row.started)


def _attempt(run: RunDescription, view: RunView, row: AttemptRow, this: AttemptRow, end: float) -> AttemptLine:
    state = view.state_of(row)
    href = link("run", run.run_id, "activity", row.event_id)
    return AttemptLine(row, state, look(state), _waited(row, end), _worked(row, end), href, row is this)


def _log(visit: Visit, run: RunDescription, row: AttemptRow) -> dict[str, Any]:
    """The log of the attempt: the window that the query asks for, and the logs of the others."""
    log = _chosen(visit, run, row)
    if log is None:
        return {"log": None, "logs": [], "keeps_logs": visit.source.folder is not None}
    found: LogWindow | None = window_of(log.path, visit.query.get("at"))
    every = logs.logs_of(visit.source.folder or "", run.run_id, row.id)

    def address(at: int | None = None) -> str:
        query = {"attempt": visit.query.get("attempt"), "at": at}
        return link("run", run.run_id, "activity", row.event_id, query=query) + "#log"

    return {
        "log": found,
        "log_attempt": log.attempt,
        "log_first": address(0),
        "log_earlier": None if found is None or found.earlier is None else address(found.earlier),
        "log_later": None if found is None or found.later is None else address(found.later),
        "log_last": address(),
        "log_download": link(
            "run", run.run_id, "activity", row.event_id, "log", query={"attempt": visit.query.get("attempt")}
        ),
        "logs": [each.attempt for each in every],
        "keeps_logs": True,
    }


def _chosen(visit: Visit, run: RunDescription, row: AttemptRow) -> logs.Log | None:
    """The log that the query asks for, or that of this try, or the latest."""
    if visit.source.folder is None:
        return None
    every = {each.attempt: each for each in logs.logs_of(visit.source.folder, run.run_id, row.id)}
    if not every:
        return None
    return every.get(visit.number("attempt", row.number)) or every[max(every)]
