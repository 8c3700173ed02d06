"""Finding the activities of a run, and one of them by its id or by its step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from simpleflow.cli.run_query import Runs
from simpleflow.exceptions import UnknownResource
from simpleflow.shown_text import names, short_run_id
from simpleflow.step.constants import SKIPPED

if TYPE_CHECKING:
    from simpleflow.cli.view.history_items import Item
    from simpleflow.core.events import Event
    from simpleflow.engines.base import RunDescription
    from simpleflow.views.run_view import RunView

_SHOWN = 5  # names in a message
_MARK_SECONDS = 1.0  # how long reading a mark may take


def find_activity(runs: Runs, run: RunDescription, name: str | None, scheduled_id: int | None = None) -> Item:
    """Return the last try of an activity, with its input. Raises UnknownResource if there is no such activity.

    The activity is named by its activity id, by the id of the event that scheduled it (``scheduled_id``, or ``name`` if
    no activity has this id), or by its step. Of a step, it is the one that failed first, else one that has not ended,
    else the last one.
    """
    from simpleflow.cli.view import history_items

    view, events = fold(runs, run)
    tries = history_items.activities(history_items.items(events, view))
    found = _find(tries, name, scheduled_id) or _of_step(view, events, name or "")
    if found is None:
        raise UnknownResource(_unknown(run, view, tries, name, scheduled_id))
    if runs.location.domain is not None and found.input is not None:
        from simpleflow.engines.swf import jumbo

        found.input = jumbo.restore(found.input)
    return found


def check_step(run: RunDescription, known: Collection[str], step: str, exactly: bool = False) -> None:
    """Raise UnknownResource if no step of a run has this name or, unless ``exactly``, is below it; it has ``known``."""
    from simpleflow.cli import suggestions
    from simpleflow.step import rules

    if step in known or (not exactly and any(rules.covers(step, name) for name in known)):
        return
    said = f"run {short_run_id(run.run_id)} of {run.workflow_id} has no step {step!r}{suggestions.of(step, known)}"
    raise UnknownResource(f"{said}; its steps: {names([*known]) or 'none'}")


def fold(runs: Runs, run: RunDescription) -> tuple[RunView, Sequence[Event]]:
    """Return the rows of a run, and its events."""
    from simpleflow.views.run_view import RunView

    events = runs.events(run)
    view = RunView(run.run_id, run.workflow_id)
    view.extend(events)
    # On Amazon SWF a run goes on without any one process.
    view.abandoned = run.status == "open" and not run.alive and runs.location.folder is not None
    return view, events


def _find(tries: Sequence[Item], name: str | None, scheduled_id: int | None) -> Item | None:
    by_event = {each.event_id: each for each in tries}
    if scheduled_id is not None:
        return by_event.get(scheduled_id)
    found = {each.id: each for each in tries}.get(name or "")
    if found is None and name is not None and name.isascii() and name.isdigit():
        return by_event.get(int(name))
    return found


def _of_step(view: RunView, events: Sequence[Event], name: str) -> Item | None:
    """Return the activity to show of a step, or of the steps below a name."""
    from simpleflow.cli.view.history_items import item_of
    from simpleflow.step import rules
    from simpleflow.views.rows import AttemptRow

    steps = [step for step in view.steps if rules.covers(name, step)] if name else []
    failed = [row for step in steps if isinstance(row := view.first_failure(step), AttemptRow)]
    tasks = [row for step in steps for row in view.tasks_of(step) if isinstance(row, AttemptRow)]
    going_on = [row for row in tasks if row.open]
    last = sorted(tasks, key=lambda row: row.end_id)[-1:]
    chosen = min(failed, key=lambda row: row.end_id, default=None) or next(iter([*going_on, *last]), None)
    return None if chosen is None else item_of(chosen, events, view)


def _unknown(
    run: RunDescription, view: RunView, tries: Sequence[Item], name: str | None, scheduled_id: int | None
) -> str:
    """Say that there is no such activity, and which there are of users' code."""
    from simpleflow.cli import suggestions
    from simpleflow.cli.view import history_items
    from simpleflow.views.rows import ChildRow

    if name is not None and name in view.steps:
        if children := [row.id for row in view.tasks_of(name) if isinstance(row, ChildRow)]:
            return (
                f"the work of step {name!r} is the child workflow {children[0]!r}, which has activities and steps of "
                "its own: give that id"
            )
        state = view.state_of(view.steps[name])
        done_by = _done_by(view, name) if state == SKIPPED else ""
        step = f"step {name!r} of the run of workflow {run.workflow_id!r}"
        return f"{step} has no activity in this run: it is {state}{done_by}"
    what = repr(name) if scheduled_id is None else f"scheduled by event {scheduled_id}"
    ids = [each.id for each in history_items.latest_tries(tries) if not each.hidden]
    hint = f"it has {', '.join(ids[:_SHOWN])}{', ...' if len(ids) > _SHOWN else ''}" if ids else "it has none"
    if view.steps:
        steps = list(view.steps)
        hint += f"; its steps are {', '.join(steps[:_SHOWN])}{', ...' if len(steps) > _SHOWN else ''}"
    if children := [row.id for row in view.of_kind(ChildRow)]:
        hint += f"; child workflows have steps of their own: give the id of one, such as {children[0]!r}"
    meant = suggestions.of(name, [*view.steps, *ids]) if name else ""
    return f"the run of workflow {run.workflow_id!r} has no activity {what}{meant}; {hint}"


def _done_by(view: RunView, name: str) -> str:
    """Say which run has done a skipped step, as its mark tells; empty if that is not known, or it is the same run."""
    from simpleflow.steering.marks import read_marks

    if view.listed is None:
        return ""
    mark = read_marks(view.listed.bucket, view.listed.path, [name], _MARK_SECONDS).get(name)
    if mark is None or mark.run_id is None or mark.run_id == view.run_id:
        return ""
    return f"; the run that has done it is shown with --run-id {short_run_id(mark.run_id)}"
