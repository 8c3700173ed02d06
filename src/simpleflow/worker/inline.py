"""Activities in the calling thread, one after the other: a debugger works, and nothing can stop a stuck one."""

from __future__ import annotations

import time
from collections.abc import Mapping

from simpleflow.activity import Activity
from simpleflow.engines.base import ActivitySource, ActivityTask
from simpleflow.exceptions import UnknownResource
from simpleflow.worker.dispatch import Middlewares, Outcome, perform


def respond(source: ActivitySource, token: str, outcome: Outcome) -> None:
    """Report an outcome; nothing happens if the task is no longer wanted."""
    try:
        if outcome.failed:
            source.respond_activity_task_failed(token, outcome.reason, outcome.details)
        else:
            source.respond_activity_task_completed(token, outcome.result)
    except UnknownResource:
        pass  # it timed out or its execution ended: the service has gone on without it


class InlineWorker:
    """Does each task as it is started."""

    def __init__(
        self,
        source: ActivitySource,
        known: Mapping[str, Activity],
        middlewares: Middlewares,
        domain: str | None,
    ) -> None:
        self._source = source
        self._known = known
        self._middlewares = middlewares
        self._domain = domain

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return 1

    def start(self, task: ActivityTask) -> None:
        """Do the task."""
        respond(self._source, task.token, perform(task, self._known, self._middlewares, self._domain))

    def wait(self, seconds: float) -> bool:
        """Nothing runs meanwhile: let the time pass."""
        time.sleep(seconds)
        return False

    def reap(self) -> None:
        """Nothing runs meanwhile: nothing is to be stopped."""

    def close(self) -> None:
        """Nothing to end."""
