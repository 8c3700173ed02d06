"""The output of ``workflow.steps``: a row for each step of a run, and a block of lines for each one that failed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from simpleflow import values
from simpleflow.cli import errors
from simpleflow.cli.options import TABLE
from simpleflow.cli.view.history_items import Item
from simpleflow.cli.view.output import Output
from simpleflow.cli.view.step_tables import utc
from simpleflow.core.work_time import WorkTime
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import duration, plain_reason, printable, short_run_id
from simpleflow.step.constants import FAILED, SKIPPED
from simpleflow.step.report import why
from simpleflow.views.rows import StepRow
from simpleflow.views.waits import Wait

_KEYS = (
    *("step", "workflow_id", "run_id", "state", "forced", "reasons", "begun_at", "ended_at"),
    *("seconds", "queued", "paused", "tries", "made_by", "error"),
    *("activity", "event_id", "arguments", "frame", "log", "waits_for", "waits_until"),
)
_MAX_ARGUMENTS = 200  # characters
_NOTEWORTHY = 1.0  # seconds; a table does not mention less queueing or pausing


class ShownStep(NamedTuple):
    """A step as the command shows it."""

    row: StepRow
    workflow_id: str  # of its run
    run_id: str
    state: str
    time: WorkTime
    tries: int
    made_by: str | None  # run id of the run that made its mark
    failed: Item | None  # the activity or child that failed it
    log: str  # the last lines of that activity's output
    retry: Wait | None = None  # the next try of one of its activities or children, for which it waits


def steps(output: Output, found: Sequence[ShownStep], workflow_id: str, short: Mapping[str, str]) -> None:
    """Write the steps of a run.

    Args:
        output: where to write.
        found: the steps, in the order of their first markers.
        workflow_id: of the run; a table names others, which are of child workflows.
        short: short run ids for a table, by run id.
    """
    children = any(each.workflow_id != workflow_id for each in found)
    made = any(each.made_by not in (None, each.run_id) for each in found)
    queued = any(each.time.queued >= _NOTEWORTHY for each in found)
    paused = any(each.time.paused >= _NOTEWORTHY for each in found)
    titles = (
        *("step", "state", "forced", "tries", "took"),
        *(["queued"] if queued else []),
        *(["between tries"] if paused else []),
        *(["made by run"] if made else []),
        *(["workflow"] if children else []),
        "why",
    )
    cells = [
        [
            *(each.row.name, each.state, "yes" if each.row.forced else "", str(each.tries or "")),
            _took(each),
            *([_noteworthy(each.time.queued)] if queued else []),
            *([_noteworthy(each.time.paused)] if paused else []),
            *([_made_by(each, short)] if made else []),
            *([each.workflow_id] if children else []),
            _why(each),
        ]
        for each in found
    ]
    output.rows(_KEYS, [_object(each) for each in found], titles, cells)
    if output.style == TABLE:
        for each in found:
            if each.row.state == FAILED:
                output.write("\n" + "\n".join(_failure(each)))


def _why(step: ShownStep) -> str:
    said = "" if step.retry is None else step.retry.next_try(time.time())
    return "; ".join(filter(None, (said, why(step.row.report))))


def _object(step: ShownStep) -> dict[str, Any]:
    failed, work, retry = step.failed, step.time, step.retry
    return {
        "step": step.row.name,
        "workflow_id": step.workflow_id,
        "run_id": step.run_id,
        "state": step.state,
        "forced": step.row.forced,
        "reasons": list(step.row.reasons),
        "begun_at": utc(work.began),
        "ended_at": None if step.row.end is None else utc(work.ended),
        "seconds": None if work.seconds is None else round(work.seconds, 3),
        "queued": round(work.queued, 3),
        "paused": round(work.paused, 3),
        "tries": step.tries,
        "made_by": step.made_by,
        "error": step.row.report.error,
        "activity": None if failed is None else failed.id,
        "event_id": None if failed is None else failed.event_id,
        "arguments": None if failed is None else values.decode(failed.input),
        "frame": (_frame(failed) or None) if failed is not None else None,
        "log": step.log or None,
        "waits_for": step.row.report.waits_for if retry is None else f"try {retry.number} of {retry.name}",
        "waits_until": None if retry is None else utc(retry.until),
    }


def _failure(step: ShownStep) -> list[str]:
    """Return the lines about a step that failed: its activity, the arguments, the error, the place and the output."""
    failed = step.failed
    lines = {"error": errors.one_line(plain_reason(step.row.report.error))}
    if failed is not None:
        again = f", try {failed.tries}" if failed.tries > 1 else ""
        lines = {
            failed.kind: f"{failed.name}{again}  ({failed.id})",
            "arguments": _arguments(failed.input),
            "error": errors.task_failure(failed.reason, failed.details)[0],
            "at": _frame(failed),
        }
    shown = [f"failed: {printable(step.row.name)}"]
    shown += [f"  {name:<9}  {printable(text)}" for name, text in lines.items() if text]
    if step.log:
        shown += ["  output", *(f"    {printable(line)}" for line in step.log.splitlines())]
    return shown


def _frame(item: Item) -> str:
    return errors.last_frame(errors.traceback_of(item.details))


def _arguments(text: str | None) -> str:
    """Return the arguments in an input as in a call, cut at 200 characters."""
    try:
        args, kwargs = values.arguments(values.decode(text))
    except InputError:
        return ""
    parts = [_json(each) for each in args] + [f"{name}={_json(each)}" for name, each in kwargs.items()]
    shown = errors.one_line(", ".join(parts))
    return shown if len(shown) <= _MAX_ARGUMENTS else shown[: _MAX_ARGUMENTS - 3] + "..."


def _json(value: Any) -> str:
    return values.encode(value, "the value to show")


def _took(step: ShownStep) -> str:
    return "" if step.row.state == SKIPPED else _duration(step.time.seconds)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else duration(max(0.0, seconds))


def _noteworthy(seconds: float) -> str:
    return duration(seconds) if seconds >= _NOTEWORTHY else ""


def _made_by(step: ShownStep, short: Mapping[str, str]) -> str:
    made_by = step.made_by
    if made_by is None or made_by == step.run_id:
        return ""
    return short.get(made_by) or short_run_id(made_by)  # of a run that was removed
