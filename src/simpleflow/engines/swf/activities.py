"""The activity tasks of SWF: one task list of a domain, as an ActivitySource."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from simpleflow import metrics
from simpleflow.constants import JUMBO_SCHEME, MAX_HEARTBEAT_LENGTH, MAX_REASON_LENGTH
from simpleflow.engines.base import ActivityTask
from simpleflow.engines.swf import faults, jumbo, wire
from simpleflow.engines.swf.client import client
from simpleflow.exceptions import InputError, SwfError

_Result = TypeVar("_Result")


class SwfActivitySource:
    """The activity tasks of one task list. A poll waits for up to a minute.

    Answers are retried for minutes while SWF throttles or cannot be reached, so that finished work is not lost. An
    answer that SWF accepted, but whose reply was lost, raises UnknownResource when it is retried.

    Args:
        domain: must exist.
        task_list: which to poll.
        region: of AWS; None: as configured.
        left: says for how many seconds this process may go on; answers are not retried for longer.
    """

    def __init__(
        self, domain: str, task_list: str, region: str | None = None, left: Callable[[], float] = lambda: math.inf
    ) -> None:
        self._domain = domain
        self._task_list = task_list
        self._region = region
        self._left = left

    def poll_for_activity_task(self, identity: str | None = None) -> ActivityTask | None:
        """See ActivitySource. Raises SwfError."""
        request: dict[str, Any] = {"domain": self._domain, "taskList": {"name": self._task_list}}
        if identity is not None:
            request["identity"] = identity[:256]
        with faults.translated("PollForActivityTask"):
            poll = client("polls", self._region).poll_for_activity_task
            found = metrics.polled("activity", self._task_list, lambda: poll(**request), _has_task)
        task = wire.activity_task(found, self._task_list)
        if task is None or task.input is None or not task.input.startswith(JUMBO_SCHEME):
            return task
        try:
            return task._replace(input=self._insist("read the input", lambda: jumbo.restore(task.input or "")))
        except SwfError as error:
            self.respond_activity_task_failed(task.token, f"its input cannot be read: {error}"[:MAX_REASON_LENGTH])
            return None

    def respond_activity_task_completed(self, token: str, result: str | None = None) -> None:
        """See ActivitySource. A result that is too long, and cannot go into the store, is reported as a failure."""
        try:
            members = self._members("RespondActivityTaskCompleted", result=result)
        except InputError as error:
            self.respond_activity_task_failed(token, str(error)[:MAX_REASON_LENGTH], str(error))
            return
        self._respond("RespondActivityTaskCompleted", self._calls.respond_activity_task_completed, token, members)

    def respond_activity_task_failed(self, token: str, reason: str | None = None, details: str | None = None) -> None:
        """See ActivitySource. A text that is too long, and cannot go into the store, is cut."""
        members = self._cut("RespondActivityTaskFailed", reason=reason, details=details)
        self._respond("RespondActivityTaskFailed", self._calls.respond_activity_task_failed, token, members)

    def respond_activity_task_canceled(self, token: str, details: str | None = None) -> None:
        """See ActivitySource. A text that is too long, and cannot go into the store, is cut."""
        members = self._cut("RespondActivityTaskCanceled", details=details)
        self._respond("RespondActivityTaskCanceled", self._calls.respond_activity_task_canceled, token, members)

    def record_activity_task_heartbeat(self, token: str, details: str | None = None) -> bool:
        """See ActivitySource; ``details`` beyond 2,048 characters are cut. Raises SwfError, which may pass."""
        members = {} if details is None else {"details": details[:MAX_HEARTBEAT_LENGTH]}
        with faults.translated("RecordActivityTaskHeartbeat"):
            found = self._calls.record_activity_task_heartbeat(taskToken=token, **members)
            return bool(found["cancelRequested"])

    @property
    def _calls(self) -> Any:
        return client("calls", self._region)

    def _members(self, action: str, **given: str | None) -> dict[str, str]:
        """The texts that are given; a long one is put into the store. Raises InputError, SwfError."""
        return {
            name: self._insist(action, lambda name=name, text=text: jumbo.shrink(text, name, "the activity"))  # type: ignore[misc]
            for name, text in given.items()
            if text is not None
        }

    def _cut(self, action: str, **given: str | None) -> dict[str, str]:
        members: dict[str, str] = {}
        for name, text in given.items():
            try:
                members |= self._members(action, **{name: text})
            except (InputError, SwfError):
                members[name] = (text or "")[: jumbo.limit(name)]
        return members

    def _respond(self, action: str, call: Callable[..., Any], token: str, members: dict[str, str]) -> None:
        self._insist(action, lambda: call(taskToken=token, **members))

    def _insist(self, action: str, call: Callable[[], _Result]) -> _Result:
        return faults.insist(action, call, left=self._left)


def _has_task(answer: dict[str, Any]) -> bool:
    return bool(answer.get("taskToken"))
