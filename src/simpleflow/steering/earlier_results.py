"""Results of activities in earlier runs, for a dry run that assumes them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from simpleflow.core import events as e

EarlierRuns = Callable[[str], Iterable[tuple[str, Sequence[e.Event]]]]
"""Called with a workflow id. Returns its earlier runs, the newest first, each as (run id, events)."""

_ResultsOfRun = dict[tuple[str, str], str | None]


class EarlierResults:
    """The results of activities in earlier runs, by workflow id, activity id and name.

    Activity ids are structural (see ``simpleflow.taskids``): the same id is the same task in every run. The histories
    of runs are read one by one, only until the result is found.
    """

    def __init__(self, earlier_runs: EarlierRuns) -> None:
        self._earlier_runs = earlier_runs
        self._runs: dict[str, Iterator[_ResultsOfRun]] = {}
        self._known: dict[str, _ResultsOfRun] = {}

    def find(self, workflow_id: str, activity_id: str, name: str) -> tuple[str | None] | None:
        """Return the result of the activity in the newest run that completed it; None if no run has.

        The result is JSON text, or None for an activity without a result; it comes in a tuple of one.
        """
        known = self._known.setdefault(workflow_id, {})
        if workflow_id not in self._runs:
            self._runs[workflow_id] = (_results_of_run(events) for _, events in self._earlier_runs(workflow_id))
        while (activity_id, name) not in known:
            older = next(self._runs[workflow_id], None)
            if older is None:
                return None
            for key, result in older.items():
                known.setdefault(key, result)
        return (known[activity_id, name],)


def _results_of_run(events: Iterable[e.Event]) -> _ResultsOfRun:
    scheduled: dict[int, tuple[str, str]] = {}
    found: _ResultsOfRun = {}
    for event in events:
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            scheduled[event.id] = attributes.activity_id, attributes.activity_type.name
        elif isinstance(attributes, e.ActivityTaskCompleted):
            found[scheduled[attributes.scheduled_event_id]] = attributes.result
    return found
