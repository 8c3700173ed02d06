"""The done marks that a history writes: a projection of the markers of steps.

Where the marks of a run are in the database of its engine, no activity writes them. The markers of steps say it all:
``scheduled`` which marks are removed before the work, ``completed`` what the new mark says. The engine keeps these
changes in the transaction that keeps the marker, so that neither can exist without the other. Other markers change no
marks, nor do those of runs whose marks are elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.step import mark
from simpleflow.step.constants import COMPLETED, MARKER_NAME, SCHEDULED
from simpleflow.stores.base import Change

IN_HISTORY = "in_history"
"""Key of a marker ``scheduled``: the marks that it names are removed with it."""

MARK = "mark"
"""Key of a marker ``completed``: the content of the mark that is written with it."""

_MARK, _UNMARKS = f'"{MARK}"', '"unmarks"'  # in the text of a marker that changes marks


class _Run(Protocol):
    """An execution."""

    workflow_id: str
    run_id: str
    history: History


def prefix_of(workflow_id: str) -> str:
    """The prefix of the marks of a workflow id, where nothing else is configured."""
    return f"{workflow_id}/steps"


def changes_of(run: _Run, event: e.Event) -> Sequence[Change]:
    """The marks that an event writes or removes, in order."""
    marker = event.attributes
    if not isinstance(marker, e.MarkerRecorded) or marker.marker_name != MARKER_NAME:
        return ()
    text = marker.details or ""
    if _MARK not in text and _UNMARKS not in text:  # the common case, without decoding
        return ()
    details = values.decode(text)
    if not isinstance(details, dict):
        return ()
    status, prefix = details.get("status"), prefix_of(run.workflow_id)
    if status == SCHEDULED and details.get(IN_HISTORY) is True:
        return [Change(prefix, name, None) for name in details.get("unmarks") or ()]
    if status == COMPLETED and isinstance(content := details.get(MARK), dict):
        context = {
            "run_id": run.run_id,
            "workflow_id": run.workflow_id,
            "version": run.history.started.workflow_type.version,
        }
        return [Change(prefix, details["step"], mark.encode_read(context, event.time, content))]
    return ()
