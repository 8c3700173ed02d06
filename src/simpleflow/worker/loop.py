"""The loop of a process that owns executions: time, decisions, activities, in turn, until an execution ends.

Nothing here polls: what happens inside the process happens at once. Only what other processes send is looked for, a few
times a second.
"""

from __future__ import annotations

import math
import time
from typing import Protocol

from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.engines.base import ActivityTask
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.run import Run
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.on_closed import OnClosed

MESSAGE_SECONDS = 0.1
"""How often messages from other processes are looked for."""

QUIET_SECONDS = 0.01
"""How long nothing has to happen before what is written is kept without waiting for more."""


class ActivityWorker(Protocol):
    """Does activity tasks and reports their outcomes to the engine."""

    @property
    def free(self) -> int:
        """How many tasks could be started now."""

    @property
    def ahead(self) -> int:
        """How many tasks could be sent to workers that are busy, but not for long."""

    def send_ahead(self, task: ActivityTask) -> None:
        """Give a task that has not begun to a worker that is busy: it begins when that is done with what it does."""

    def may_block(self, task: ActivityTask) -> bool:
        """Whether ``start`` may take more than a moment."""

    def start(self, task: ActivityTask) -> None:
        """Begin a task."""

    def wait(self, seconds: float) -> bool:
        """Return once an outcome was reported, or after so many seconds; whether one was."""

    def reap(self) -> None:
        """Stop tasks that the engine no longer wants."""

    def close(self) -> None:
        """Stop everything."""


def drive(
    engine: EmbeddedEngine, deciders: DecisionWorker, workers: ActivityWorker, run_id: str, on_closed: OnClosed
) -> Run:
    """Drive the engine's executions until the one begun as ``run_id`` has ended; returns its last run.

    ``on_closed`` is called with each child that has ended: its parent may go on for long.

    Continued as new, it goes on as the new run. If it has no parent, executions of its family that are still open then
    are terminated: nobody would drive them.
    """
    checked_at = 0.0
    reported: set[str] = set()  # run ids of the children that ``on_closed`` has been called with
    while True:
        now = time.monotonic()
        if now - checked_at >= MESSAGE_SECONDS:
            checked_at = now
            engine.receive_messages()
            workers.reap()
            _report_closed_children(engine, reported, on_closed)
        due = engine.next_deadline()
        if due is not None and due <= engine.executions.clock():
            engine.expire()
            workers.reap()
            _report_closed_children(engine, reported, on_closed)
        task = engine.poll_for_decision_task()
        if task is not None:
            deciders.decide(task)
            if not engine.runs[task.run_id].history.open:
                deciders.forget(task.run_id)
            continue
        run = last_run(engine, run_id)
        if not run.history.open:
            if run.history.started.parent_workflow_execution is None:
                engine.executions.end_family(run)
            return run
        activity = engine.poll_for_activity_task() if workers.free else None
        if activity is not None:
            if workers.may_block(activity):
                engine.flush()  # others see what is being done
            workers.start(activity)
            continue
        if (ahead := workers.ahead) and engine.waiting_activities > 2 * ahead:  # there is enough for everybody
            activity = engine.poll_for_activity_task(begin=False)
            if activity is not None:
                workers.send_ahead(activity)
                continue
        if workers.wait(min(QUIET_SECONDS, _seconds_to_deadline(engine))):
            continue
        engine.flush()  # nothing happens just now: let others see how things stand
        workers.wait(min(MESSAGE_SECONDS, _seconds_to_deadline(engine)))


def _report_closed_children(engine: EmbeddedEngine, reported: set[str], on_closed: OnClosed) -> None:
    for run in list(engine.runs.values()):
        history = run.history
        if history.open or run.run_id in reported or history.started.parent_workflow_execution is None:
            continue
        reported.add(run.run_id)
        if history.state != transitions.CONTINUED_AS_NEW:
            on_closed(run)


def last_run(engine: EmbeddedEngine, run_id: str) -> Run:
    """The execution begun as ``run_id``, however often it was continued as new."""
    run = engine.runs[run_id]
    while run.history.closed and isinstance(run.history.closed.attributes, e.WorkflowExecutionContinuedAsNew):
        run = engine.runs[run.history.closed.attributes.new_execution_run_id]
    return run


def _seconds_to_deadline(engine: EmbeddedEngine) -> float:
    """Seconds until time does something."""
    due = engine.next_deadline()
    return math.inf if due is None else max(0.0, due - engine.executions.clock())
