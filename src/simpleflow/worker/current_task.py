"""The activity task that this process performs now: whose run it belongs to, and where that run is."""

from __future__ import annotations

from simpleflow.named_tuple import NamedTuple


class CurrentTask(NamedTuple):
    """The run of the task."""

    name: str  # of the activity type
    workflow_id: str
    run_id: str
    domain: str | None  # of Amazon SWF; None for a local run
    state: str | None  # path of the state folder of a local run; None if it is kept in memory


_current: list[CurrentTask] = []  # at most one; a list, so that every thread of the activity sees it


def enter(task: CurrentTask) -> None:
    """The process begins to perform a task."""
    _current.append(task)


def leave() -> None:
    """The process has performed it."""
    _current.pop()


def current() -> CurrentTask | None:
    """The task; None between tasks."""
    return _current[-1] if _current else None
