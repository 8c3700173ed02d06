"""The part of a report about failures: the error, the arguments, the place in the code, and the last output."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from simpleflow.pictures.failures import Failure, ShownRun, failures_of
from simpleflow.pictures.page import arguments, card, facts, moment, preformatted, run_text
from simpleflow.source.source_lines import own_frame
from simpleflow.views.causes import of_run
from simpleflow.views.event_of import in_history
from simpleflow.views.rows import AttemptRow, ChildRow
from simpleflow.views.run_view import RunView

_MOST = 40  # failures that are shown
_OPEN = 3  # of them with everything at once


def failures(
    runs: Sequence[ShownRun], last_lines: Callable[[str, str], list[str]], zone: datetime.tzinfo | None = None
) -> str:
    """Return the part about the failures of a run and its children; empty if nothing has failed."""
    found = [(told_run.view, failure) for told_run in runs for failure in failures_of(told_run.view, told_run.events)]
    below = {failure.traceback for _, failure in found if not isinstance(failure.task, ChildRow)}
    found = [  # what has failed a child is shown once
        (
            view,
            failure._replace(traceback="")
            if isinstance(failure.task, ChildRow) and failure.traceback in below
            else failure,
        )
        for view, failure in found
    ]
    reason, trace = of_run(runs[0].view, in_history(runs[0].events))
    parts = []
    if reason and not any(failure.error and _one_line(failure.error) in _one_line(reason) for _, failure in found):
        own = trace if not any(failure.traceback == trace for _, failure in found) else ""
        parts.append(f'<p class="error">The run: {run_text(reason)}</p>{preformatted(own, "Traceback")}')
    shown = found[:_MOST]
    parts += [
        _failure(view, failure, number < _OPEN, view is not runs[0].view, last_lines, zone)
        for number, (view, failure) in enumerate(shown)
    ]
    if len(found) > _MOST:
        parts.append(f'<p class="about">and {len(found) - _MOST:,} more, which the tree of steps names</p>')
    if not parts:
        return ""
    count = len(found)
    return card(f"What failed ({count:,})" if count > 1 else "What failed", *parts, key="failed", classes="is-failed")


def _one_line(value: str) -> str:
    return " ".join(value.replace('"', "").split())


def _failure(
    view: RunView,
    failure: Failure,
    is_open: bool,
    of_child: bool,
    last_lines: Callable[[str, str], list[str]],
    zone: datetime.tzinfo | None,
) -> str:
    task = failure.task
    name = failure.step or (task.name if task is not None else "")
    title = run_text(name) + (" (optional)" if failure.optional else "")
    if of_child:
        title += f' <span class="muted">in {run_text(view.workflow_id)}</span>'
    parts = [f'<p class="error">{run_text(failure.error)}</p>']
    lines: list[str] = []
    if task is not None:
        tries = f", try {task.number}" if isinstance(task, AttemptRow) and task.number > 1 else ""
        where, function, source = own_frame(failure.traceback)
        at = where + (f" in {function}" if function else "") + (f": {source}" if source else "")
        pairs = [
            (task.kind, run_text(task.name + tries)),
            ("arguments", arguments(failure.input)),
            ("at", f'<span class="mono">{run_text(at)}</span>' if at else ""),
            ("ended", run_text(moment(task.ended, zone))),
            ("worker", run_text(task.worker or "")),
        ]
        parts.append(facts(pairs))
        lines = last_lines(view.run_id, task.id)
    parts.append(preformatted(failure.traceback, "Traceback"))
    parts.append(preformatted("\n".join(lines), "Printed last"))
    inside = "".join(parts)
    if is_open:
        return f'<div class="failure"><h3>{title}</h3>{inside}</div>'
    return f'<div class="failure"><details><summary><strong>{title}</strong></summary>{inside}</details></div>'
