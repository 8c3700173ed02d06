"""Activities in the calling thread, one after the other: a debugger works, but a stuck activity cannot be stopped.

Each decision task costs as much as a short activity. So short ones of one step, or outside of all steps, are performed
in a row, without a decision after each, for ten milliseconds at most. Those of different steps are not: decisions on
steps must not depend on how long activities take. A failure ends the row: the workflow may not want the next activity.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from simpleflow.activity import Activity
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import LeaseLost, UnknownResource
from simpleflow.taskids import whole_of
from simpleflow.worker.base import NothingAhead
from simpleflow.worker.dispatch import Arguments, Middlewares, Outcome, perform, quick
from simpleflow.worker.imports import NOTHING


def respond(source: ActivitySource, token: str, outcome: Outcome) -> None:
    """Report an outcome, unless the task is not open any longer. Raises LeaseLost."""
    try:
        if outcome.canceled:
            source.respond_activity_task_canceled(token, outcome.details)
        elif outcome.failed:
            source.respond_activity_task_failed(token, outcome.reason, outcome.details)
        else:
            source.respond_activity_task_completed(token, outcome.result)
    except LeaseLost:
        raise  # this process must stop: another one drives its executions
    except UnknownResource:
        pass  # the task timed out, or its execution ended


def do_quickly(
    engine: EmbeddedEngine,
    task: ActivityTask,
    given: Arguments,
    known: Mapping[str, Activity],
    middlewares: Middlewares,
    domain: str | None = None,
) -> None:
    """Perform a task that is ``quick``, with these arguments. Its end may be kept together with what comes next."""
    outcome = perform(task, known, middlewares, domain, given)
    with engine.operation(may_wait=True):
        respond(engine, task.token, outcome)


_MOMENT = 0.01  # seconds


class InlineWorker(NothingAhead):
    """Performs each task when it is started, before ``start`` returns. See ``base.ActivityPool``."""

    def __init__(
        self,
        source: EmbeddedEngine,
        known: Mapping[str, Activity],
        middlewares: Middlewares,
        domain: str | None,
    ) -> None:
        self._source = source
        self._known = known
        self._middlewares = middlewares
        self._domain = domain
        self._quick: set[str] = set()  # names of activities whose latest task took less than a moment

    begins = True
    accepts = None

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return 1

    def may_block(self, task: ActivityTask) -> bool:
        """False if the latest task of that name took less than a moment."""
        return task.name not in self._quick

    def start(self, task: ActivityTask) -> None:
        """Perform the task, and the short ones after it."""
        until = time.monotonic() + _MOMENT
        whole = whole_of(task.activity_id, task.name)  # that of all tasks of the row
        following: ActivityTask | None = task
        while following is not None:
            goes_on = self._perform(following) and whole is not None
            following = self._next_short(whole) if goes_on and time.monotonic() < until else None

    def _perform(self, task: ActivityTask) -> bool:
        """Perform one task. Returns True if it was short and has completed."""
        given = quick(task, self._known)
        if given is not None:  # the decider waits for its result
            do_quickly(self._source, task, given, self._known, self._middlewares, self._domain)
            self._quick.add(task.name)
            return False
        begun = time.monotonic()
        outcome = perform(
            task, self._known, self._middlewares, self._domain, imports=NOTHING, state=self._source.state_folder
        )
        is_short = time.monotonic() - begun < _MOMENT
        if is_short:
            self._quick.add(task.name)
        else:
            self._quick.discard(task.name)
        respond(self._source, task.token, outcome)
        return is_short and not (outcome.failed or outcome.canceled)

    def _next_short(self, whole: str | None) -> ActivityTask | None:
        """Begin the next task, if it is of the same ``whole`` and the latest one of its name was short; else None."""
        task = self._source.poll_for_activity_task(begin=False)
        if task is None:
            return None
        same = whole_of(task.activity_id, task.name) == whole
        if not same or self.may_block(task) or quick(task, self._known) is not None:
            self._source.put_back_activity_task(task.token, first=True)
            return None
        self._source.begin_activity_task(task.token)
        return task

    def wait(self, seconds: float) -> bool:
        """Let the time pass, since no task is under way."""
        time.sleep(seconds)
        return False

    def reap(self) -> None:
        """Do nothing, since no task is under way."""

    def close(self) -> None:
        """Do nothing, since there are no processes."""
