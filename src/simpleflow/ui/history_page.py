"""The raw events of a run, 500 a page, by kind."""

from __future__ import annotations

import json
from typing import Any

from simpleflow.core.codec import event_to_dict
from simpleflow.core.events import Event
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.ui.downloads import Download
from simpleflow.ui.links import link
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, frame, number_of

PAGE = 500
"""Events on a page."""

_SCANNED = 10_000  # events that are read for a page, if few are of the kind
_SHOWN = 400  # characters of an event in the list

KINDS = {
    "activity": ("ActivityTask", "ScheduleActivityTask", "RequestCancelActivityTask"),
    "decision": ("DecisionTask",),
    "workflow": ("WorkflowExecution",),
    "child": ("ChildWorkflow", "StartChildWorkflow"),
    "timer": ("Timer", "StartTimer", "CancelTimer"),
    "signal": ("WorkflowExecutionSignaled", "SignalExternal", "ExternalWorkflowExecutionSignaled"),
    "marker": ("Marker", "RecordMarker"),
}
"""The kinds of events, and how their types begin."""


class EventLine(NamedTuple):
    """An event in the list."""

    id: int
    time: float
    type: str
    text: str  # JSON, maybe cut off
    size: int  # characters of the whole
    href: str  # of the download


def page(visit: Visit, id: str) -> Page:
    """The events of a run."""
    run = visit.source.find(id)
    kind, after = _asked(visit)
    found, last = _events(visit, run, kind, after)
    newest = visit.source.last_events(run, 1)
    total = newest[0].id if newest else 0
    query: dict[str, str | int | None] = {"kind": kind}
    values = {
        **frame(visit, run, "history"),
        "lines": [_line(run.run_id, event) for event in found],
        "kind": kind,
        "kinds": list(KINDS),
        "after": after,
        "last": last,
        "total": total,
        "first": link("run", run.run_id, "history", query=query) if after else None,
        "next": link("run", run.run_id, "history", query={**query, "after": last}) if last < total else None,
        "as_json": link("run", run.run_id, "history", "page.json", query={**query, "after": after or None}),
        "end": link("run", run.run_id, "history", query={**query, "after": max(0, total - PAGE)}),
    }
    return Page("history.html", f"History · {run.workflow_id}", values, live=run.status == "open")


def download(visit: Visit, id: str, number: str) -> Download:
    """One event as JSON; or, for ``page.json``, the events of a page."""
    run = visit.source.find(id)
    if number == "page.json":
        kind, after = _asked(visit)
        events = [event_to_dict(each) for each in _events(visit, run, kind, after)[0]]
        return Download(f"{run.workflow_id}-{after + 1}.json", json.dumps(events, indent=1), kind="application/json")
    event = visit.source.event(run, number_of(number, "event"))
    text = json.dumps(event_to_dict(event), indent=1)
    return Download(f"{run.workflow_id}-event-{event.id}.json", text, kind="application/json")


def _asked(visit: Visit) -> tuple[str, int]:
    """The kind and the event before the first one that the query asks for. Raises InputError."""
    kind = visit.query.get("kind", "")
    if kind and kind not in KINDS:
        raise InputError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    return kind, visit.number("after")


def _events(visit: Visit, run: RunDescription, kind: str, after: int) -> tuple[list[Event], int]:
    """The events of a kind for a page, and the id of the last event that was read for it."""
    found: list[Event] = []
    last = after
    while last - after < _SCANNED:
        some = visit.source.events(run, last, PAGE)
        for event in some:
            last = event.id
            if not kind or event.type.startswith(KINDS[kind]):
                found.append(event)
                if len(found) == PAGE:
                    return found, last
        if len(some) < PAGE:
            break
    return found, last


def _line(run_id: str, event: Event) -> EventLine:
    members: dict[str, Any] = event_to_dict(event)
    content = {key: value for key, value in members.items() if key not in ("eventId", "eventTimestamp", "eventType")}
    inner = next(iter(content.values()), {}) if len(content) == 1 else content
    text = json.dumps(inner, ensure_ascii=False)
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + " …"
    return EventLine(event.id, event.time, event.type, shown, len(text), link("run", run_id, "history", event.id))
