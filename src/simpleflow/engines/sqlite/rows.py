"""The rows of runs and events: their columns, what each may hold, and the query for some runs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from simpleflow.core import codec, transitions
from simpleflow.core import events as e
from simpleflow.engines.base import RunFilter
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder import run_rows
from simpleflow.state_folder.database import SQL
from simpleflow.state_folder.faults import checksum

EventRow = tuple[int, str | bytes, int | None]
"""Place, text and checksum of an event. See ``pack`` for the text."""

_LONGEST_ID = 256  # characters of a workflow id
LONG = 1_024
"""Characters from which on the text of an event may be packed."""

_SAMPLE = 4_096  # characters whose compression tells of that of the rest

_NOT_PACKED = "[14,"  # DecisionTaskCompleted: a query reads its context

MAX_EVENTS = (1 << 32) - 1
"""The highest id that an event may have."""


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
    return RunRow(*columns) if run_rows.is_run(columns) else None


def readable_row(columns: Sequence[Any]) -> RunRow | None:
    """The same for a row that may be damaged: what cannot be right is left out; None if its ids cannot be."""
    if len(columns) != 9:
        return None
    run_id, workflow_id, root_id, *_ = columns
    if not (run_rows.is_run_id(run_id) and isinstance(workflow_id, str) and 0 < len(workflow_id) <= _LONGEST_ID):
        return None
    root = root_id if run_rows.is_run_id(root_id) else run_id
    return run_row(columns) or RunRow(run_id, workflow_id, root, "", "", transitions.OPEN, 0.0, None, "")


def runs_query(wanted: RunFilter, before: str | None, limit: int | None) -> tuple[str, list[Any]]:
    """Return the query for the executions that a filter accepts but for its tag, the latest first, and its values."""
    conditions: list[tuple[str, Sequence[Any]]] = [
        (f"{column} = ?", [value])
        for column, value in (("workflow_id", wanted.workflow_id), ("name", wanted.name), ("version", wanted.version))
        if value is not None
    ]
    for column, prefix in (("workflow_id", wanted.id_prefix), ("run_id", wanted.run_prefix)):
        if prefix:
            conditions.append((f"substr({column}, 1, ?) = ?", [len(prefix), prefix]))
    if wanted.statuses is not None:
        conditions.append((f"status in ({', '.join('?' * len(wanted.statuses))})", sorted(wanted.statuses)))
    if wanted.oldest:
        conditions.append(("started >= ?", [wanted.oldest]))
    if wanted.newest is not None:
        conditions.append(("started < ?", [wanted.newest]))
    if before is not None:
        conditions.append(("number < (select number from runs where run_id = ?)", [before]))
    where = f" where {' and '.join(text for text, _ in conditions)}" if conditions else ""
    values = [value for _, some in conditions for value in some]
    return f"{SQL['runs'].removesuffix(';')}{where} order by number desc limit ?", [
        *values,
        -1 if limit is None else limit,
    ]


def pack(text: str) -> str | bytes:
    """The text of an event as it is kept: compressed, if it is long and that saves half of it.

    The list of done marks is in the history of each run, and grows with them. It says much the same of each.
    """
    if len(text) < LONG or text.startswith(_NOT_PACKED):
        return text
    data = text.encode()
    if len(zlib.compress(data[:_SAMPLE], 1)) > min(len(data), _SAMPLE) / 2:
        return text
    return zlib.compress(data, 1)


def unpack(kept: object) -> str:
    """The text of an event. Raises InputError if it is not as ``pack`` makes it."""
    try:
        text = zlib.decompress(kept).decode() if isinstance(kept, bytes) else kept
    except (zlib.error, ValueError) as error:
        raise InputError(f"its text cannot be read: {error}") from error
    if not isinstance(text, str):
        raise InputError(f"its text is {text!r:.40}")
    return text


def decoded(rows: Sequence[EventRow], first: int) -> Iterator[e.Event]:
    """The events of rows of a run, from the id ``first`` on.

    Raises InputError for the first one that is missing or not as it was written.
    """
    if not rows:
        raise InputError("its events are missing")
    for number, (place, text, check) in enumerate(rows, first):
        if place & 0xFFFFFFFF != number:
            raise InputError(f"event {number} is missing")
        try:
            whole = unpack(text)
        except InputError as error:
            raise InputError(f"event {number} is not as it was written") from error
        if check not in (None, checksum(whole, number)):
            raise InputError(f"event {number} is not as it was written")
        event = codec.decode_event(whole)
        if event.id != number:
            raise InputError(f"event {number} has the number {event.id}")
        yield event
