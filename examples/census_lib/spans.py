"""When each piece of work ran, read from the history of a run, and kept in a file for the picture of later runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

_LONGEST_PAUSE = 0.05  # of all work: longer times without any work are drawn as long as this


class Span(NamedTuple):
    """A piece of work of a step."""

    step: str
    began: float  # epoch seconds
    ended: float
    worker: str  # that did it


class StepRow(NamedTuple):
    """What became of a step in a run."""

    step: str
    status: str  # completed, skipped, failed, ...
    reasons: list[str]

    @property
    def ran(self) -> bool:
        return self.status != "skipped"


def steps(markers: Iterable[Any]) -> list[StepRow]:
    """Return the steps of a run in their order, each with its last status, from the markers of the run."""
    told = [marker.details for marker in markers if marker.name == "log.step"]
    found = {each["step"]: StepRow(each["step"], each["status"], each["reasons"]) for each in told}
    return list(found.values())


def spans(events: Iterable[Any], step_of: Callable[[str, list[Any]], str | None]) -> list[Span]:
    """Return the work of a run. `step_of` names the step of an activity, from its name and arguments."""
    scheduled: dict[int, str | None] = {}
    started: dict[int, Any] = {}
    found = []
    for event in events:
        if event.type == "ActivityTaskScheduled":
            arguments = json.loads(event.attributes.input or "{}").get("args", [])
            scheduled[event.id] = step_of(event.attributes.activity_type.name, arguments)
        elif event.type == "ActivityTaskStarted":
            started[event.attributes.scheduled_event_id] = event
        elif event.type in ("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut"):
            key = event.attributes.scheduled_event_id
            begin, step = started.get(key), scheduled.get(key)
            if begin is not None and step is not None:
                found.append(Span(step, begin.time, event.time, begin.attributes.identity or "?"))
    return found


def with_earlier(path: Path, new: list[Span]) -> list[Span]:
    """Add the spans of earlier runs, of steps that have not run since, and keep all of them in the file for later."""
    try:
        earlier = [Span(*each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError):  # the first run, or a file that was cut short
        earlier = []
    ran = {span.step for span in new}
    both = sorted([*new, *(span for span in earlier if span.step not in ran)], key=lambda span: span.began)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(both), encoding="utf-8")
    return both


def without_pauses(found: list[Span]) -> list[Span]:
    """Return the spans on a line that begins at 0, with long pauses between them cut out: those between two runs."""
    longest = _LONGEST_PAUSE * sum(span.ended - span.began for span in found)
    moved, shift, end = [], 0.0, 0.0
    for number, span in enumerate(sorted(found, key=lambda span: span.began)):
        shift += max(0.0, span.began - end - longest) if number else span.began
        end = max(end, span.ended)
        moved.append(span._replace(began=span.began - shift, ended=span.ended - shift))
    return moved
