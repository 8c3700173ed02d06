"""Perform the activity tasks of a service, each in a child process, and report their outcomes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from simpleflow import metrics
from simpleflow.constants import WORKER_STOPPED
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.exceptions import UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.worker import log_fields
from simpleflow.worker.child import Child
from simpleflow.worker.dispatch import Outcome
from simpleflow.worker.heartbeat import CANCEL, GONE, Heartbeat
from simpleflow.worker.process import Bounds
from simpleflow.worker.stop_limit import StopLimit

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0  # for how long a message of the child is waited for at most


class Former(NamedTuple):
    """An activity that completed in an earlier execution. Its result is taken over if name and input are the same."""

    name: str  # of the activity type
    input: str | None
    result: str | None


class Performer:
    """Performs activity tasks, one at a time.

    Args:
        source: where they come from, and where their outcomes are reported.
        child: the process that performs them.
        every: seconds between two heartbeats, at most.
        former: by activity id, completed activities whose results are taken over.
        limit: for how long a task goes on once the process is to stop; None for as long as it takes.
    """

    def __init__(
        self,
        source: ActivitySource,
        child: Child,
        every: float,
        former: Mapping[str, Former] | None = None,
        limit: StopLimit | None = None,
    ) -> None:
        self._limit = limit
        self._source = source
        self._child = child
        self._every = every
        self._former = former or {}

    def perform(self, task: ActivityTask) -> None:
        """Perform one task and report its outcome, unless the task is not open any longer."""
        with log_fields.about(task):
            self._perform(task)

    def _perform(self, task: ActivityTask) -> None:
        began = time.monotonic()
        label = f"activity {task.name} (workflow {task.workflow_id}, run {task.run_id}, activity id {task.activity_id})"
        log.info("%s begins", label)
        outcome = self._taken_over(task) or self._do(task, label)
        if outcome is None:
            end = "was stopped: it timed out, or its execution was closed"
        else:
            end = _report(self._source, task, outcome)
        seconds = time.monotonic() - began
        log.info("%s %s after %.3f s", label, end, seconds)
        metrics.done("activity", task.name, _word(outcome), seconds)

    def _taken_over(self, task: ActivityTask) -> Outcome | None:
        former = self._former.get(task.activity_id)
        if former is None or (former.name, former.input) != (task.name, task.input):
            return None
        return Outcome(former.result)

    def _do(self, task: ActivityTask, label: str) -> Outcome | None:
        """The outcome of the task; None if the task is not open any longer."""
        limit = self._limit
        beats = Heartbeat(self._source, task.token, self._every, task.heartbeat_timeout)
        self._child.start(task)
        while True:
            seconds = min(beats.wait_seconds, _POLL_SECONDS)
            message = self._child.receive(seconds if limit is None else min(seconds, limit.left))
            if isinstance(message, Outcome):
                return message
            if isinstance(message, Bounds):
                beats.bound(message)
            elif limit is not None and limit.is_over(label):
                self._child.stop()
                return Outcome(reason=WORKER_STOPPED)
            elif not beats.wait_seconds:
                answer = beats.beat()
                if answer in (CANCEL, GONE):
                    self._child.stop()
                    return Outcome(canceled=True) if answer == CANCEL else None


def _word(outcome: Outcome | None) -> str:
    """How a task ended, for the metrics."""
    if outcome is None:
        return "stopped"
    return "canceled" if outcome.canceled else "failed" if outcome.failed else "completed"


def _report(source: ActivitySource, task: ActivityTask, outcome: Outcome) -> str:
    """Report how a task ended; returns that for the log."""
    try:
        if outcome.canceled:
            source.respond_activity_task_canceled(task.token, outcome.details)
            return "was cancelled"
        if outcome.failed:
            source.respond_activity_task_failed(task.token, outcome.reason, outcome.details)
            return f"failed: {outcome.reason}"
        source.respond_activity_task_completed(task.token, outcome.result)
        return "completed"
    except UnknownResource:
        return "ended too late: it had timed out, or its execution was closed"
    except Exception as error:  # noqa: BLE001 (the worker must go on with other tasks)
        return f"ended, but its outcome could not be reported: {type(error).__name__}: {error}"
