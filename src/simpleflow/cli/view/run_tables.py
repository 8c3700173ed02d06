"""The output of the commands about runs: objects for programs, and table cells for people."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from simpleflow import values
from simpleflow.cli import errors
from simpleflow.cli.failed_runs import RunFailure
from simpleflow.cli.options import JSON
from simpleflow.cli.view import history_items
from simpleflow.cli.view.history_items import Item
from simpleflow.cli.view.output import Output
from simpleflow.cli.view.step_tables import local, utc
from simpleflow.core import events as e
from simpleflow.engines.base import RunDescription
from simpleflow.shown_text import duration, plain_reason, printable
from simpleflow.step.report import StepReport, Tally
from simpleflow.views import rows
from simpleflow.views.waits import RETRY, Wait, sentence

RUN = ("workflow_id", "run_id", "name", "version", "status", "alive", "started_at", "closed_at", "seconds")
_SHOWN = 3  # failed steps of a run that are named, or what it waits for
_LISTED = (*RUN, "failed", "reason", "waits_for")
_ITEM = (
    "kind",
    "id",
    "name",
    "step",
    "version",
    "state",
    "tries",
    "event_id",
    "scheduled_at",
    "started_at",
    "closed_at",
)
_TASK = (*_ITEM, "waited", "worked", "worker", "reason", "timeout_type")
_FULL_TASK = (*_TASK, "task_list", "limits", "input", "result", "details")
_PROFILE = (
    *("name", "version", "count", "timed_out", "total_waiting", "mean_waiting", "max_waiting"),
    *("total_working", "mean_working", "max_working"),
)
_MAX_VALUE_LENGTH = 200


def runs(
    output: Output,
    found: Sequence[RunDescription],
    failures: Mapping[str, RunFailure],
    waits: Mapping[str, Sequence[Wait]],
    short: Mapping[str, str],
    local_runs: bool,
    stood_still: Mapping[str, float | None],
) -> None:
    """Write a row for each run.

    Args:
        output: where to write.
        found: the runs.
        failures: their failures, by run id.
        waits: their waits, by run id.
        short: the short run ids, by run id, for a table.
        local_runs: the runs are in a folder, so it is known if a process drives them.
        stood_still: when their processes died, by run id, of those that were not at their end.
    """
    types = {(each.workflow_id, each.name) for each in found}
    named = all(workflow_id == name for workflow_id, name in types)  # then the type says nothing new
    titles = (
        *("workflow", "run", *([] if named else ["type"]), "status", "started", "took"),
        "what failed",
    )
    objects = [
        described(each, local_runs)
        | _failed(failures[each.run_id])
        | {"waits_for": [wait_object(wait) for wait in waits[each.run_id]]}
        for each in found
    ]
    cells = [
        [
            each.workflow_id,
            short.get(each.run_id, each.run_id),
            *([] if named else [f"{each.name} {each.version}"]),
            status(each, local_runs),
            local(each.started),
            took(each, stood_still.get(each.run_id)),
            "; ".join(filter(None, (what_failed(failures[each.run_id]), waiting(waits[each.run_id])))),
        ]
        for each in found
    ]
    output.rows(_LISTED, objects, titles, cells)


def wait_object(wait: Wait) -> dict[str, Any]:
    """Return what a run waits for as an object for programs."""
    found = {"kind": wait.kind, "name": wait.name, "until": utc(wait.until), "step": wait.step}
    return found | ({"try": wait.number} if wait.kind == RETRY else {}) | {"workflow_id": wait.child}


def waiting(waits: Sequence[Wait]) -> str:
    """Return what a run waits for as text; empty if it waits for nothing."""
    return f"waits for {sentence(waits, time.time(), _SHOWN)}" if waits else ""


def headline(
    run: RunDescription,
    short: Mapping[str, str],
    local_run: bool,
    reports: Sequence[StepReport],
    stood_still: float | None,
) -> str:
    """Return a line about a run as a whole: its ids, how it stands, and how many of its steps ran."""
    tally = Tally()
    for number, report in enumerate(reports):
        tally.add(report, number)
    name = f"run {short.get(run.run_id, run.run_id)} of workflow {printable(run.workflow_id)}"
    is_over = run.status != "open" or (local_run and not run.alive)
    steps = tally.text(over=is_over) if len(tally) else "no steps"
    return f"{name}: {status(run, local_run)}, started {local(run.started)}, took {took(run, stood_still)}; {steps}"


def _failed(failure: RunFailure) -> dict[str, Any]:
    return {"failed": list(failure.steps), "reason": failure.reason}


def what_failed(failure: RunFailure) -> str:
    """Return what failed in a run as text: each step with its own error, or else why the run ended."""
    if not failure.steps:
        return short_value(failure.reason)
    said = [f"{step}: {short_value(error)}" if error else step for step, error in failure.steps.items()]
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def events(output: Output, history: Sequence[e.Event], latest_first: bool = False) -> None:
    """Write a row for each event."""
    known = {item.event_id: item for item in history_items.items(history)}
    history = history[::-1] if latest_first else history
    found: list[dict[str, Any]] = [
        {"id": each.id, "time": utc(each.time), "type": each.type, "what": history_items.describe_event(each, known)}
        for each in history
    ]
    cells = [
        [str(row["id"]), local(event.time), event.type, short_value(row["what"])]
        for row, event in zip(found, history, strict=True)
    ]
    keys: tuple[str, ...] = ("id", "time", "type", "what")
    if output.style == JSON:  # the whole event too, for history.check and other programs
        from simpleflow.core.codec import event_to_dict

        found = [{**row, "event": event_to_dict(event)} for row, event in zip(found, history, strict=True)]
        keys = (*keys, "event")
    output.rows(keys, found, ("id", "time", "type", "what"), cells)


def cooked(output: Output, found: Sequence[Item]) -> None:
    """Write a row for each activity task, child, timer, signal and marker."""
    titles = ("kind", "id", "name", "state", "try", "at", "waited", "worked", "why")
    cells = [
        [
            *(each.kind, each.id, each.name, each.state, str(each.tries), local(each.scheduled)),
            *(_seconds(each.waited), _seconds(each.worked), _reason(each)),
        ]
        for each in found
    ]
    output.rows(_FULL_TASK, [_item(each) for each in found], titles, cells)


def activities(output: Output, found: Sequence[Item]) -> None:
    """Write a row for the last try of each activity."""
    titles = ("activity", "type", "state", "tries", "started", "took", "worker", "why")
    cells = [
        [
            *(each.id, each.name, each.state, str(each.tries), local(each.started)),
            *(_seconds(each.worked), _worker_name(each), _reason(each)),
        ]
        for each in found
    ]
    output.rows(_TASK, [_item(each) for each in found], titles, cells)


def activity(output: Output, found: Item, details: bool) -> None:
    """Write one object with all facts about an activity. ``details`` adds the details of its failure."""
    lines = {
        "activity": found.id,
        "type": f"{found.name} {found.version or ''}".rstrip(),
        "step": found.step or "",
        "state": found.state,
        "tries": str(found.tries),
        "event": str(found.event_id),
        "task list": found.task_list or "",
        "scheduled": local(found.scheduled),
        "started": local(found.started),
        "closed": local(found.closed),
        "waited": _seconds(found.waited),
        "worked": _seconds(found.worked),
        "worker": _worker_name(found),
        "limits": _limits(found),
        "input": short_value(values.decode(found.input)),
        "result": short_value(values.decode(found.result)),
        "why": _reason(found),
    }
    keys = _FULL_TASK if details else tuple(key for key in _FULL_TASK if key != "details")
    output.one(keys, _item(found), [[name, value] for name, value in lines.items() if value])


def _worker_name(item: Item) -> str:
    """Return the worker as ``host:pid`` if its identity consists of user, host and pid; else the identity."""
    found = values.decode(item.worker)
    if isinstance(found, dict) and set(found) == {"user", "host", "pid"}:
        return f"{found['host']}:{found['pid']}"
    return item.worker or ""


def _limits(item: Item) -> str:
    """The time-outs that an activity has, in words."""
    limits = [
        f"{name.removesuffix('_timeout').replace('_', '-')} {seconds} s"
        for name, seconds in (item.limits or {}).items()
        if seconds is not None
    ]
    return ", ".join(limits) or "none"


def profile(output: Output, found: Sequence[dict[str, Any]]) -> None:
    """Write a row for each type of activity."""
    titles = (
        "type",
        "version",
        "count",
        "timed out",
        *(f"{what} {word}" for word in ("waiting", "working") for what in _STATISTICS),
    )
    cells = [
        [
            *(row["name"], row["version"] or "", str(row["count"]), str(row["timed_out"])),
            *(_seconds(row[f"{what}_{word}"]) for word in ("waiting", "working") for what in _STATISTICS),
        ]
        for row in found
    ]
    output.rows(_PROFILE, found, titles, cells)


_STATISTICS = ("total", "mean", "max")


def described(run: RunDescription, local_run: bool) -> dict[str, Any]:
    return {
        "workflow_id": run.workflow_id,
        "run_id": run.run_id,
        "name": run.name,
        "version": run.version,
        "status": run.status,
        "alive": run.alive if local_run and run.status == "open" else None,
        "started_at": utc(run.started),
        "closed_at": utc(run.closed),
        "seconds": None if run.closed is None else round(run.closed - run.started, 3),
    }


def _item(item: Item) -> dict[str, Any]:
    """Return all members of an item as an object for programs."""
    return {
        **{
            name: getattr(item, name)
            for name in ("kind", "id", "name", "step", "version", "state", "tries", "event_id")
        },
        "scheduled_at": utc(item.scheduled),
        "started_at": utc(item.started),
        "closed_at": utc(item.closed),
        **{name: _rounded(getattr(item, name)) for name in ("waited", "worked")},
        **{name: getattr(item, name) for name in ("worker", "reason", "timeout_type", "task_list", "limits")},
        **{name: values.decode(getattr(item, name)) for name in ("input", "result", "details")},
    }


def status(run: RunDescription, local_run: bool) -> str:
    """Return the status of a run. For an open run in a folder it says if no process drives it."""
    return "open, no process" if local_run and run.status == "open" and not run.alive else run.status


def took(run: RunDescription, stood_still: float | None = None) -> str:
    """Return how long a run has taken; until its process died, if it did (``stood_still``)."""
    end = run.closed if run.closed is not None else stood_still if stood_still is not None else time.time()
    return duration(max(0.0, end - run.started))


def _reason(item: Item) -> str:
    if item.state != "failed" or item.kind != rows.ACTIVITY:
        return short_value(plain_reason(item.reason))
    return errors.task_failure_line(item.reason, item.details)


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(max(0.0, value))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def short_value(value: Any) -> str:
    """Return a value on one line, cut at 200 characters."""
    if value is None:
        return ""
    text = errors.one_line(value if isinstance(value, str) else values.encode(value, "the value to show"))
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 3] + "..."
