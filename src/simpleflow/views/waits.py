"""The waits of an open run, read from its history: signals, timers, the next try of a task, and claims of other runs.

So another terminal says the same as the view of the process that drives the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simpleflow import values
from simpleflow.constants import RESERVED_TIMER, RETRY_TIMER, STORE_TIMER
from simpleflow.core import awaited
from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import duration, names, printable, with_short_ids
from simpleflow.step.constants import WAITING
from simpleflow.views.event_of import EventOf
from simpleflow.views.rows import TaskRow, TimerRow
from simpleflow.views.run_view import RunView

_MOST = 10

SIGNAL, TIMER, RETRY, CLAIM = "signal", "timer", "retry", "claim"
"""The kinds of waits."""


class Wait(NamedTuple):
    """One thing that a run waits for."""

    kind: str
    name: str  # of the signal or timer; what is tried again; the run that holds the claim
    until: float | None = None  # epoch seconds; None: not known
    step: str | None = None  # that waits, if it is known
    number: int = 0  # of the next try
    child: str | None = None  # workflow id of the child workflow that waits

    def text(self, now: float) -> str:
        """The wait in words. ``now``: epoch seconds."""
        left = "" if self.until is None else duration(max(0.0, self.until - now))
        if self.kind == RETRY:
            what = f"try {self.number} of {self.name} in {left}"
        elif self.kind == CLAIM:
            what = f"{with_short_ids(self.name)} to run step {self.step}"
        else:
            what = f"the {self.kind} {self.name}" + (f" ({left} left)" if left else "")
        return printable(what if self.child is None else f"{what} in {self.child}")

    def next_try(self, now: float) -> str:
        """When the next try comes, such as ``try 2 in 8.0 s``."""
        return next_try(Pause(self.until or now, "", "", "", self.number), now)


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


def next_try(pause: Pause, now: float) -> str:
    """Return when the next try comes, such as ``try 2 in 8.0 s``."""
    return f"try {pause.number} in {duration(max(0.0, pause.due - now))}"


def waits_in(view: RunView, event: EventOf) -> list[Wait]:
    """Return what a run waits for; nothing for one that has ended, or that no process drives."""
    if view.closed or view.abandoned:
        return []
    found = [Wait(SIGNAL, name) for name in awaited.read(view.context)]
    pauses: list[Pause] = []
    for row in view.of_kind(TimerRow):
        if row.end_id:
            continue
        timer: Any = event(row.event_id).attributes
        if not isinstance(timer, e.TimerStarted):
            continue
        if not row.id.startswith(RESERVED_TIMER):
            found.append(Wait(TIMER, row.id, row.scheduled + float(timer.start_to_fire_timeout)))
        elif (pause := pause_of(timer, row.scheduled)) is not None:
            pauses.append(pause)
    found += _retries(view, pauses)
    for step in view.steps.values():
        if step.state == WAITING and step.end is None:
            found.append(Wait(CLAIM, step.report.waits_for or "another run", step=step.name))
    return found


def _retries(view: RunView, pauses: Sequence[Pause]) -> Iterable[Wait]:
    if not pauses:
        return
    steps = {row.id: row.step for row in view.rows.values() if isinstance(row, TaskRow)}
    for each in sorted(pauses):
        yield Wait(RETRY, f"{each.kind} {each.name}", each.due, steps.get(each.task_id), each.number)


def sentence(waits: Sequence[Wait], now: float, most: int = _MOST) -> str:
    """Return what a run waits for as a part of a sentence; empty if it waits for nothing.

    ``most``: if it is more than this, the first few are named.
    """
    texts = [each.text(now) for each in waits]
    return ", ".join(texts) if len(texts) <= most else names(texts)
