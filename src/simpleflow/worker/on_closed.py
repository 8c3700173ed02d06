"""The port through which the layers above learn that an execution has closed.

The worker knows nothing of steps. A run that closes may still hold claims on steps: the caller that starts a worker
passes in the function that gives them up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simpleflow.core.history import History


class HasHistory(Protocol):
    """An execution that has a history."""

    @property
    def history(self) -> History:
        """All events so far."""


OnClosed = Callable[[HasHistory], None]
"""Called with an execution that has closed, unless it is continued as new: its successor holds what it held."""


def ignore(run: HasHistory) -> None:
    """Do nothing."""
