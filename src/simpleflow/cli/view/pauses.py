"""The tasks of a run that wait for their next try, read from the timers that are open."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.engines.embedded import Run
from simpleflow.views.waits import Pause, pause_of


def pauses(runs: Iterable[Run]) -> list[Pause]:
    """Return the pauses that have not ended in these runs, the one that ends first at the front."""
    records = [each for run in runs if run.history.open_timers for each in list(run.history.timers.values())]
    found = [pause_of(record.scheduled, record.scheduled_at) for record in records if record.open]
    return sorted(pause for pause in found if pause is not None)
