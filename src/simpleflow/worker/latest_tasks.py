"""How long the latest tasks of a pool took, which says how long those that are under way may take."""

from __future__ import annotations

_SHORT_SECONDS = 0.01  # a task that takes less is short
_SHORT_IN_A_ROW = 8
_SOON_SECONDS = 0.0005  # a task that takes less may end while its owner spins, which makes logs before that


class LatestTasks:
    """The times of the latest tasks."""

    def __init__(self) -> None:
        self._short_in_a_row = 0
        self._seconds = 0.0  # that the latest task took

    def ended(self, seconds: float) -> None:
        """A task has ended, which took so long."""
        self._seconds = seconds
        self._short_in_a_row = self._short_in_a_row + 1 if seconds < _SHORT_SECONDS else 0

    def forget(self) -> None:
        """Take those under way for long ones, until several short tasks have ended."""
        self._short_in_a_row = 0

    @property
    def are_short(self) -> bool:
        """True if several short ones have ended in a row: then those under way are taken for short ones, too."""
        return self._short_in_a_row >= _SHORT_IN_A_ROW

    @property
    def end_soon(self) -> bool:
        """True if the latest one took so little time that the end of the next one is worth spinning for."""
        return self._seconds < _SOON_SECONDS
