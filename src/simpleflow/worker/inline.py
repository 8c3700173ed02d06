"""Activities in the calling thread, one after the other: a debugger works, and nothing can stop a stuck one."""

from __future__ import annotations

import time
from collections.abc import Mapping

from simpleflow.activity import Activity
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import LeaseLost, UnknownResource
from simpleflow.worker.dispatch import Arguments, Middlewares, Outcome, perform, quick


def respond(source: ActivitySource, token: str, outcome: Outcome) -> None:
    """Report an outcome; nothing happens if the task is no longer wanted. Raises LeaseLost."""
    try:
        if outcome.canceled:
            source.respond_activity_task_canceled(token, outcome.details)
        elif outcome.failed:
            source.respond_activity_task_failed(token, outcome.reason, outcome.details)
        else:
            source.respond_activity_task_completed(token, outcome.result)
    except LeaseLost:
        raise  # nothing that this process does is wanted any longer
    except UnknownResource:
        pass  # it timed out or its execution ended: the service has gone on without it


def do_quickly(
    engine: EmbeddedEngine,
    task: ActivityTask,
    given: Arguments,
    known: Mapping[str, Activity],
    middlewares: Middlewares,
    domain: str | None = None,
) -> None:
    """Do a task that is ``quick``, with its arguments: its end is kept together with what comes next."""
    outcome = perform(task, known, middlewares, domain, given)
    with engine.operation(may_wait=True):
        respond(engine, task.token, outcome)


_MOMENT = 0.01


class InlineWorker:
    """Does each task as it is started."""

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

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return 1

    @property
    def ahead(self) -> int:
        """Nobody is busy: tasks are done as they are started."""
        return 0

    def send_ahead(self, task: ActivityTask) -> None:
        """See ``ahead``."""
        raise NotImplementedError

    def may_block(self, task: ActivityTask) -> bool:
        """Whether ``start`` may take more than a moment: unless a task of that name has just taken less."""
        return task.name not in self._quick

    def start(self, task: ActivityTask) -> None:
        """Do the task."""
        given = quick(task, self._known)
        if given is not None:
            do_quickly(self._source, task, given, self._known, self._middlewares, self._domain)
            self._quick.add(task.name)
            return
        begun = time.monotonic()
        outcome = perform(task, self._known, self._middlewares, self._domain)
        if time.monotonic() - begun < _MOMENT:
            self._quick.add(task.name)
        else:
            self._quick.discard(task.name)
        respond(self._source, task.token, outcome)

    def wait(self, seconds: float) -> bool:
        """Nothing runs meanwhile: let the time pass."""
        time.sleep(seconds)
        return False

    def reap(self) -> None:
        """Nothing runs meanwhile: nothing is to be stopped."""

    def close(self) -> None:
        """Nothing to end."""
