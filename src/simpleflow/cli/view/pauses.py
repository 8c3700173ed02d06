"""The tasks of a run that wait for their next try, read from the timers that are open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow import values
from simpleflow.constants import RETRY_TIMER, STORE_TIMER
from simpleflow.engines.embedded import Run
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import duration


class Pause(NamedTuple):
    """A task that has failed, and is tried again once a timer has fired."""

    due: float  # epoch seconds
    kind: str  # activity or child
    name: str  # of the activity or the workflow type
    task_id: str
    number: int  # of the next try


def pause_of(timer: Any, began: float = 0.0) -> Pause | None:
    """Return what a timer is the pause of, by the attributes of its event; None for any other timer.

    ``began`` is the time of the event, in epoch seconds.
    """
    if not timer.timer_id.startswith((RETRY_TIMER, STORE_TIMER)):
        return None
    said = values.decode(timer.control)
    if not isinstance(said, dict):
        return None  # an earlier version started it
    due = began + float(timer.start_to_fire_timeout)
    kind, name, id = (str(said.get(key)) for key in ("kind", "name", "id"))
    return Pause(due, kind, name, id, int(said.get("try") or 0))


def pauses(runs: Iterable[Run]) -> list[Pause]:
    """Return the pauses that have not ended in these runs, the one that ends first at the front."""
    records = [each for run in runs if run.history.open_timers for each in list(run.history.timers.values())]
    found = [pause_of(record.scheduled, record.scheduled_at) for record in records if record.open]
    return sorted(pause for pause in found if pause is not None)


def next_try(pause: Pause, now: float) -> str:
    """Return when the next try comes, such as ``try 2 in 8.0 s``."""
    return f"try {pause.number} in {duration(max(0.0, pause.due - now))}"
