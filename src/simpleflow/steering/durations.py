"""How long activities took in earlier runs, and a draw of how long one may take next time.

The time of an activity that has run before is taken as log-normal: durations are positive, and their noise is rather a
factor than a sum. The centre is the activity's own, by its id, which is the same in every run (see
``simpleflow.taskids``). The spread is pooled over all activities of the workflow, since one activity has few runs to
tell it from. With few runs the centre itself is uncertain; a draw is wider by this too.

An activity id that has not run before is taken for its like: first the same activity in the same step, then the same
activity anywhere in the workflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from statistics import NormalDist, fmean

from simpleflow.core.work_time import work_time
from simpleflow.named_tuple import NamedTuple
from simpleflow.steering.earlier_results import EarlierRuns
from simpleflow.views.rows import COMPLETED
from simpleflow.views.run_view import RunView

MAX_RUNS = 30
"""Most earlier runs of one workflow id that are read."""
MAX_EVENTS = 300_000
"""No further run is read once so many events were."""

_SHORTEST = 1e-4  # seconds; the clock may tell 0 for a short activity, which has no logarithm


class Known(NamedTuple):
    """The duration of an activity in earlier runs."""

    centre: float  # mean of the logarithms of the durations in seconds
    runs: int  # how many durations it rests on


class Durations:
    """The durations of the activities of a workflow and its children."""

    def __init__(self, earlier_runs: EarlierRuns) -> None:
        self._earlier_runs = earlier_runs
        self._logs: dict[tuple[str, ...], list[float]] = {}  # by workflow id with activity id, or step, or nothing
        self._read: dict[str, int] = {}  # by workflow id: how many runs
        self._spread: float | None = None  # of what has been read so far; None: not computed yet
        self._known: dict[tuple[str, str], Known | None] = {}

    @property
    def runs(self) -> int:
        """How many runs of the workflow ids were read, at most: children may have more or fewer than their parent."""
        return max(self._read.values(), default=0)

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm of a duration around its centre; 0 if no activity has run twice."""
        if self._spread is None:
            own = [logs for key, logs in self._logs.items() if key[0] == "id" and len(logs) > 1]
            square = sum((log - fmean(logs)) ** 2 for logs in own for log in logs)
            degrees = sum(len(logs) - 1 for logs in own)
            self._spread = math.sqrt(square / degrees) if degrees else 0.0
        return self._spread

    def find(self, workflow_id: str, activity_id: str, name: str, step: str | None) -> Known | None:
        """The known duration of an activity; None if neither it nor a similar one has run."""
        key = workflow_id, activity_id
        if key not in self._known:
            self._read_runs(workflow_id)
            self._known[key] = self._find(workflow_id, activity_id, name, step)
        return self._known[key]

    def seconds(self, known: Known, chance: float) -> float:
        """The duration that the activity stays below with this chance (more than 0, less than 1), in seconds."""
        spread = self.spread * math.sqrt(1 + 1 / known.runs)
        return math.exp(known.centre + spread * _NORMAL.inv_cdf(chance))

    def _find(self, workflow_id: str, activity_id: str, name: str, step: str | None) -> Known | None:
        for key in (
            ("id", workflow_id, activity_id, name),
            ("step", workflow_id, step or "", name),
            ("name", workflow_id, name),
        ):
            logs = self._logs.get(key)
            if logs:
                return Known(fmean(logs), len(logs))
        return None

    def _read_runs(self, workflow_id: str) -> None:
        if workflow_id in self._read:
            return
        self._read[workflow_id] = 0
        self._spread = None
        events_read = 0
        for run_id, events in islice(self._earlier_runs(workflow_id), MAX_RUNS):
            view = RunView(run_id, workflow_id)
            view.extend(events)
            self._read[workflow_id] += 1
            for key, seconds in _durations(view):
                self._logs.setdefault(key, []).append(math.log(max(seconds, _SHORTEST)))
            events_read += len(events)
            if events_read >= MAX_EVENTS:
                break


_NORMAL = NormalDist()


def _durations(view: RunView) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the durations of the activities that a run completed, in seconds, under each key that finds them."""
    for row in view.attempts:
        if row.state != COMPLETED or row.about_marks:
            continue
        seconds = work_time([row.times], view.pauses).seconds
        if seconds is not None:
            yield ("id", view.workflow_id, row.id, row.name), seconds
            yield ("step", view.workflow_id, row.step or "", row.name), seconds
            yield ("name", view.workflow_id, row.name), seconds
