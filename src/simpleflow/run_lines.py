"""The progress of a run as lines on standard error, for programs: ``Executor(..., progress=True)``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import timeouts, transitions
from simpleflow.engines.run import Observer, Run
from simpleflow.shown_text import escaped, hide_passwords
from simpleflow.source_lines import source_line, traceback_in
from simpleflow.step import report
from simpleflow.step.constants import COMPLETED, FAILED, MARKER_NAME, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.recorded_tasks import is_about_marks

_STATUSES = frozenset({WAITING, SCHEDULED, COMPLETED, SKIPPED, FAILED})
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
        self._tally = report.Tally()
        self._began: dict[tuple[str, str], float] = {}  # by workflow id and step: epoch seconds
        self._start = time.monotonic()

    def observe(self, run: Run, events: Sequence[e.Event]) -> None:
        """Print what new events of a run, or of a child of it, tell."""
        for event in events:
            attributes: Any = event.attributes
            if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
                self._step(run, event.time, attributes.details)
            elif isinstance(attributes, e.ActivityTaskFailed | e.ActivityTaskTimedOut):
                self._failure(run, event)
        if run.run_id == run.root_id and not run.history.open and events and events[-1] is run.history.closed:
            self._end(run)

    def _step(self, run: Run, now: float, details: str | None) -> None:
        found = report.read(details)
        if found is None or found.status not in _STATUSES:
            return
        self._tally.add(found, run.workflow_id)
        key = run.workflow_id, found.step
        began = self._began.pop(key, None)
        if found.status == SCHEDULED:
            self._began[key] = now
            began = None
        took = "" if began is None else report.duration(now - began)
        self._print(found.status, _of(run, found.step), took, report.why(found))

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
        text = "completed" if run.history.state == transitions.COMPLETED else run.history.state
        reason = getattr(run.history.closed.attributes, "reason", None) if run.history.closed else None
        text += f": {reason}" if reason else ""
        seconds = report.duration(time.monotonic() - self._start)
        _write(f"workflow {run.workflow_id}: {text}")
        _write(f"{self._tally} in {seconds}" if len(self._tally) else f"it took {seconds}")

    def _print(self, status: str, name: str, took: str, note: str) -> None:
        _write(f"{status:<10} {report.printable(name):<{_NAME}} {took:>{_TIME}}  {note}")


def _of(run: Run, name: str) -> str:
    return name if run.run_id == run.root_id else f"{run.workflow_id}: {name}"


def _write(line: str) -> None:
    print(hide_passwords(escaped(line)).rstrip(), file=sys.stderr, flush=True)
