"""The waits of an open run, read from its history: signals, timers, the next try of a task, and claims of other runs.

So another terminal says the same as the view of the process that drives the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from simpleflow.cli.view.pauses import Pause, next_try, pause_of
from simpleflow.cli.view.step_tables import utc
from simpleflow.constants import RESERVED_TIMER
from simpleflow.core import awaited
from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import duration, names, printable, with_short_ids
from simpleflow.step.constants import WAITING
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

    def as_object(self) -> dict[str, Any]:
        """The wait for programs."""
        found = {"kind": self.kind, "name": self.name, "until": utc(self.until), "step": self.step}
        return found | ({"try": self.number} if self.kind == RETRY else {}) | {"workflow_id": self.child}


def waits_in(view: RunView, events: Sequence[e.Event]) -> list[Wait]:
    """Return what a run waits for; nothing for one that has ended, or that no process drives.

    ``events``: the whole history that the view has folded.
    """
    if view.closed or view.abandoned:
        return []
    found = [Wait(SIGNAL, name) for name in awaited.read(view.context)]
    pauses: list[Pause] = []
    for row in view.of_kind(TimerRow):
        timer: Any = events[row.event_id - 1].attributes
        if row.end_id or not isinstance(timer, e.TimerStarted):
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
