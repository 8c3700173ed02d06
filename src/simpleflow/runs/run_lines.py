"""The progress of a run as lines on standard error, for programs: ``Executor(..., progress=True)``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from simpleflow import shown_text
from simpleflow.core import events as e
from simpleflow.core import timeouts
from simpleflow.engines.run import Observer, Run
from simpleflow.shown_text import escaped, hide_passwords
from simpleflow.source.source_lines import source_line, traceback_in
from simpleflow.step import report
from simpleflow.step.constants import FAILED
from simpleflow.step.recorded_tasks import is_about_marks
from simpleflow.views.base_view import tally_of
from simpleflow.views.followed_view import FollowedView
from simpleflow.views.rows import StepRow

_NAME, _TIME = 30, 8  # columns


def printing(observer: Observer | None) -> Observer:
    """Return an observer that prints lines, and then calls another one, if there is one."""
    lines = Lines()

    def observe(run: Run, events: Sequence[e.Event]) -> None:
        lines.observe(run, events)
        if observer is not None:
            observer(run, events)

    return observe


class Lines:
    """Prints a line for each event of a step, for each failed try of an activity, and for the end of the run."""

    def __init__(self) -> None:
        self._views: dict[str, FollowedView] = {}  # by run id
        self._start = time.monotonic()

    def observe(self, run: Run, events: Sequence[e.Event]) -> None:
        """Print what new events of a run, or of a child of it, tell."""
        view = self._views.setdefault(run.run_id, FollowedView(run.run_id, run.workflow_id))
        for event in events:
            attributes: Any = event.attributes
            row = view.apply(event)
            if row is not None:
                self._step(run, view, row)
                view.forget(row)
            elif isinstance(attributes, e.ActivityTaskFailed | e.ActivityTaskTimedOut):
                self._failure(run, event)
            elif isinstance(attributes, e.WorkflowExecutionFailed):
                for fell in view.fell:
                    self._step(run, view, fell)
        if run.run_id == run.root_id and not run.history.open and events and events[-1] is run.history.closed:
            self._end(run)

    def _step(self, run: Run, view: FollowedView, row: StepRow) -> None:
        seconds = view.work_time(row.name).seconds if row.ran and row.end is not None else None
        took = "" if seconds is None else shown_text.duration(seconds)
        self._print(row.state, _of(run, row.name), took, report.why(row.report))

    def _failure(self, run: Run, event: e.Event) -> None:
        attributes: Any = event.attributes
        scheduled: Any = run.history.events[attributes.scheduled_event_id - 1].attributes
        if is_about_marks(scheduled.activity_type.name):
            return
        if isinstance(attributes, e.ActivityTaskTimedOut):
            text = str(timeouts.error(run.history.events, event))
        else:
            where = source_line(traceback_in(attributes.details))
            text = (attributes.reason or "no reason was given") + (f" ({where})" if where else "")
        self._print(FAILED, _of(run, f"activity {scheduled.activity_type.name}"), "", text)

    def _end(self, run: Run) -> None:
        text = run.history.state.replace("_", " ")
        reason = getattr(run.history.closed.attributes, "reason", None) if run.history.closed else None
        text += f": {shown_text.plain_reason(reason)}" if reason else ""
        seconds = shown_text.duration(time.monotonic() - self._start)
        _write(f"workflow {run.workflow_id}: {text}")
        tally = tally_of(self._views.values())
        _write(f"{tally.text(over=True)} in {seconds}" if len(tally) else f"it took {seconds}")

    def _print(self, status: str, name: str, took: str, note: str) -> None:
        _write(f"{status:<10} {shown_text.printable(name):<{_NAME}} {took:>{_TIME}}  {note}")


def _of(run: Run, name: str) -> str:
    return name if run.run_id == run.root_id else f"{run.workflow_id}: {name}"


def _write(line: str) -> None:
    print(hide_passwords(escaped(line)).rstrip(), file=sys.stderr, flush=True)
