"""The input and the result of a run, how it was steered, and the runs that it belongs to."""

from __future__ import annotations

from typing import Any

from simpleflow import values as json_values
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import InputError, UnknownResource
from simpleflow.step.request import REQUEST
from simpleflow.ui import failures
from simpleflow.ui.downloads import Download
from simpleflow.ui.run_frame import Visit
from simpleflow.ui.texts import pretty
from simpleflow.views.run_view import RunView


def ends(visit: Visit, run: RunDescription, view: RunView) -> dict[str, Any]:
    """The input and the result of the run."""
    started: Any = visit.source.event(run, 1).attributes
    closed: Any = visit.source.event(run, view.closed_id).attributes if view.closed else None
    parent = started.parent_workflow_execution
    given = failures.restored(visit.source, started.input)
    requested = _requested(given)
    shown = None if given is None else _readable(given)
    result = failures.restored(visit.source, getattr(closed, "result", None))
    return {
        "input": None if shown in (None, "[]") else pretty(shown),
        "requested": requested,
        "result": None if result in (None, "null") else pretty(result),
        "parent": parent,
        "tags": started.tag_list or (),
        "closed_id": view.closed_id,
        "continued": getattr(closed, "new_execution_run_id", None),
        "continues": getattr(started, "continued_execution_run_id", None),
    }


def download(visit: Visit, id: str, what: str) -> Download:
    """The input or the result of a run, as a file. Raises UnknownResource."""
    run = visit.source.find(id)
    folded = visit.runs.run(run)
    holder = {"input": 1, "result": folded.view.closed_id}.get(what, 0)
    attributes: Any = visit.source.event(run, holder).attributes if holder else None
    text = failures.restored(visit.source, getattr(attributes, what, None))
    if text is None:
        raise UnknownResource(f"run {run.run_id} has no {what}")
    return Download(f"{run.workflow_id}-{what}.json", text, kind="application/json")


def _readable(text: str) -> str:
    """The input without the parts that simpleflow adds, or that are empty: ``[1]`` for ``{"args": [1], ...}``."""
    try:
        args, kwargs = json_values.arguments(json_values.decode(text))
    except InputError:
        return text
    if args and kwargs:
        return json_values.encode({"args": args, "kwargs": kwargs}, "input")
    return json_values.encode(kwargs or args, "input")


def _requested(text: str | None) -> list[tuple[str, str]]:
    """How the run was steered at its start: an option and its names."""
    found = json_values.reserved(text).get(REQUEST)
    if not isinstance(found, dict):
        return []
    names = [(key, json_values.text_tuple(found.get(key))) for key in ("force", "skip", "only", "until")]
    said = [(key, ", ".join(each)) for key, each in names if each]
    return [*said, *([("changed", "what has changed runs")] if found.get("changed") else [])]
