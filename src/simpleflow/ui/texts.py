"""Texts of the pages: times, durations, numbers and values for people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from simpleflow.core import transitions
from simpleflow.engines.base import RunDescription
from simpleflow.pictures.style import LOOKS
from simpleflow.shown_text import duration

MAX_VALUE = 65_536
"""Characters of a value that a page shows; a longer one is a download."""

WORDS = {
    transitions.OPEN: "running",
    transitions.TIMED_OUT: "timed out",
    transitions.CANCELED: "cancelled",
    transitions.CONTINUED_AS_NEW: "continued as new",
    "started": "running",
    "scheduled": "queued",
}
"""The words for states that are not those of the history."""

STEP_WORDS = {"completed": "ran"}
"""The same for steps."""

COUNT_WORDS = {
    "done": "ran",
    "skipped": "skipped",
    "running": "running",
    "waiting": "waiting",
    "failed": "failed",
    "stopped": "stopped",
}
"""Words for steps, by their look."""


def word(state: str) -> str:
    """The state of a run, an activity or another row, for people."""
    return WORDS.get(state, state.replace("_", " "))


def step_word(state: str) -> str:
    """The state of a step, for people."""
    return STEP_WORDS.get(state) or word(state)


def counts_text(counts: Mapping[str, int]) -> str:
    """Steps by look, in words: ``3 ran, 118 skipped``."""
    return ", ".join(f"{counts[each.name]:,} {COUNT_WORDS[each.name]}" for each in LOOKS if counts.get(each.name))


def count(number: int, one: str, more: str = "") -> str:
    """A number with its noun: ``1 step``, ``2,000 steps``."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def when(seconds: float | None, now: float | None = None) -> str:
    """A time in the local time zone: ``07:41:02`` today, else with the day, and the year if it is another."""
    if seconds is None:
        return ""
    then, today = time.localtime(seconds), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M:%S", then)
    day = f"{then.tm_mday} {time.strftime('%b', then)}"
    year = f" {then.tm_year}" if then.tm_year != today.tm_year else ""
    return f"{day}{year} {time.strftime('%H:%M', then)}"


def iso(seconds: float | None) -> str:
    """The same in UTC, for programs and as the title of a time."""
    return "" if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def took(run: RunDescription, now: float) -> str:
    """How long a run has taken."""
    end = run.closed if run.closed is not None else now
    return duration(max(0.0, end - run.started))


def seconds_text(seconds: float | None) -> str:
    """A duration; empty if it is not known."""
    return "" if seconds is None else duration(seconds)


def pretty(text: str) -> str:
    """JSON text with a line for each member, if it is JSON and gets not too long; else the text as it is."""
    if len(text) > MAX_VALUE:
        return text
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, str):
        return value if "\n" in value else text
    if not isinstance(value, dict | list):
        return text
    found = json.dumps(value, indent=2, ensure_ascii=False)
    return found if len(found) <= MAX_VALUE else text
