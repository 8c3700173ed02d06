"""From inside an activity: signal or cancel the workflow run that the activity belongs to.

Both work in local runs with a state folder and on Amazon SWF. The run notices at its next decision, and in a local run
within 0.2 seconds. An activity that is tried again, after a failure or a crash, signals again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simpleflow.exceptions import InputError
from simpleflow.task import SignalTask
from simpleflow.worker.current_task import CurrentTask, current

if TYPE_CHECKING:
    from simpleflow.engines.base import Client


def signal(name: str, *args: Any, propagate: bool = True, **kwargs: Any) -> None:
    """Send a signal to the run that the current activity belongs to.

    Args:
        name: of the signal.
        args, kwargs: of the signal; values that can be JSON.
        propagate: the run passes the signal on to its parent and its open children.

    Raises InputError outside an activity and in a run that is kept in memory, UnknownResource if the run has ended,
    and SwfError if Amazon SWF cannot be reached or refuses.
    """
    text = SignalTask(name, *args, propagate=propagate, **kwargs).encoded_input
    with _client(f"signal {name!r}") as (client, task):
        client.signal_workflow_execution(task.workflow_id, name, text, task.run_id)


def cancel() -> None:
    """Ask the run that the current activity belongs to to cancel itself. Raises as ``signal``."""
    with _client("a request to cancel") as (client, task):
        client.request_cancel_workflow_execution(task.workflow_id, task.run_id)


@contextmanager
def _client(what: str) -> Iterator[tuple[Client, CurrentTask]]:
    task = current()
    if task is None:
        raise InputError(f"{what} has no run to go to: this is not inside an activity; use workflow.signal or cancel")
    if task.domain is not None:
        from simpleflow.engines.swf.engine import SwfEngine

        yield SwfEngine(task.domain), task
        return
    if task.state is None:
        raise InputError(
            f"{what} of activity {task.name} cannot reach its run, which is kept in memory or on another machine: give "
            "the Executor a state folder, and do the activity on the machine of the run"
        )
    from simpleflow.engines.sqlite.engine import SqliteEngine

    engine = SqliteEngine(task.state)
    try:
        yield engine, task
    finally:
        engine.close()
