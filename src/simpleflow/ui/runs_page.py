"""The list of runs: the latest first, 50 a page, with filters that stay in the address."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from typing import Any

from simpleflow.core import transitions
from simpleflow.engines.base import RunDescription, RunFilter
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.style import Look, look
from simpleflow.shown_text import names as some
from simpleflow.ui.folded import PATIENCE, Summary
from simpleflow.ui.links import link
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, abandoned, time_taken
from simpleflow.ui.texts import when, word

PAGE = 50
"""Runs on a page."""

_LAST = 20  # squares
_RECENT = 2_000  # runs among which these are sought, and the types
_FAILED = frozenset({transitions.FAILED, transitions.TIMED_OUT, transitions.TERMINATED})
STATES = (
    transitions.OPEN,
    transitions.COMPLETED,
    transitions.FAILED,
    transitions.TIMED_OUT,
    transitions.CANCELED,
    transitions.TERMINATED,
    transitions.CONTINUED_AS_NEW,
)
_FILTERS = ("id", "type", "state", "from", "to", "failed")


class RunLine(NamedTuple):
    """A run in the list."""

    run: RunDescription
    state: str
    state_word: str
    took: str
    summary: Summary | None
    last: Sequence[tuple[Look, str, str]]  # the last runs of this workflow id: look, title and link
    failed: str  # the steps that failed
    waits: str  # for what an open run waits


def page(visit: Visit) -> Page:
    """The list of runs."""
    query = {name: visit.query.get(name, "") for name in _FILTERS}
    wanted = _filter(query)
    before = visit.query.get("before") or None
    found = visit.source.list_runs(wanted, before, PAGE + 1)
    shown = found[:PAGE]
    deadline = time.monotonic() + PATIENCE
    recent = visit.source.list_runs(limit=_RECENT)
    last = _last_runs(visit, shown, recent)
    lines = [_line(visit, run, last[run.workflow_id], deadline) for run in shown]
    kept: dict[str, str | None] = {**query, "before": None}
    values: dict[str, Any] = {
        "lines": lines,
        "query": query,
        "states": [(state, word(state)) for state in STATES],
        "types": sorted({run.name for run in recent}),
        "is_filtered": any(query.values()),
        "first": link(query=kept) if before else None,
        "next": link(query={**kept, "before": shown[-1].run_id}) if len(found) > PAGE else None,
        "one_type": len({run.name for run in shown}) < 2,
    }
    return Page("runs.html", "Runs", values)


def _line(visit: Visit, run: RunDescription, last: Sequence[RunDescription], deadline: float) -> RunLine:
    summary = visit.runs.summary(run, deadline)
    state, text = shown_state(visit, run)
    squares = [(look(shown_state(visit, each)[0]), _title(visit, each), link("run", each.run_id)) for each in last]
    failed = "" if summary is None else ", ".join(summary.failed[:3])
    more = 0 if summary is None else len(summary.failed) - 3
    failed += f" and {more} more" if more > 0 else ""
    waits = "" if summary is None or state != transitions.OPEN or not summary.waits else some(summary.waits)
    waits = f"waits for {waits}" if waits else ""
    return RunLine(run, state, text, time_taken(visit, run), summary, squares, failed, waits)


def shown_state(visit: Visit, run: RunDescription) -> tuple[str, str]:
    """The state of a run, for its look, and the word for it: an open run that no process drives waits for one."""
    if abandoned(visit, run):
        return "scheduled", "not driven"
    return run.status, word(run.status)


def _title(visit: Visit, run: RunDescription) -> str:
    return f"{shown_state(visit, run)[1]}, {when(run.started, visit.now)}, {time_taken(visit, run)}"


def _last_runs(
    visit: Visit, shown: Sequence[RunDescription], recent: Sequence[RunDescription]
) -> dict[str, list[RunDescription]]:
    """The last runs of each workflow id, the latest first."""
    found: dict[str, list[RunDescription]] = {run.workflow_id: [] for run in shown}
    for run in recent:
        if run.workflow_id in found:
            found[run.workflow_id].append(run)
    if visit.source.folder is not None:  # elsewhere a list costs requests
        for id, runs in found.items():
            if not runs:
                runs += visit.source.list_runs(RunFilter(workflow_id=id), limit=_LAST)
    return {id: runs[:_LAST] for id, runs in found.items()}


def _filter(query: dict[str, str]) -> RunFilter:
    """The filter that the query asks for. Raises InputError."""
    statuses = None
    if query["state"]:
        if query["state"] not in STATES:
            raise InputError(f"state is {query['state']!r}; expected one of {', '.join(STATES)}")
        statuses = frozenset({query["state"]})
    if query["failed"]:
        statuses = _FAILED if statuses is None else statuses & _FAILED
    return RunFilter(
        id_prefix=query["id"] or None,
        name=query["type"] or None,
        statuses=statuses,
        oldest=_day(query["from"], "from") or 0.0,
        newest=_day(query["to"], "to", after=True),
    )


def _day(text: str, name: str, after: bool = False) -> float | None:
    """The begin of a day in the local time zone, or its end; None if none is given. Raises InputError."""
    if not text:
        return None
    try:
        day = datetime.date.fromisoformat(text)
        if after:
            day += datetime.timedelta(days=1)
        return max(0.0, datetime.datetime.combine(day, datetime.time()).timestamp())
    except (ValueError, OverflowError, OSError):
        raise InputError(f"{name} is {text!r}; expected a date such as 2026-11-23") from None
