"""The signals that a run has sent, for tests and programs that look at a run afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple


class SentSignal(NamedTuple):
    """A signal that a run sent."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    workflow_id: str  # of the execution that it was sent to


def signals_in(events: Iterable[e.Event]) -> list[SentSignal]:
    """The signals that these events of a run tell of, in order."""
    found = []
    for event in events:
        sent = event.attributes
        if isinstance(sent, e.SignalExternalWorkflowExecutionInitiated):
            args, kwargs = _signal_arguments(sent.input)
            found.append(SentSignal(sent.signal_name, args, kwargs, sent.workflow_id))
    return found


def _signal_arguments(text: str | None) -> tuple[list[Any], dict[str, Any]]:
    content = values.decode(text)
    if isinstance(content, dict):
        return list(content.get("args") or ()), dict(content.get("kwargs") or {})
    return ([] if content is None else [content]), {}
