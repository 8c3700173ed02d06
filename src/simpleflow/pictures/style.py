"""The look that the page, the report and the pictures share: one style sheet, and six looks for all states."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simpleflow.core import transitions
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import constants as steps
from simpleflow.views import rows


class Look(NamedTuple):
    """How a state looks. No two looks differ by colour alone."""

    name: str  # the class in the style sheet is ``is-NAME``; the colour is the variable ``--NAME``
    symbol: str  # one character, to stand before a word


DONE = Look("done", "✓")
SKIPPED = Look("skipped", "↷")
RUNNING = Look("running", "…")
WAITING = Look("waiting", "○")  # the terminal's hourglass is in few fonts of browsers
FAILED = Look("failed", "✗")
STOPPED = Look("stopped", "■")
LOOKS = (DONE, SKIPPED, RUNNING, WAITING, FAILED, STOPPED)
"""In the order in which bars and legends show them."""

_LOOKS: dict[str, Look] = {
    **dict.fromkeys((rows.COMPLETED, rows.FIRED, rows.DELIVERED, rows.RECEIVED, rows.RECORDED), DONE),
    steps.SKIPPED: SKIPPED,
    **dict.fromkeys((rows.STARTED, transitions.OPEN), RUNNING),
    **dict.fromkeys((steps.WAITING, rows.SCHEDULED), WAITING),
    **dict.fromkeys((rows.FAILED, rows.TIMED_OUT, rows.REFUSED), FAILED),
    **dict.fromkeys((rows.CANCELED, rows.TERMINATED, rows.STOPPED), STOPPED),
    transitions.CONTINUED_AS_NEW: DONE,
}


def look(state: str) -> Look:
    """The look of the state of a run, a step or a row. A step that is scheduled is under way: give it as started."""
    return _LOOKS.get(state, STOPPED)


@cache
def sheet() -> str:
    """The style sheet, as text for a ``style`` element or a file. It asks for nothing from elsewhere."""
    return Path(__file__).with_name("style.css").read_text(encoding="utf-8")
