"""The steps that failed, as far as some events of a history show."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from simpleflow.core import events as e
from simpleflow.core.packed_markers import unpacked
from simpleflow.shown_text import plain_reason
from simpleflow.step import report
from simpleflow.step.constants import FAILED, MARKER_NAME, SCHEDULED
from simpleflow.step.host import step_at
from simpleflow.step.report import StepReport


def failed_steps(events: Iterable[e.Event]) -> list[StepReport]:
    """Return the last reports of the steps that failed and are not optional, in the order of their failures.

    ``events`` may be a part of a history, such as its end. A step that was under way when one of its activities failed
    the run has failed, too.
    """
    latest: dict[str, StepReport] = {}
    paths: dict[int, tuple[str, str]] = {}  # name and path in scopes of activities, by the event that scheduled them
    failed: list[int] = []  # these events of those that failed
    for event in unpacked(events):
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            paths[event.id] = attributes.activity_type.name, attributes.control or attributes.activity_id
        elif isinstance(attributes, e.ActivityTaskFailed | e.ActivityTaskTimedOut):
            failed.append(attributes.scheduled_event_id)
        elif isinstance(attributes, e.WorkflowExecutionFailed):
            for name, path in [paths[each] for each in failed if each in paths]:
                step = step_at(path, latest) if f"error in {name}: " in (attributes.reason or "") else None
                if step is not None and latest[step].status == SCHEDULED:
                    error = plain_reason(attributes.reason).removeprefix(f"{name}: ")
                    latest[step] = replace(latest.pop(step), status=FAILED, error=error)
        if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
            found = report.read(attributes.details)
            if found is not None:
                latest.pop(found.step, None)
                latest[found.step] = found
    return [found for found in latest.values() if found.status == FAILED and not found.optional]
