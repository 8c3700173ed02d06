"""The failures in a run, read from its last events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow.cli import errors
from simpleflow.cli.run_query import Runs
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import plain_reason

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription

_LAST_EVENTS = 200  # among them are the markers of the steps that made a run fail

_WELL = ("open", "completed", "continued_as_new")


class RunFailure(NamedTuple):
    """The failures in a run."""

    steps: dict[str, str]  # that failed and are not optional, by name: why, in one line
    reason: str | None  # why the run ended badly


def failure_of(runs: Runs, run: RunDescription) -> RunFailure:
    """Return the failures in a run.

    Only its last events are read. So a step that failed long before the end is not found. On Amazon SWF they are read
    of runs alone that ended badly, since each costs a request.
    """
    from simpleflow.core import timeouts, transitions
    from simpleflow.views.failed import failed_steps

    if run.status in _WELL and runs.location.folder is None:
        return RunFailure({}, None)
    events = runs.engine.last_events(run.workflow_id, run.run_id, _LAST_EVENTS)
    failed = failed_steps(events)
    reason = None
    if run.status not in _WELL and events:
        closed: Any = events[-1].attributes
        text = getattr(closed, "reason", None)
        if run.status == transitions.TIMED_OUT:
            text = str(timeouts.of_run(closed.timeout_type, None, events[-1].time - run.started))
        reason = errors.run_reason(text, getattr(closed, "details", None)) or None
    return RunFailure({each.step: errors.one_line(plain_reason(each.error)) for each in failed}, reason)
