"""Assert that a recorded history still fits the code of a workflow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simpleflow.core import codec
from simpleflow.core import events as e
from simpleflow.exceptions import InputError
from simpleflow.steering.history_check import check
from simpleflow.testing.finished import FinishedRun
from simpleflow.workflow import Workflow

History = FinishedRun | str | os.PathLike[str] | Iterable[e.Event | Mapping[str, Any]]


def assert_replays(workflow: type[Workflow], history: History, *, workflow_id: str | None = None) -> int:
    """Assert that a workflow takes the decisions again that a history holds. Nothing is run.

    Args:
        history: a run of the test kit; a file that ``simpleflow workflow.history --format json`` has written; or
            events, as objects or in the JSON form of Amazon SWF.
        workflow_id: of the run, which is part of the ids of its children; None: as the history tells.

    Returns how many decisions are the same. Raises AssertionError with the first decision that differs; InputError for
    a history that is not one.
    """
    run_id = None
    if isinstance(history, FinishedRun):
        workflow_id, run_id = workflow_id or history.workflow_id, history.run_id
    found = check(workflow, _events(history), workflow_id, run_id)
    if found.difference is not None:
        event_id, recorded, today = found.difference
        raise AssertionError(
            f"the decision task of event {event_id} differs, after {found.decisions} decisions that are the same; "
            f"recorded: {recorded or 'no further decision'}; today: {today or 'no further decision'}"
        )
    return found.decisions


def _events(history: Any) -> list[e.Event]:
    if isinstance(history, FinishedRun):
        return history.events
    if isinstance(history, str | os.PathLike):
        text = Path(history).read_text(encoding="utf-8-sig")
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError(
                f"file {str(history)!r} is not JSON: {error}; expected the output of workflow.history"
            ) from error
        history = content.get("events", ()) if isinstance(content, dict) else content
    found = list(history)
    if all(isinstance(each, e.Event) for each in found):
        return found
    rows = [
        each["event"] if isinstance(each, Mapping) and isinstance(each.get("event"), Mapping) else each
        for each in found
    ]
    if not all(isinstance(each, Mapping) for each in rows):
        raise InputError("the history holds something that is no event; expected the output of workflow.history")
    return list(codec.decode_history(rows))
