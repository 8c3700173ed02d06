"""The rows of the table ``runs``: what each may hold, and whether they say what the events of their runs say.

Bytes that are damaged may still be a text or a number. Events have checksums, rows of runs have none. But of most of
their columns, the first and the last event of the run tell what was written.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from typing import Any

from simpleflow.exceptions import StateError
from simpleflow.state_folder.faults import damaged, is_token

OPEN = "open"

CLOSING = {
    "completed": 2,
    "failed": 4,
    "timed_out": 6,
    "canceled": 7,
    "continued_as_new": 9,
    "terminated": 11,
}
"""By the status of a run that has ended, the number of its last event in the short form (``core.compact``)."""

_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST = 256  # characters of ids and names
_LAST = 1e11  # epoch seconds, in the year 5138
_SLACK = 100.0  # seconds by which the start of a run and its first event may differ

_ROWS = """
select number, run_id, workflow_id, root_id, name, version, status, started, closed, owner,
    (select event from events where place = (runs.number << 32) + 1),
    (select event from events where place between (runs.number << 32) + 1 and (runs.number << 32) + 4294967295
        order by place desc limit 1)
from runs
"""


def is_run(columns: Sequence[Any]) -> bool:
    """True if these may be the columns of a run: run_id, workflow_id, root_id, name, version, status, started, closed
    and owner."""
    if len(columns) != 9:
        return False
    run_id, workflow_id, root_id, name, version, status, started, closed, owner = columns
    if not (is_run_id(run_id) and is_run_id(root_id) and all(map(_is_text, (workflow_id, name, version)))):
        return False
    if not (_is_time(started) and is_token(owner)):
        return False
    if status == OPEN:
        return closed is None
    return status in CLOSING and _is_time(closed)


def is_run_id(value: object) -> bool:
    """True if this may be the id of a run."""
    return isinstance(value, str) and _RUN_ID.fullmatch(value) is not None


def is_near(one: float, other: float) -> bool:
    """True if two times may be those of one moment."""
    return abs(one - other) <= _SLACK


def check(db: sqlite3.Connection, folder: str) -> None:
    """Raise StateError if a row cannot be that of a run, or does not fit to the events of its run."""
    for number, *columns, first, last in db.execute(_ROWS):
        # The owner is checked when somebody needs it: it names a file then.
        if not (is_run([*columns[:-1], ""]) and number > 0 and _fits(columns, first, last)):
            raise not_as_written(folder, columns[0])


def not_as_written(folder: object, run_id: object) -> StateError:
    """The error for a row that is damaged."""
    return damaged(folder, f"the row of run {run_id!r:.60} is not as it was written")


def _fits(columns: Sequence[Any], first: object, last: object) -> bool:
    _, _, _, name, version, status, started, *_ = columns
    begin, end = _event(first), _event(last)
    if begin is not None:
        kind = next((each for each in begin if isinstance(each, dict) and "version" in each), None)
        if begin[0] != 0 or kind != {"name": name, "version": version} or not is_near(begin[2], started):
            return False
    if end is None:
        return first is not None  # an event of a kind that is not looked into, or no event at all
    if status == OPEN:
        return end[0] not in CLOSING.values()
    return bool(end[0] == CLOSING[status])


def _event(text: object) -> list[Any] | None:
    """An event in the short form; None for another form, and for one that is damaged, which others tell."""
    if not isinstance(text, str) or not text.startswith("["):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if len(found) > 2 and isinstance(found[2], int | float) else None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def _is_time(value: object) -> bool:
    return isinstance(value, float) and 0 <= value <= _LAST
