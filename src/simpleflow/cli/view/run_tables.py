"""The output of the commands about runs: objects for programs, and table cells for people."""

from __future__ import annotations

import time
from collections import Counter
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
from simpleflow.core import timeouts
from simpleflow.core.decider.parts import unwrap
from simpleflow.engines.base import RunDescription
from simpleflow.step.report import StepReport, Tally, duration, printable
from simpleflow.views import rows
from simpleflow.views.run_view import RunView

_RUN = ("workflow_id", "run_id", "name", "version", "status", "alive", "started_at", "closed_at", "seconds")
_SHOWN = 3  # failed steps of a run that are named
_LISTED = (*_RUN, "failed", "reason")
_INFO = (
    *(*_RUN, "task_list", "tags", "input", "result", "reason", "details", "parent_workflow_id", "parent_run_id"),
    *("continues_run_id", "events", "decisions", "activities", "open_activities", "children", "timers", "signals"),
)
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
    short: Mapping[str, str],
    local_runs: bool,
) -> None:
    """Write a row for each run.

    Args:
        output: where to write.
        found: the runs.
        failures: what failed in them, by run id.
        short: the short run ids, by run id, for a table.
        local_runs: the runs are in a folder, so it is known if a process drives them.
    """
    titles = ("workflow", "run", "type", "status", "started", "took", "what failed")
    types = {(each.workflow_id, each.name) for each in found}
    named = all(workflow_id == name for workflow_id, name in types)  # then the type says nothing new
    objects = [_run(each, local_runs) | _failed(failures[each.run_id]) for each in found]
    cells = [
        [
            each.workflow_id,
            short.get(each.run_id, each.run_id),
            *([] if named else [f"{each.name} {each.version}"]),
            _status(each, local_runs),
            local(each.started),
            _duration(each),
            what_failed(failures[each.run_id]),
        ]
        for each in found
    ]
    output.rows(_LISTED, objects, tuple(each for each in titles if not named or each != "type"), cells)


def headline(run: RunDescription, short: Mapping[str, str], local_run: bool, reports: Sequence[StepReport]) -> str:
    """Return a line about a run as a whole: its ids, how it stands, and how many of its steps ran."""
    tally = Tally()
    for number, report in enumerate(reports):
        tally.add(report, number)
    name = f"run {short.get(run.run_id, run.run_id)} of workflow {printable(run.workflow_id)}"
    steps = tally.text(over=run.status != "open") if len(tally) else "no steps"
    return f"{name}: {_status(run, local_run)}, started {local(run.started)}, took {_duration(run)}; {steps}"


def _failed(failure: RunFailure) -> dict[str, Any]:
    return {"failed": list(failure.steps), "reason": failure.reason}


def what_failed(failure: RunFailure) -> str:
    """Return what failed in a run as text: each step with its own error, or else why the run ended."""
    if not failure.steps:
        return _short(failure.reason)
    said = [f"{step}: {_short(error)}" if error else step for step, error in failure.steps.items()]
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def info(output: Output, run: RunDescription, events: Sequence[e.Event], local_run: bool) -> None:
    """Write one object with all facts about a run; as a table, a line for each of them."""
    found = _run(run, local_run) | _started(events[0].attributes) | _ended(events) | _counts(events)
    if run.closed is not None:
        found["open_activities"] = 0  # they end with the run, without events of their own
    lines = {
        "workflow": run.workflow_id,
        "run": run.run_id,
        "type": f"{run.name} {run.version}",
        "status": _status(run, local_run),
        "started": local(run.started),
        "closed": local(run.closed),
        "took": _duration(run),
        "task list": found["task_list"],
        "tags": ", ".join(found["tags"]),
        "input": _short(found["input"]),
        "result": _short(found["result"]),
        "reason": _short(errors.raised(found["reason"])),
        "parent": " ".join(filter(None, (found["parent_workflow_id"], found["parent_run_id"]))),
        "continues": found["continues_run_id"] or "",
    }
    counts = [[key.replace("_", " "), str(found[key])] for key in _INFO[_INFO.index("events") :]]
    cells = [[name, value] for name, value in lines.items() if value] + counts
    output.one(_INFO, found, cells)


def events(output: Output, history: Sequence[e.Event], latest_first: bool = False) -> None:
    """Write a row for each event."""
    known = {item.event_id: item for item in history_items.items(history)}
    history = history[::-1] if latest_first else history
    found: list[dict[str, Any]] = [
        {"id": each.id, "time": utc(each.time), "type": each.type, "what": history_items.describe_event(each, known)}
        for each in history
    ]
    cells = [
        [str(row["id"]), local(event.time), event.type, _short(row["what"])]
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
        "input": _short(values.decode(found.input)),
        "result": _short(values.decode(found.result)),
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


def _run(run: RunDescription, local_run: bool) -> dict[str, Any]:
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


def _started(attributes: Any) -> dict[str, Any]:
    parent = attributes.parent_workflow_execution
    return {
        "task_list": attributes.task_list.name,
        "tags": [tag for tag in attributes.tag_list or () if tag is not None],
        "input": values.decode(attributes.input),
        "parent_workflow_id": parent.workflow_id if parent is not None else None,
        "parent_run_id": parent.run_id if parent is not None else None,
        "continues_run_id": attributes.continued_execution_run_id,
    }


def _ended(history: Sequence[e.Event]) -> dict[str, Any]:
    """Return result, reason and details from the events of a run. They are None if the run is open."""
    event = history[-1]
    attributes: Any = event.attributes
    closing = event.type.startswith("WorkflowExecution") and event.type not in (
        *("WorkflowExecutionStarted", "WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested"),
    )
    result, reason, details = (
        getattr(attributes, name, None) if closing else None for name in ("result", "reason", "details")
    )
    if isinstance(attributes, e.WorkflowExecutionTimedOut):
        reason = str(timeouts.of_execution(history[0], event))
    return {"result": unwrap(values.decode(result))[0], "reason": reason, "details": values.decode(details)}


def _counts(history: Sequence[e.Event]) -> dict[str, int]:
    view = RunView()
    view.extend(history)
    kinds = Counter(row.kind for row in view.rows.values() if row.state != rows.REFUSED)
    return {
        "events": view.last_id,
        "decisions": view.decisions,
        "activities": kinds[rows.ACTIVITY],
        "open_activities": sum(row.kind == rows.ACTIVITY for row in view.open.values()),
        "children": kinds[rows.CHILD],
        "timers": kinds[rows.TIMER],
        "signals": kinds[rows.SIGNAL],
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


def _status(run: RunDescription, local_run: bool) -> str:
    """Return the status of a run. For an open run in a folder it says if no process drives it."""
    return "open, no process" if local_run and run.status == "open" and not run.alive else run.status


def _duration(run: RunDescription) -> str:
    return duration(max(0.0, (time.time() if run.closed is None else run.closed) - run.started))


def _reason(item: Item) -> str:
    if item.state != "failed" or item.kind != rows.ACTIVITY:
        return _short(errors.raised(item.reason))
    return errors.task_failure_line(item.reason, item.details)


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(max(0.0, value))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _short(value: Any) -> str:
    """Return a value on one line, cut at 200 characters."""
    if value is None:
        return ""
    text = errors.one_line(value if isinstance(value, str) else values.encode(value, "the value to show"))
    return text if len(text) <= _MAX_VALUE_LENGTH else text[: _MAX_VALUE_LENGTH - 3] + "..."
