"""A run in one sentence: how it ended, where, and what its steps did."""

from __future__ import annotations

from collections import Counter

from simpleflow.core import transitions
from simpleflow.shown_text import duration, names
from simpleflow.step.constants import COMPLETED, FAILED, SCHEDULED, SKIPPED, WAITING
from simpleflow.views import rows
from simpleflow.views.run_view import RunView

_ENDS = {
    transitions.COMPLETED: "completed in",
    transitions.FAILED: "failed after",
    transitions.CANCELED: "cancelled after",
    transitions.TIMED_OUT: "timed out after",
    transitions.TERMINATED: "terminated after",
    transitions.CONTINUED_AS_NEW: "continued as a new run after",
}


def sentence(view: RunView, now: float | None = None) -> str:
    """Return a sentence such as ``failed after 2 h 10 min in load.orders; 118 skipped, 3 ran, 1 failed``.

    ``now``: the time until which an open run has gone on, in epoch seconds. Default: its last event.
    """
    end = view.last_time if view.closed or now is None else max(now, view.last_time)
    took = duration(max(0.0, end - (view.began if view.began is not None else end)))
    failed = [row.name for row in view.failed_steps()]
    said = f"{_ENDS.get(view.state, 'ended after')} {took}" if view.closed else f"running for {took}"
    if failed and view.state == transitions.COMPLETED:
        said += f", but {names(failed)} failed"
    elif failed:
        said += f" in {names(failed)}"
    elif not view.closed:
        working = [row.name for row in view.steps.values() if row.state == SCHEDULED]
        said += f": {names(working)}" if working else ""
    counts = counts_of(view)
    return f"{said}; {counts}" if counts else said


def counts_of(view: RunView) -> str:
    """Return how many steps did what, the most first: ``118 skipped, 3 ran``; empty if there are none."""
    words = {SKIPPED: "skipped", COMPLETED: "ran", FAILED: "failed", SCHEDULED: "under way", WAITING: "waiting"}
    counts: Counter[str] = Counter()
    for row in view.steps.values():
        state = view.state_of(row)
        counts["stopped" if state == rows.STOPPED else words.get(state, state)] += 1
    return ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
