"""The output of ``workflow.info``: all facts about one run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.cli.view.output import Output
from simpleflow.cli.view.run_tables import RUN, described, short_value, status, took, wait_object
from simpleflow.cli.view.step_tables import local, utc
from simpleflow.constants import RESERVED_TIMER
from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.core.decider.parts import unwrap
from simpleflow.engines.base import RunDescription
from simpleflow.shown_text import plain_reason, short_run_id
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, Row, TimerRow
from simpleflow.views.run_view import RunView
from simpleflow.views.waits import Wait, sentence

_COUNTED = ("events", "decisions", "activities", "open_activities", "children", "timers", "signals")
_INFO = (
    *(*RUN, "task_list", "tags", "input", "result", "reason", "details", "parent_workflow_id", "parent_run_id"),
    *("continues_run_id", "waits_for", "expected_end"),
    *_COUNTED,
)


def info(
    output: Output,
    run: RunDescription,
    view: RunView,
    events: Sequence[e.Event],
    waits: Sequence[Wait],
    local_run: bool,
    show_all: bool,
    expected_end: float | None = None,
    stood_still: float | None = None,
) -> None:
    """Write one object with all facts about a run; as a table, a line for each of them.

    Args:
        output: where to write.
        run: the run.
        view: its rows.
        events: its history.
        waits: the signals, timers and claims that it waits for.
        local_run: it is in a folder.
        expected_end: when an open run is expected to end, in epoch seconds.
        show_all: count activities about marks and the timers of the library too.
        stood_still: when its process died, in epoch seconds; None if it has not.
    """
    found = described(run, local_run) | _started(events[0].attributes) | _ended(events) | _counts(view, show_all)
    found["waits_for"] = [wait_object(each) for each in waits]
    found["expected_end"] = utc(expected_end)
    lines = {
        "workflow": run.workflow_id,
        "run": short_run_id(run.run_id),
        "type": f"{run.name} {run.version}",
        "status": status(run, local_run),
        "started": local(run.started),
        "waits for": sentence(waits, time.time()),
        "ends about": local(expected_end),
        "closed": local(run.closed),
        "took": took(run, stood_still),
        "task list": found["task_list"],
        "tags": ", ".join(found["tags"]),
        "input": short_value(found["input"]),
        "result": short_value(found["result"]),
        "reason": short_value(plain_reason(found["reason"])),
        "parent": f"{found['parent_workflow_id'] or ''} {short_run_id(found['parent_run_id'] or '')}".strip(),
        "continues": short_run_id(found["continues_run_id"] or ""),
    }
    counts = [[key.replace("_", " "), str(found[key])] for key in _COUNTED]
    cells = [[name, value] for name, value in lines.items() if value] + counts
    output.one(_INFO, found, cells)


def _started(attributes: Any) -> dict[str, Any]:
    parent = attributes.parent_workflow_execution
    return {
        "task_list": attributes.task_list.name,
        "tags": [tag for tag in attributes.tag_list or () if tag is not None],
        "input": values.decode(attributes.input),
        "parent_workflow_id": parent.workflow_id if parent is not None else None,
        "parent_run_id": parent.run_id if parent is not None else None,
        "continues_run_id": attributes.continued_execution_run_id,
    }


def _ended(history: Sequence[e.Event]) -> dict[str, Any]:
    """Return result, reason and details from the events of a run. They are None if the run is open."""
    event = history[-1]
    attributes: Any = event.attributes
    closing = event.type.startswith("WorkflowExecution") and event.type not in (
        *("WorkflowExecutionStarted", "WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested"),
    )
    result, reason, details = (
        getattr(attributes, name, None) if closing else None for name in ("result", "reason", "details")
    )
    if isinstance(attributes, e.WorkflowExecutionTimedOut):
        reason = str(timeouts.of_execution(history[0], event))
    return {"result": unwrap(values.decode(result)).result, "reason": reason, "details": values.decode(details)}


def _counts(view: RunView, show_all: bool) -> dict[str, int]:
    shown = [row for row in view.rows.values() if row.state != rows.REFUSED and (show_all or not _is_ours(row))]
    kinds = Counter(row.kind for row in shown)
    # Activities end with the run, or with the process that drives it, without events of their own.
    still_open = view.open.keys() if not (view.closed or view.abandoned) else ()
    return {
        "events": view.last_id,
        "decisions": view.decisions,
        "activities": kinds[rows.ACTIVITY],
        "open_activities": sum(row.kind == rows.ACTIVITY and row.event_id in still_open for row in shown),
        "children": kinds[rows.CHILD],
        "timers": kinds[rows.TIMER],
        "signals": kinds[rows.SIGNAL],
    }


def _is_ours(row: Row) -> bool:
    """True for what the library does for itself: it reads and writes marks, and starts timers before retries."""
    if isinstance(row, AttemptRow):
        return row.about_marks
    return isinstance(row, TimerRow) and row.id.startswith(RESERVED_TIMER)
