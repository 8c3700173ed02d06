"""The shapes of a timeline, as SVG text, and their classes. Lengths are in the units of the picture."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.pictures.markup import number

RAN, RUNNING, DID_FAIL, ENDED_EARLY = "is-done", "is-running", "is-failed", "is-stopped"
RETRIED, QUEUED, PAUSE, SKIP, CRITICAL, CHILD, FOLDED = (
    "is-failed retried",
    "queued",
    "pause",
    "tick-skipped",
    "critical",
    "child",
    "folded",
)
"""The classes of the shapes."""


def rect(classes: str, left: float, right: float, y: float, height: float, fill: str = "") -> str:
    """A bar from ``left`` to ``right``; ``fill``: an attribute that fills it with a pattern."""
    place = f'x="{number(left)}" y="{number(y)}" width="{number(max(right - left, 0.1))}" height="{number(height)}"'
    return f'<rect class="{classes}" {place} {fill}/>'.replace(" />", "/>")


def line(classes: str, left: float, right: float, y: float) -> str:
    """A line from ``left`` to ``right``."""
    return f'<path class="{classes}" d="M{number(left)} {number(y)}H{number(right)}"/>'


def path(classes: str, places: Iterable[tuple[float, float]], y: float, height: float, fill: str = "") -> str:
    """Several bars of one kind, each from the first to the second number of a pair, as one shape."""
    drawn = "".join(f"M{number(a)} {number(y)}H{number(b)}v{number(height)}H{number(a)}z" for a, b in places)
    return f'<path class="{classes}" d="{drawn}" {fill}/>'.replace(" />", "/>")


def flag(x: float, y: float) -> str:
    """The mark of a failure."""
    return flags([x], y)


def flags(places: Iterable[float], y: float) -> str:
    """The mark of failures: a triangle, so that readers need not tell colours apart."""
    drawn = "".join(f"M{number(x - 3.5)} {number(y - 3)}h7l-3.5 5z" for x in places)
    return f'<path class="{DID_FAIL} flag" d="{drawn}"/>'
