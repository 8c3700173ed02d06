"""The last lines that failed activities have printed, for the lines under a failure."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.cli.view.failures import ActivityFailure
from simpleflow.state_folder import logs

_MOST = 20
"""After so many failures of a run that have printed something, the lines of further ones are not shown."""

_OF_A_STEP = 2  # activities of one step whose lines are shown
_LONGEST = 300  # characters of a line


class OutputTail:
    """Reads the ends of logs.

    Args:
        state: the state folder; empty: there are no logs, or they are not to be shown.
    """

    def __init__(self, state: str = "") -> None:
        self._state = state
        self._left = _MOST

    def lines(self, failures: Iterable[ActivityFailure]) -> list[str]:
        """The last lines that these activities have printed; an empty list if they have printed nothing."""
        found: list[str] = []
        shown = 0
        for failed in failures:
            if not self._state or not self._left or shown == _OF_A_STEP:
                break
            lines = logs.last_lines(self._state, failed.run_id, failed.activity_id)
            if lines:
                self._left -= 1
                shown += 1
                found += [each if len(each) <= _LONGEST else each[:_LONGEST] + "..." for each in lines]
        return found

    def latest(self, run_id: str, activity_id: str) -> str:
        """The latest line of an activity that runs; empty if there is none."""
        lines = logs.last_lines(self._state, run_id, activity_id, 1) if self._state else []
        return lines[0] if lines else ""
