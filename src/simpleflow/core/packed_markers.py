"""Many markers of steps in one: the events of an execution are limited, and a run may skip thousands of steps.

A packed marker has the name PACKED_MARKER. Its details are a list of the details of the markers that it stands for, in
their order. A history folds it as if these had been recorded one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simpleflow import values
from simpleflow.constants import MAX_FIELD_LENGTH, PACKED_MARKER, STEP_MARKER
from simpleflow.core import decisions as d
from simpleflow.core import events as e

_ROOM = MAX_FIELD_LENGTH - 2  # without the brackets


def pack(decisions: Iterable[d.Decision]) -> Iterator[d.Decision]:
    """The decisions, with as many markers of steps that follow each other in one as its details have room for."""
    waiting: list[str | None] = []
    length = 0
    for decision in decisions:
        if not (isinstance(decision, d.RecordMarker) and decision.marker_name == STEP_MARKER):
            if waiting:
                yield _join(waiting)
                waiting, length = [], 0
            yield decision
            continue
        size = len(values.encode(decision.details, "details")) + 1
        if waiting and length + size > _ROOM:
            yield _join(waiting)
            waiting, length = [], 0
        waiting.append(decision.details)
        length += size
    if waiting:
        yield _join(waiting)


def _join(details: list[str | None]) -> d.RecordMarker:
    if len(details) == 1:
        return d.RecordMarker(details=details[0], marker_name=STEP_MARKER)
    return d.RecordMarker(details=values.encode(details, "details"), marker_name=PACKED_MARKER)


def single_decisions(decisions: Iterable[d.Decision]) -> Iterator[d.Decision]:
    """The decisions, with those that a packed one stands for in its place."""
    for decision in decisions:
        if isinstance(decision, d.RecordMarker) and decision.marker_name == PACKED_MARKER:
            yield from (d.RecordMarker(details=each, marker_name=STEP_MARKER) for each in details_in(decision))
        else:
            yield decision


def details_in(attributes: e.MarkerRecorded | d.RecordMarker) -> list[str | None]:
    """The details of the markers of steps that a packed marker stands for; none if it is damaged."""
    try:
        found = values.decode(attributes.details)
    except ValueError:
        return []
    return [each for each in found if each is None or isinstance(each, str)] if isinstance(found, list) else []


def unpacked(events: Iterable[e.Event]) -> Iterator[e.Event]:
    """The events, with the markers that a packed one stands for in its place; they have its id and its time."""
    for event in events:
        attributes = event.attributes
        if type(attributes) is not e.MarkerRecorded or attributes.marker_name != PACKED_MARKER:
            yield event
            continue
        for details in details_in(attributes):
            single = e.MarkerRecorded(
                decision_task_completed_event_id=attributes.decision_task_completed_event_id,
                marker_name=STEP_MARKER,
                details=details,
            )
            yield e.Event(event.id, event.time, single)
