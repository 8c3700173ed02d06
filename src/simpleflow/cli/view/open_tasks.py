"""What the open executions of a run are doing now: activities that run or are queued, timers, and awaited signals.

The live view asks for this with every frame, so the work is small: what an activity belongs to is found once.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from simpleflow.core import transitions
from simpleflow.core.records import Record
from simpleflow.engines.embedded import Run
from simpleflow.step.host import step_at
from simpleflow.taskids import clean

_INTERNAL = "_simpleflow"  # begins the ids of timers that no workflow has asked for


class Activity(NamedTuple):
    """An activity that runs."""

    began: float  # epoch seconds
    name: str
    tries: int
    owner: str  # the step that it belongs to, and the child workflow; may be empty


class Doing(NamedTuple):
    """What the open executions do now."""

    running: list[Activity]  # the oldest first
    queued: int  # activities that wait for a worker
    queued_steps: set[tuple[str, str]]  # workflow id and name of steps whose activities all wait for a worker
    waits: list[tuple[str, float | None]]  # a timer or a signal, and when it ends, in epoch seconds


class OpenTasks:
    """Reads what open executions do.

    Attributes:
        awaited_signals: the names of the signals that an execution waits for, by its run id; set by who drives it.
    """

    def __init__(self) -> None:
        self.awaited_signals: Callable[[str], Iterable[str]] = lambda run_id: ()
        self._steps: dict[tuple[str, int], str | None] = {}  # of open activities, by run id and event id

    def read(self, runs: Iterable[Run], steps_of: Callable[[str], Container[str]]) -> Doing:
        """Return what these executions do. ``steps_of`` gives the names of the steps of a workflow id."""
        known: dict[tuple[str, int], str | None] = {}
        running: list[Activity] = []
        working: set[tuple[str, str]] = set()
        waiting: set[tuple[str, str]] = set()
        waits: list[tuple[str, float | None]] = []
        queued = 0
        for run in runs:
            child = "" if run.run_id == run.root_id else run.workflow_id
            names = steps_of(run.workflow_id)
            for record in list(run.history.tasks.values()):
                is_queued = record.state == transitions.SCHEDULED or record.waits_again
                is_activity = hasattr(record.scheduled, "activity_type")
                key = run.run_id, record.scheduled_id
                step = known[key] = self._steps[key] if key in self._steps else _step_of(record, is_activity, names)
                if step is not None:
                    (waiting if is_queued and is_activity else working).add((run.workflow_id, step))
                if is_activity and is_queued:
                    queued += 1
                elif is_activity and record.state == transitions.STARTED:
                    owner = ": ".join(filter(None, (child, step)))
                    running.append(
                        Activity(record.started_at, record.scheduled.activity_type.name, record.tries, owner)
                    )
            waits += [(f"signal {name}", None) for name in self.awaited_signals(run.run_id)]
            if run.history.open_timers:
                waits += [_timer(each) for each in list(run.history.timers.values()) if each.open and _is_own(each)]
        self._steps = known
        return Doing(sorted(running), queued, waiting - working, waits)


def _step_of(record: Record, is_activity: bool, names: Container[str]) -> str | None:
    """The innermost step that an activity or child was submitted in, as far as its id or its control says so."""
    scheduled = record.scheduled
    path = scheduled.control or (
        record.id.removeprefix(f"activity-{clean(scheduled.activity_type.name)}-") if is_activity else record.id
    )
    return step_at(path, names)


def _timer(record: Record) -> tuple[str, float | None]:
    return f"timer {record.id}", record.scheduled_at + float(record.scheduled.start_to_fire_timeout)


def _is_own(record: Record) -> bool:
    return not record.id.startswith(_INTERNAL)
