"""Finding the activities of a run, and one of them by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simpleflow.cli.run_query import RunQuery, Runs
from simpleflow.exceptions import UnknownResource

if TYPE_CHECKING:
    from simpleflow.cli.view.history_items import Item


def find_activity(runs: Runs, query: RunQuery, activity_id: str | None, scheduled_id: int | None = None) -> Item:
    """Return the last try of an activity, with its input. Raises UnknownResource if there is no such activity.

    The activity is named by its activity id or by the id of the event that scheduled it. ``activity_id`` may also be
    the id of that event, if no activity has this id.
    """
    from simpleflow.cli.view import history_items

    tries = activities_of(runs, query)
    by_id = {each.id: each for each in tries}
    by_event = {each.event_id: each for each in tries}
    found = None
    if scheduled_id is not None:
        found = by_event.get(scheduled_id)
    elif activity_id is not None:
        found = by_id.get(activity_id)
        if found is None and activity_id.isascii() and activity_id.isdigit():
            found = by_event.get(int(activity_id))
    if found is None:
        name = repr(activity_id) if scheduled_id is None else f"scheduled by event {scheduled_id}"
        known = ", ".join(each.id for each in history_items.latest_tries(tries)[:5])
        hint = f"it has {known}{', ...' if len(by_id) > 5 else ''}" if known else "it has none"
        raise UnknownResource(f"the run of workflow {query.workflow_id!r} has no activity {name}; {hint}")
    if query.location.domain is not None and found.input is not None:
        from simpleflow.engines.swf import jumbo

        found.input = jumbo.restore(found.input)
    return found


def activities_of(runs: Runs, query: RunQuery) -> list[Item]:
    """Return the activities of a run, each try as an item of its own, in the order of scheduling."""
    from simpleflow.cli.view import history_items

    return history_items.activities(runs.events(query.workflow_id, query.run_id))
