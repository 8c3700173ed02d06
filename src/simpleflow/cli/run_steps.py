"""The steps of a run and its children, with the marks that skipped ones were done by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simpleflow.cli.activity_query import fold
from simpleflow.cli.run_query import Runs
from simpleflow.cli.view.history_items import item_of
from simpleflow.cli.view.run_steps import ShownStep
from simpleflow.exceptions import UnknownResource
from simpleflow.state_folder import logs
from simpleflow.step.constants import SKIPPED
from simpleflow.views.event_of import in_history
from simpleflow.views.waits import RETRY, Wait, waits_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simpleflow.core.events import Event
    from simpleflow.engines.base import RunDescription
    from simpleflow.step.mark import Mark
    from simpleflow.views.run_view import RunView

    Member = tuple[RunDescription, RunView, Sequence[Event]]

_MARK_SECONDS = 1.0  # how long reading marks may take
_WAIT_SECONDS = 1.0  # how long a list reads what its runs wait for
_FEW_EVENTS = 20_000  # of a run whose whole history is read for a list of runs


def steps_of(runs: Runs, run: RunDescription) -> tuple[list[ShownStep], list[Wait]]:
    """Return the steps of a run and of its children, in the order in which they were first recorded.

    With them comes what the run and its children wait for.
    """
    now = time.time()
    deadline = time.monotonic() + _MARK_SECONDS
    found = []
    members = list(family(runs, run))
    for each, view, events in members:
        marks = _marks(view, deadline)
        retries = {wait.step: wait for wait in reversed(waits_in(view, in_history(events))) if wait.kind == RETRY}
        end = now if each.status == "open" and each.alive else runs.stood_still(each) or view.last_time
        found += [
            _step(each, runs.location.folder, view, events, marks, name, end, retries.get(name)) for name in view.steps
        ]
    return found, waits_of(members)


def waits_of(members: Sequence[Member]) -> list[Wait]:
    """Return the waits of a run and its children; ``members``: the result of ``family`` for it."""
    found = []
    for each, view, events in members:
        child = None if each is members[0][0] else each.workflow_id
        found += [wait._replace(child=child) for wait in waits_in(view, in_history(events))]
    return found


def waits_in_list(runs: Runs, listed: Sequence[RunDescription]) -> dict[str, list[Wait]]:
    """Return by run id what runs and their children wait for, for a list of runs.

    Two kinds of runs are left out: those with a long history, which takes seconds to read (such a run does more than
    wait), and those on Amazon SWF, which take many requests. Reading ends after a second.
    """
    found: dict[str, list[Wait]] = {run.run_id: [] for run in listed}
    deadline = time.monotonic() + _WAIT_SECONDS
    for run in listed if runs.location.folder is not None else ():
        if run.status != "open" or not run.alive or time.monotonic() > deadline:
            continue
        last = runs.engine.last_events(run.workflow_id, run.run_id, 1)
        if last and last[0].id <= _FEW_EVENTS:
            found[run.run_id] = waits_of(list(family(runs, run)))
    return found


def family(runs: Runs, run: RunDescription) -> Iterator[Member]:
    """Yield a run and its children, each with its rows and events."""
    from simpleflow.views.rows import ChildRow

    view, events = fold(runs, run)
    yield run, view, events
    for child in view.of_kind(ChildRow):
        if child.run_id is not None:
            try:
                yield from family(runs, runs.engine.describe(child.id, child.run_id))
            except UnknownResource:  # it was removed, or its domain keeps it no longer
                continue


def _step(
    run: RunDescription,
    folder: str | None,
    view: RunView,
    events: Sequence[Event],
    marks: dict[str, Mark],
    name: str,
    end: float,
    retry: Wait | None,
) -> ShownStep:
    row = view.steps[name]
    mark = marks.get(name)
    made_by = row.made_by if mark is None else mark.run_id
    failed = view.first_failure(name) if row.report.error is not None else None
    return ShownStep(
        row,
        run.workflow_id,
        run.run_id,
        view.state_of(row),
        view.work_time(name, end),
        view.tries_of(name),
        made_by,
        None if failed is None else item_of(failed, events, view),
        "" if failed is None or folder is None else "\n".join(logs.last_lines(folder, run.run_id, failed.id)),
        retry,
    )


def _marks(view: RunView, deadline: float) -> dict[str, Mark]:
    """Return the marks that skipped steps were done by. A mark that was written later is another one."""
    from simpleflow.steering.marks import read_marks

    skipped = [row.name for row in view.steps.values() if row.state == SKIPPED]
    if view.listed is None or not skipped:
        return {}
    found = read_marks(view.listed.bucket, view.listed.path, skipped, deadline - time.monotonic())
    ends = {name: view.steps[name].end or 0.0 for name in found}
    return {name: mark for name, mark in found.items() if mark.time is not None and mark.time <= ends[name]}
