"""The open tasks of the executions of a run: activities that run or are queued, timers, pauses, and awaited signals.

The live view asks for this with every frame, so the work is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from simpleflow.core import transitions
from simpleflow.core.records import Record
from simpleflow.engines.embedded import Run
from simpleflow.named_tuple import NamedTuple
from simpleflow.views.rows import ChildRow
from simpleflow.views.run_view import RunView
from simpleflow.views.waits import Pause, pause_of

_INTERNAL = "_simpleflow"  # begins the ids of timers that no workflow has asked for


class Activity(NamedTuple):
    """An activity that runs."""

    began: float  # epoch seconds
    name: str
    tries: int
    owner: str  # the step that it belongs to, and the child workflow; may be empty
    run_id: str
    id: str


class Doing(NamedTuple):
    """The tasks of the open executions now."""

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

    def read(self, runs: Iterable[Run], views: Mapping[str, RunView]) -> Doing:
        """Return the open tasks of these executions. ``views``: their rows, by run id."""
        running: list[Activity] = []
        queued_steps: set[tuple[str, str]] = set()
        waits: list[tuple[str, float | None]] = []
        queued = 0
        for run in runs:
            workflow_id, history = run.workflow_id, run.history
            child = "" if run.run_id == run.root_id else workflow_id
            open_rows = views[run.run_id].open if run.run_id in views else {}
            working: set[str | None] = {None}
            waiting: set[str | None] = set()
            # Only the engine knows which activity waits again since its process has died, and when it began again.
            for event_id, record in list(history.tasks.items()):
                row = open_rows.get(event_id)
                if row is None:  # its event comes next
                    continue
                if isinstance(row, ChildRow):
                    working.add(row.step)
                elif record.state == transitions.SCHEDULED or record.waits_again:
                    queued += 1
                    waiting.add(row.step)
                elif record.state == transitions.STARTED:
                    working.add(row.step)
                    owner = ": ".join(filter(None, (child, row.step)))
                    running.append(Activity(record.started_at, row.name, record.tries, owner, run.run_id, record.id))
            queued_steps |= {(workflow_id, step) for step in waiting - working if step is not None}
            waits += waits_of(run, self.awaited_signals(run.run_id))
        return Doing(sorted(running), queued, queued_steps, waits)


def waits_of(run: Run, signals: Iterable[str]) -> list[tuple[str, float | None]]:
    """Return these signals and the open timers of a run, each with the time when it ends, in epoch seconds."""
    found: list[tuple[str, float | None]] = [(f"signal {name}", None) for name in signals]
    if run.history.open_timers:
        found += [
            _timer(each)
            for each in list(run.history.timers.values())
            if each.open and not each.id.startswith(_INTERNAL)
        ]
    return found


def pauses(runs: Iterable[Run]) -> list[Pause]:
    """Return the pauses before the next tries of tasks in these runs, the one that ends first at the front."""
    records = [each for run in runs if run.history.open_timers for each in list(run.history.timers.values())]
    found = [pause_of(record.scheduled, record.scheduled_at) for record in records if record.open]
    return sorted(pause for pause in found if pause is not None)


def _timer(record: Record) -> tuple[str, float | None]:
    return f"timer {record.id}", record.scheduled_at + float(record.scheduled.start_to_fire_timeout)
