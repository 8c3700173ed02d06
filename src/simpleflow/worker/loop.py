"""The loop of a process that drives executions: time, decisions and activities in turn, until an execution ends.

Theory of operation
-------------------
Inside the process nothing polls: a decision task is answered as soon as it exists, and the loop waits on the workers'
channels. Only messages of other processes have no channel; they are read every MESSAGE_SECONDS, which is how late a
signal, a cancel request or a termination from outside can be.

Each pass does the first of these that there is to do:

1. read messages, if that is due; time out tasks and fire timers that are due;
2. answer a decision task;
3. return, if the execution has ended;
4. start an activity, if a worker is free, of a task list that has room: one that is full holds up no other;
5. send an activity ahead to a busy worker. This is for wide groups of short tasks: a worker that already has its next
   task need not wait for this process between two tasks. The fewer tasks wait, the fewer a worker has ahead, so
   that no worker is idle while another one has many tasks in store. A task that was sent ahead has not started: its
   ActivityTaskStarted is recorded when the worker begins it, and a worker that is held up gives it back;
6. wait for the end of an activity, a message or a deadline.

Events wait in memory for the next commit (see ``engines.operations``). Before an activity that may take long, and
when nothing has happened for QUIET_SECONDS, they are kept, so that other processes see how things stand. Events that
change done marks are kept before any activity begins: marks that its step makes stale must be gone for good then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from simpleflow.constants import RETURN_SIGNAL
from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.run import Run
from simpleflow.worker.base import ActivityPool
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.on_closed import OnClosed
from simpleflow.worker.patience import Patience
from simpleflow.worker.returned import only_waits

MESSAGE_SECONDS = 0.1
"""How often messages of other processes are read."""

RETURN_SECONDS = 1.0
"""For how long a run that has returned waits for signals to children that do nothing else. Then it ends."""

QUIET_SECONDS = 0.01
"""How long events wait for more to come before they are kept."""


def drive(
    engine: EmbeddedEngine,
    deciders: DecisionWorker,
    workers: ActivityPool,
    run_id: str,
    on_closed: OnClosed,
    check: Callable[[], None] = lambda: None,
    patience: Patience | None = None,
) -> Run:
    """Drive the engine's executions until the one that began as ``run_id`` has ended; returns its last run.

    ``on_closed`` is called with each child that has ended: its parent may go on for long. ``check`` is called now and
    then, and at the end; its exceptions end the loop. ``patience`` is for a store of marks that does not work; without
    one there is no end to it.

    Continued as new, it goes on as the new run. If it has no parent, executions of its family that are still open then
    are terminated, since no process would drive them.
    """
    checked_at = 0.0
    waits_since = math.inf  # since when it waits for signals that its children wait for alone
    reported: set[str] = set()  # run ids of the children that ``on_closed`` has been called with
    while True:
        now = time.monotonic()
        if now - checked_at >= MESSAGE_SECONDS:
            checked_at = now
            engine.receive_messages()
            check()
            if patience is not None:
                patience.check(engine.runs.values())
            workers.reap()
            _report_closed_children(engine, reported, on_closed)
        due = engine.next_deadline()
        if due is not None and due <= engine.executions.clock():
            workers.wait(0)  # heartbeats and ends that came while this process was busy count
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
            check()
            return run
        activity = None
        if workers.free:
            activity = engine.poll_for_activity_task(begin=workers.begins, accepts=workers.accepts)
        if activity is not None:
            if workers.may_block(activity) or engine.changes_marks:
                engine.flush()  # so that other processes see that it has started; it may act on the marks
            workers.start(activity)
            continue
        if _send_ahead(engine, workers):
            continue
        if workers.wait(min(QUIET_SECONDS, _seconds_to_deadline(engine))):
            continue
        engine.flush()  # nothing happens just now
        family = (each.history for each in engine.runs.values())
        if not (deciders.has_returned(run.run_id) and only_waits(run.history, family)):
            waits_since = math.inf
        elif time.monotonic() - (waits_since := min(waits_since, now)) >= RETURN_SECONDS:
            engine.signal_workflow_execution(run.workflow_id, RETURN_SIGNAL, None, run.run_id)
        workers.wait(min(MESSAGE_SECONDS, _seconds_to_deadline(engine)))


def _send_ahead(engine: EmbeddedEngine, workers: ActivityPool) -> bool:
    """Send tasks ahead until workers have enough, or there is something to decide; False if none is sent."""
    sent = False
    while workers.accepts_ahead(engine.waiting_activities) and not engine.waiting_decisions:
        activity = engine.poll_for_activity_task(begin=False)
        if activity is None:
            break
        if engine.changes_marks:
            engine.flush()
        workers.send_ahead(activity)
        sent = True
    return sent


def _report_closed_children(engine: EmbeddedEngine, reported: set[str], on_closed: OnClosed) -> None:
    for run in list(engine.runs.values()):
        history = run.history
        if history.open or run.run_id in reported or history.started.parent_workflow_execution is None:
            continue
        reported.add(run.run_id)
        if history.state != transitions.CONTINUED_AS_NEW:
            on_closed(run)


def last_run(engine: EmbeddedEngine, run_id: str) -> Run:
    """The execution that began as ``run_id``, or the latest one that continues it as new."""
    run = engine.runs[run_id]
    while run.history.closed and isinstance(run.history.closed.attributes, e.WorkflowExecutionContinuedAsNew):
        run = engine.runs[run.history.closed.attributes.new_execution_run_id]
    return run


def _seconds_to_deadline(engine: EmbeddedEngine) -> float:
    """Seconds until the next deadline."""
    due = engine.next_deadline()
    return math.inf if due is None else max(0.0, due - engine.executions.clock())
