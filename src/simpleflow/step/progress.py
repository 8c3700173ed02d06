"""How much of a history is progress, and how much only takes up what earlier runs and executions have done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.core.packed_markers import unpacked
from simpleflow.step.constants import ABOUT_MARKS, COMPLETED, FAILED, MARKER_NAME, SCHEDULED

LEAST_PROGRESS = 0.1
"""Share of the events of an execution that continues another one which must be progress."""

_PER_ACTIVITY = 6  # events of an activity with the decision task that follows


def _is_of_work(attributes: Any) -> bool:
    """True for the marker of a step that ran."""
    if attributes.marker_name != MARKER_NAME:
        return False
    details = values.decode(attributes.details)
    return isinstance(details, dict) and details.get("status") in (SCHEDULED, COMPLETED, FAILED)


def share_of_progress(events: Iterable[e.Event]) -> float:
    """The share of events of work: of activities that are not about marks, children, and markers of steps that ran."""
    count = work = 0
    for event in events:
        count += 1
        attributes: Any = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            work += 0 if attributes.activity_type.name.startswith(ABOUT_MARKS) else _PER_ACTIVITY
        elif isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
            work += _PER_ACTIVITY
        elif isinstance(attributes, e.MarkerRecorded):
            work += any(_is_of_work(each.attributes) for each in unpacked([event]))
    return work / count if count else 1.0
