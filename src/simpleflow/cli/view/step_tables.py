"""The output of the commands about steps: a row of a table, or an object, for each step."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import shown_text
from simpleflow.cli.options import JSON, TABLE
from simpleflow.cli.run_ids import short_ids
from simpleflow.cli.view.estimate_text import estimate_object, estimate_text
from simpleflow.cli.view.tables import TableLayout, as_json, objects, table

if TYPE_CHECKING:
    from simpleflow.steering.estimate import Estimate
    from simpleflow.steering.plan import Plan, PlannedStep
    from simpleflow.step.mark import Mark

_LISTED = (
    *("step", "done_at", "workflow_id", "run_id", "seconds", "forced", "reasons"),
    *("by_hand", "fingerprint", "kept", "problem", "arguments", "file", "changed"),
)
_PLANNED = ("step", "verdict", "forced", "reasons", "workflow_id", "unmarks", "note", "changed")


def listed(marks: Sequence[Mark], changed: Mapping[str, str], workflow_id: str, style: str, layout: TableLayout) -> str:
    """Return the done steps as text; an empty text instead of an empty table.

    ``changed`` says by name how steps differ from what they were done with. In a table, the run of another workflow
    than ``workflow_id`` is shown with its workflow id.
    """
    if style != TABLE:
        return objects(style, _LISTED, [_mark(each, changed.get(each.step)) for each in marks])
    titles = ("step", "done at", "run", "took", "forced", *(["changed"] if changed else []))
    short = short_ids([each.run_id for each in marks if each.run_id is not None])
    rows = (
        [
            *_mark_cells(each, workflow_id, short),
            *([shown_text.printable(changed.get(each.step, ""))] if changed else []),
        ]
        for each in marks
    )
    return table(titles, rows, layout) if marks else ""


def planned(plan: Plan, workflow_id: str, style: str, layout: TableLayout, estimate: Estimate | None = None) -> str:
    """Return the planned steps as text. Below a table stand the notes that belong to no step, and the estimate.

    With an estimate, JSON is one object with ``steps`` and ``estimate``; CSV has the steps alone.
    """
    if style != TABLE:
        keys = (*_PLANNED, *(("seconds", "rests_on") if estimate is not None else ()))
        steps = [_planned(each, estimate) for each in plan.steps]
        if estimate is not None and style == JSON:
            return as_json({"steps": steps, "estimate": estimate_object(estimate)})
        return objects(style, keys, steps)
    children = any(each.workflow_id != workflow_id for each in plan.steps)
    takes = ["takes"] if estimate is not None else []
    titles = ("step", "verdict", *takes, "forced", *(["workflow"] if children else []), "why")
    rows = [_plan_cells(each, children, estimate) for each in plan.steps]
    shown = {each.note for each in plan.steps}
    notes = [shown_text.printable(note) for note in plan.notes if note not in shown]
    times = [] if estimate is None else [estimate_text(estimate, layout)]
    return "\n".join([*([table(titles, rows, layout)] if rows else []), *notes, *times])


def _planned(step: PlannedStep, estimate: Estimate | None) -> dict[str, Any]:
    found = {key: getattr(step, key) for key in _PLANNED}
    if estimate is not None:
        key = step.workflow_id, step.step
        found |= {"seconds": estimate.steps.get(key), "rests_on": estimate.rests_on.get(key)}
    return found


def changed(what: str, names: Iterable[str], others: Iterable[str], style: str, layout: TableLayout) -> str:
    """Return as text which steps were changed. ``what`` is the change, such as "marked"; ``others`` did not change."""
    changed_names = list(names)
    if style == TABLE:
        return table([what], [[name] for name in changed_names], layout) if changed_names else ""
    rows = [{"step": name, what: True} for name in changed_names] + [{"step": name, what: False} for name in others]
    return objects(style, ("step", what), rows)


def _mark(mark: Mark, changed: str | None) -> dict[str, Any]:
    made_with = mark.made_with
    found = mark._asdict() | {
        "done_at": utc(mark.time),
        "seconds": _finite(mark.seconds),
        "arguments": None if made_with is None else made_with.arguments,
        "file": None if made_with is None else made_with.file,
        "changed": changed,
    }
    return {key: found[key] for key in _LISTED}


def _mark_cells(mark: Mark, workflow_id: str, short: Mapping[str, str]) -> list[str]:
    seconds = _finite(mark.seconds)
    took = "" if seconds is None else shown_text.duration(seconds)
    return [mark.step, local(mark.time), _run(mark, workflow_id, short), took, _forced(mark)]


def _run(mark: Mark, workflow_id: str, short: Mapping[str, str]) -> str:
    run = "by hand" if mark.by_hand else short.get(mark.run_id or "", "")
    return run if mark.workflow_id in (None, workflow_id) else f"{mark.workflow_id} {run}".rstrip()


def _forced(mark: Mark) -> str:
    if mark.problem is not None:
        return mark.problem
    if mark.forced is None:
        return ""
    return _yes(mark.forced) + (f": {shown_text.names(mark.reasons)}" if mark.reasons else "")


def _takes(step: PlannedStep, estimate: Estimate) -> str:
    """How long a step that runs takes, and on how many runs this rests."""
    key = step.workflow_id, step.step
    seconds, runs = estimate.steps.get(key), estimate.rests_on.get(key, 0)
    if seconds is None:
        return ""
    if not runs:
        return f"at least {shown_text.duration(seconds)}" if seconds else "not known"
    return f"{shown_text.duration(seconds)} ({shown_text.count(runs, 'run')})"


def _plan_cells(step: PlannedStep, children: bool, estimate: Estimate | None) -> list[str]:
    workflow = [step.workflow_id] if children else []
    takes = [] if estimate is None else [_takes(step, estimate)]
    return [step.step, step.verdict, *takes, _yes(step.forced), *workflow, step.why]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def utc(seconds: float | None) -> str | None:
    """Return epoch seconds as ISO 8601 in UTC with milliseconds, or None if they are no valid time."""
    try:
        found = None if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return None if found is None else found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(seconds: float | None) -> str:
    """Return epoch seconds as local date and time, to the second, or an empty text if they are no valid time."""
    try:
        return "" if seconds is None else datetime.datetime.fromtimestamp(seconds).isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        return ""
