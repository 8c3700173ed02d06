"""A run as a trace for https://ui.perfetto.dev and chrome://tracing: Chrome's trace event format, as JSON.

One process has a thread for each slot of each worker, a second one has threads in which steps follow one another. Two
counters say how many tasks worked and waited, and an arrow runs along the critical path. Times are microseconds since
the begin of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from simpleflow.pictures.timeline_rows import slots, working
from simpleflow.views.critical_path import Link
from simpleflow.views.rows import AttemptRow, ChildRow, SignalRow, StepRow, TaskRow
from simpleflow.views.run_view import RunView

_WORKERS, _STEPS = 1, 2  # processes


def trace(view: RunView, critical: Sequence[Link] = (), now: float | None = None) -> Iterator[str]:
    """Yield the lines of a JSON document with the trace of a run.

    Args:
        view: the rows of the run.
        critical: the critical path.
        now: the end of tasks that have not ended, in epoch seconds. Default: the time of the last event.
    """
    now = max(view.last_time, now or 0.0) if not view.closed else view.last_time
    yield '{"displayTimeUnit": "ms", "traceEvents": ['
    before = ""
    for event in _Trace(view, now).events(critical):
        yield before + json.dumps(event)
        before = ","
    about = {"workflow_id": view.workflow_id, "run_id": view.run_id, "began": view.began, "state": view.state}
    yield f'], "otherData": {json.dumps(about)}}}'


class _Trace:
    def __init__(self, view: RunView, now: float) -> None:
        self._view, self._now = view, now
        self._origin = view.began if view.began is not None else now
        self._threads: dict[int, int] = {}  # of rows, by event id

    def events(self, critical: Sequence[Link]) -> Iterator[dict[str, Any]]:
        """Yield the events of the trace."""
        yield _named("process_name", _WORKERS, 0, "workers")
        yield _named("process_name", _STEPS, 0, "steps")
        tasks = [row for row in self._view.of_kind(TaskRow) if row.started is not None]
        workers: dict[str, list[TaskRow]] = {}
        for row in tasks:
            worker = "child workflows" if isinstance(row, ChildRow) else row.worker or "a worker without a name"
            workers.setdefault(worker, []).append(row)
        thread = 0
        for worker, own in workers.items():
            for number, slot in enumerate(slots(own, lambda row: working(row, self._now)), start=1):
                thread += 1
                yield _named("thread_name", _WORKERS, thread, worker if number == 1 else f"{worker}, slot {number}")
                for row in slot:
                    self._threads[row.event_id] = thread
                    yield self._task(row, thread)
        yield from self._steps()
        yield from self._counters()
        for signal in self._view.of_kind(SignalRow):
            about = {"name": f"signal {signal.name}", "ph": "i", "s": "g", "pid": _WORKERS, "tid": 1}
            yield about | {"ts": self._at(signal.scheduled)}
        yield from self._path(critical)

    def _task(self, row: TaskRow, thread: int) -> dict[str, Any]:
        begin, end = working(row, self._now)
        args: dict[str, Any] = {"activity": row.name, "id": row.id, "state": self._view.state_of(row)}
        args |= {"queued seconds": round(begin - row.scheduled, 3), "event": row.event_id}
        if isinstance(row, AttemptRow):
            args["try"] = row.number
        category = "marks" if isinstance(row, AttemptRow) and row.about_marks else "failed" if row.failed else row.kind
        return self._slice(row.step or row.name, category, _WORKERS, thread, begin, end, args)

    def _steps(self) -> Iterator[dict[str, Any]]:
        ran = [row for row in self._view.steps.values() if row.ran]
        lanes = slots(ran, lambda row: (row.begin, self._now if row.end is None else row.end))
        for number, lane in enumerate(lanes, start=1):
            yield _named("thread_name", _STEPS, number, f"lane {number}")
            for row in lane:
                end = self._now if row.end is None else row.end
                yield self._slice(row.name, row.state, _STEPS, number, row.begin, end, _of_step(row))

    def _counters(self) -> Iterator[dict[str, Any]]:
        changes: dict[float, list[int]] = {}
        for row in self._view.of_kind(TaskRow):
            end = self._now if row.ended is None else row.ended
            begin = end if row.started is None else row.started
            for time, kind, change in ((row.scheduled, 0, 1), (begin, 0, -1), (begin, 1, 1), (end, 1, -1)):
                changes.setdefault(time, [0, 0])[kind] += change
        counts = [0, 0]
        for time in sorted(changes):
            counts = [count + change for count, change in zip(counts, changes[time], strict=True)]
            args = {"waiting": counts[0], "working": counts[1]}
            yield {"name": "tasks", "ph": "C", "pid": _WORKERS, "ts": self._at(time), "args": args}

    def _path(self, critical: Sequence[Link]) -> Iterator[dict[str, Any]]:
        links = [link.row for link in critical if link.row.event_id in self._threads]
        for at, row in enumerate(links):
            phase = "s" if at == 0 else "f" if at == len(links) - 1 else "t"
            time = self._at(getattr(row, "started", None) or row.scheduled)
            about = {"name": "critical path", "cat": "critical", "ph": phase, "id": 1, "bp": "e"}
            yield about | {"pid": _WORKERS, "tid": self._threads[row.event_id], "ts": time}

    def _slice(
        self, name: str, category: str, pid: int, tid: int, begin: float, end: float, args: dict[str, Any]
    ) -> dict[str, Any]:
        at = self._at(begin)
        about = {"name": name, "cat": category, "ph": "X", "pid": pid, "tid": tid}
        return about | {"ts": at, "dur": max(0, self._at(end) - at), "args": args}

    def _at(self, time: float) -> int:
        return round((time - self._origin) * 1e6)


def _named(what: str, pid: int, tid: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _of_step(row: StepRow) -> dict[str, Any]:
    return {"state": row.state, "forced": row.forced, "reasons": list(row.reasons), "error": row.report.error}
