"""The steps that failed, as far as some events of a history tell."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.core import events as e
from simpleflow.core.packed_markers import unpacked
from simpleflow.step import report
from simpleflow.step.constants import FAILED, MARKER_NAME
from simpleflow.step.report import StepReport


def failed_steps(events: Iterable[e.Event]) -> list[StepReport]:
    """Return the last reports of the steps that failed and are not optional, in the order of their failures.

    ``events`` may be a part of a history, such as its end.
    """
    latest: dict[str, StepReport] = {}
    for event in unpacked(events):
        attributes = event.attributes
        if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
            found = report.read(attributes.details)
            if found is not None:
                latest.pop(found.step, None)
                latest[found.step] = found
    return [found for found in latest.values() if found.status == FAILED and not found.optional]
