"""A clock that stands still until it is set: hours of a run pass in a moment."""

from __future__ import annotations

BEGIN = 1_700_000_000.0
"""The time at which a virtual clock begins, in epoch seconds: a day in November 2023."""


class VirtualClock:
    """Call it for the time in epoch seconds. It never goes back."""

    def __init__(self, now: float = BEGIN) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance_to(self, moment: float) -> None:
        """Let the time be ``moment``, unless it is later already."""
        self.now = max(self.now, moment)
