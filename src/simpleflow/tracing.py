"""Runs as traces of OpenTelemetry: spans for a run, its steps, activities and children, with the times of its history.

A span is made when the run has ended, from events that say when things happened. So no process has to live as long as
the run, and the spans of a run that several processes have decided are whole.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from simpleflow.core import events as e
from simpleflow.views.rows import AttemptRow, ChildRow, StepRow, TaskRow
from simpleflow.views.run_view import RunView


def is_active() -> bool:
    """True if OpenTelemetry is installed, and a provider of tracers is set that records spans."""
    if "opentelemetry" not in sys.modules:  # a program that has set one has loaded it
        return False
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    return not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider)


def record(workflow_id: str, run_id: str, events: Iterable[e.Event], provider: Any = None) -> None:
    """Record a trace of a run that has ended.

    Args:
        workflow_id, run_id: of the run.
        events: its whole history.
        provider: of tracers; None: the one that is set.

    Raises ImportError without ``opentelemetry-api``.
    """
    from opentelemetry import trace

    events = list(events)
    view = RunView(run_id, workflow_id)
    view.extend(events)
    started = events[0].attributes
    assert isinstance(started, e.WorkflowExecutionStarted)
    attributes = {"simpleflow.workflow_id": workflow_id, "simpleflow.run_id": run_id, "simpleflow.state": view.state}
    parent = started.parent_workflow_execution
    if parent is not None:
        attributes |= {"simpleflow.parent_workflow_id": parent.workflow_id, "simpleflow.parent_run_id": parent.run_id}
    tracer = trace.get_tracer("simpleflow", tracer_provider=provider)
    _Trace(tracer, view).record(started.workflow_type.name, attributes, events)


class _Trace:
    """The spans of one run."""

    def __init__(self, tracer: Any, view: RunView) -> None:
        self._tracer = tracer
        self._view = view
        self._spans: dict[str, Any] = {}  # of steps, by name

    def record(self, name: str, attributes: dict[str, str], events: list[e.Event]) -> None:
        """Make and end all spans; ``name`` and ``attributes``: of that of the run."""
        from opentelemetry.context import Context

        view = self._view
        root = self._tracer.start_span(name, context=Context(), start_time=_ns(events[0].time), attributes=attributes)
        for step in view.steps.values():
            if not step.ran:
                span_event = {"step": step.name, "reasons": list(step.reasons)}
                root.add_event(f"step {step.state}", span_event, timestamp=_ns(step.end or step.begin))
                continue
            outer = next((self._spans[each] for each in reversed(step.outer) if each in self._spans), root)
            self._spans[step.name] = self._span(f"step {step.name}", outer, step.begin, _of_step(step))
        for row in view.rows.values():
            if isinstance(row, TaskRow) and not (isinstance(row, AttemptRow) and row.about_marks):
                self._task(row, self._spans.get(row.step or "", root))
        for step in view.steps.values():
            if step.name in self._spans:
                self._end(self._spans[step.name], step.end or view.last_time, step.report.error)
        reason = getattr(events[-1].attributes, "reason", None) if view.state != "completed" else None
        self._end(root, view.last_time, None if view.state == "completed" else reason or view.state)

    def _task(self, row: TaskRow, outer: Any) -> None:
        attributes: dict[str, Any] = {"simpleflow.id": row.id, "simpleflow.state": row.state}
        if isinstance(row, AttemptRow):
            attributes["simpleflow.attempt"] = row.number
        elif isinstance(row, ChildRow) and row.run_id is not None:
            attributes["simpleflow.child_run_id"] = row.run_id
        if row.worker is not None:
            attributes["simpleflow.worker"] = row.worker
        begin = row.scheduled if row.started is None else row.started
        if row.started is not None:
            attributes["simpleflow.queued_seconds"] = row.started - row.scheduled
        span = self._span(f"{row.kind} {row.name}", outer, begin, attributes)
        self._end(span, self._view.last_time if row.ended is None else row.ended, row.state if row.failed else None)

    def _span(self, name: str, outer: Any, begin: float, attributes: dict[str, Any]) -> Any:
        from opentelemetry import trace

        context = trace.set_span_in_context(outer)
        return self._tracer.start_span(name, context=context, start_time=_ns(begin), attributes=attributes)

    def _end(self, span: Any, time: float, error: str | None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end_time=_ns(time))


def _of_step(step: StepRow) -> dict[str, Any]:
    return {"simpleflow.state": step.state, "simpleflow.forced": step.forced, "simpleflow.reasons": list(step.reasons)}


def _ns(seconds: float) -> int:
    """Epoch nanoseconds."""
    return round(seconds * 1_000_000) * 1_000
