"""The rows of the table ``runs``: their columns, and what each may hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from simpleflow.core import transitions
from simpleflow.state_folder.faults import is_token

STATES = (
    transitions.OPEN,
    transitions.COMPLETED,
    transitions.FAILED,
    transitions.CANCELED,
    transitions.TERMINATED,
    transitions.TIMED_OUT,
    transitions.CONTINUED_AS_NEW,
)
"""What the column ``status`` may hold."""


class RunRow(NamedTuple):
    """A row of ``runs`` without its number."""

    run_id: str
    workflow_id: str
    root_id: str
    name: str
    version: str
    status: str
    started: float
    closed: float | None
    owner: str


def run_row(columns: Sequence[Any]) -> RunRow | None:
    """Return the row with these columns; None if they cannot be those of a run."""
    if len(columns) != 9:
        return None
    run_id, workflow_id, root_id, name, version, status, started, closed, owner = columns
    times = [each for each in (started, closed) if each is not None]
    if (
        all(isinstance(each, str) for each in columns[:5])
        and status in STATES
        and started is not None
        and all(isinstance(each, int | float) and math.isfinite(each) for each in times)
        and is_token(owner)
    ):
        end = None if closed is None else float(closed)
        return RunRow(run_id, workflow_id, root_id, name, version, status, float(started), end, owner)
    return None
