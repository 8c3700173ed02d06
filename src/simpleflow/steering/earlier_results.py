"""Results of earlier runs, for a rehearsal that assumes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from simpleflow.core import events as e

Past = Callable[[str], Iterable[tuple[str, Sequence[e.Event]]]]
"""Called with a workflow id: its earlier runs, the newest first, each as (run id, events)."""

_Results = dict[tuple[str, str], str | None]


class Results:
    """What activities have returned, by workflow id, activity id and name: ids say where in a run a task stands."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._runs: dict[str, Iterator[_Results]] = {}
        self._known: dict[str, _Results] = {}

    def find(self, workflow_id: str, activity_id: str, name: str) -> tuple[str | None] | None:
        """The result, as JSON text, in the newest run that completed the activity; None if none has."""
        known = self._known.setdefault(workflow_id, {})
        if workflow_id not in self._runs:
            self._runs[workflow_id] = (_results(events) for _, events in self._past(workflow_id))
        while (activity_id, name) not in known:
            older = next(self._runs[workflow_id], None)
            if older is None:
                return None
            for key, result in older.items():
                known.setdefault(key, result)
        return (known[activity_id, name],)


def _results(events: Iterable[e.Event]) -> _Results:
    scheduled: dict[int, tuple[str, str]] = {}
    found: _Results = {}
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            scheduled[event.id] = attributes.activity_id, attributes.activity_type.name
        elif isinstance(attributes, e.ActivityTaskCompleted):
            found[scheduled[attributes.scheduled_event_id]] = attributes.result
    return found
