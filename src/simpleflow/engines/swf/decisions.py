"""The decision tasks of SWF: one task list of a domain, as a DecisionSource.

Theory of operation
-------------------
A poll brings a task with a page of the execution's history. ``Histories`` keeps the events of earlier tasks, so that
only new events are requested. That works well only in the process that answered before: any other one reads the whole
history again.

If several processes poll one task list, SWF hands the tasks of an execution to any of them. A process notices when
another one has answered for an execution that it keeps (``wants_own_list``). From then on it polls a second task list,
which belongs to it alone (``poll_own_list``), and each of its answers requests that the execution's next task comes
there. If a task waits there for ``own_list_seconds``, since the process has ended, SWF returns it to the execution's
own list, and any process takes it. The own list needs a server that knows the members for this; where boto3's model
lacks them, answers do not request it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from simpleflow import metrics, settings
from simpleflow.constants import MAX_EVENTS, MAX_REASON_LENGTH
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decisions import Decision
from simpleflow.core.events import Event
from simpleflow.engines.base import DecisionTask, TaskUnreadable
from simpleflow.engines.swf import faults, jumbo, registration, wire
from simpleflow.engines.swf.client import client, knows
from simpleflow.engines.swf.histories import MAX_KEPT_EVENTS, Histories, Page
from simpleflow.exceptions import InputError, SimpleflowError

_PAGE_SIZE = 1_000

OWN_LIST_SECONDS = 5
"""How long a decision task waits on the list of a process that may have ended."""


def limits() -> Limits:
    """The limits of SWF for a decider, for ``worker.decision_worker.DecisionWorker``."""
    return Limits(open_activities=settings.SWF_MAX_OPEN_ACTIVITY_COUNT, events=MAX_EVENTS)


class SwfDecisionSource:
    """The decision tasks of one task list. A poll waits for up to a minute.

    Histories are kept, so that only new events are requested. Events that another process got meanwhile are read too.
    If a history shows that a type is missing, the type is registered before the task is handed out.

    Args:
        domain: must exist.
        task_list: which to poll.
        region: of AWS; None: as configured.
        own_list: a task list of this process alone; see ``poll_own_list``.
        own_list_seconds: how long a task waits there before it goes back to the execution's task list.
        max_events: how many events are kept, of all executions together.
    """

    def __init__(
        self,
        domain: str,
        task_list: str,
        region: str | None = None,
        own_list: str | None = None,
        own_list_seconds: int = OWN_LIST_SECONDS,
        max_events: int = MAX_KEPT_EVENTS,
    ) -> None:
        self._domain = domain
        self._task_list = task_list
        self._region = region
        self._own_list = None if own_list is None else _OwnList(own_list, str(own_list_seconds))
        self._histories = Histories(_parse, self._read_back, max_events)

    @property
    def wants_own_list(self) -> bool:
        """True if polling the own list is worthwhile: others have answered for executions that are kept here."""
        return self._own_list is not None and self._histories.answered_elsewhere

    def poll_own_list(self, identity: str | None = None) -> DecisionTask | None:
        """The next decision task that has come back to this process, or None.

        A poll is for one list only, so call this in a second thread. From the first poll on, answers request that tasks
        come to the own list; after a poll that failed, they stop until one succeeds. Raises SwfError as
        ``poll_for_decision_task``, and InputError without an own list.
        """
        own = self._own_list
        if own is None:
            raise InputError("there is no own list: name one with own_list")
        own.polled = True
        try:
            found = self._task(own.name, identity)
        except BaseException:
            own.failed = True
            raise
        own.failed = False
        return found

    def poll_for_decision_task(self, identity: str | None = None) -> DecisionTask | None:
        """See DecisionSource. Raises TaskUnreadable if the history cannot be read, and SwfError."""
        return self._task(self._task_list, identity)

    def _task(self, task_list: str, identity: str | None) -> DecisionTask | None:
        first = metrics.polled(
            "decision",
            task_list,
            lambda: self._poll(task_list, identity, None),
            lambda answer: bool(answer.get("taskToken")),
        )
        token = first.get("taskToken")
        if not token:
            return None
        execution, kind = first["workflowExecution"], first["workflowType"]
        try:
            events = self._histories.complete(self._pages(task_list, first, identity))
        except SimpleflowError as error:
            label = f"workflow {execution['workflowId']}, run {execution['runId']}"
            raise TaskUnreadable(f"{kind['name']} ({label}): {error}", passing=True) from error
        previous = int(first.get("previousStartedEventId") or 0)
        registration.register_missing(client("calls", self._region), self._domain, events[previous:])
        _measure_lags(kind["name"], events, previous, first["startedEventId"])
        return DecisionTask(
            token=token,
            workflow_id=execution["workflowId"],
            run_id=execution["runId"],
            name=kind["name"],
            version=kind["version"],
            started_event_id=first["startedEventId"],
            events=events,
        )

    def respond_decision_task_completed(
        self, token: str, decisions: Sequence[Decision], execution_context: str | None = None
    ) -> None:
        """See DecisionSource. A text that is too long, and cannot go into the store, fails the execution.

        The answer is retried for minutes while SWF throttles or cannot be reached. One that SWF accepted, but whose
        reply was lost, raises UnknownResource when it is retried.
        """
        try:
            fitted = [jumbo.shrink_decision(each) for each in decisions]
        except InputError as error:
            fitted = [_too_long(error)]
        calls = client("calls", self._region)
        own = self._own_list
        if own is not None and not (own.is_in_use and knows(calls, "RespondDecisionTaskCompleted", "taskList")):
            own = None
        request = wire.answer(token, fitted, execution_context, None if own is None else (own.name, own.seconds))
        faults.insist("RespondDecisionTaskCompleted", lambda: calls.respond_decision_task_completed(**request))

    def _poll(self, task_list: str, identity: str | None, page_token: str | None) -> Page:
        polls = client("polls", self._region)
        request: dict[str, Any] = {
            "domain": self._domain,
            "taskList": {"name": task_list},
            "maximumPageSize": _PAGE_SIZE,
        }
        if identity is not None:
            request["identity"] = identity[:256]
        if knows(polls, "PollForDecisionTask", "startAtPreviousStartedEvent"):
            request["startAtPreviousStartedEvent"] = True
        if page_token is not None:
            request["nextPageToken"] = page_token
        with faults.translated("PollForDecisionTask"):
            found: Page = polls.poll_for_decision_task(**request)
            return found

    def _pages(self, task_list: str, page: Page, identity: str | None) -> Iterator[Page]:
        yield page
        while page_token := page.get("nextPageToken"):
            page = self._poll(task_list, identity, page_token)
            yield page

    def _read_back(self, workflow_id: str, run_id: str, size: int) -> Iterator[Page]:
        return history_pages(self._domain, workflow_id, run_id, self._region, reverse=True, size=size)


@dataclass
class _OwnList:
    """The task list of this process alone."""

    name: str
    seconds: str  # how long a task waits there
    polled: bool = False  # at least once
    failed: bool = False  # the latest poll

    @property
    def is_in_use(self) -> bool:
        """True if answers may send tasks there."""
        return self.polled and not self.failed


def history_pages(
    domain: str,
    workflow_id: str,
    run_id: str,
    region: str | None = None,
    reverse: bool = False,
    size: int = _PAGE_SIZE,
) -> Iterator[Page]:
    """The pages of GetWorkflowExecutionHistory, each a dict with ``events``. Raises as ``faults.translated``."""
    calls = client("calls", region)
    request: dict[str, Any] = {
        "domain": domain,
        "execution": {"workflowId": workflow_id, "runId": run_id},
        "maximumPageSize": min(size, _PAGE_SIZE),
        "reverseOrder": reverse,
    }
    while True:
        with faults.translated("GetWorkflowExecutionHistory"):
            page = calls.get_workflow_execution_history(**request)
        yield page
        if not page.get("nextPageToken"):
            return
        request["nextPageToken"] = page["nextPageToken"]


def _measure_lags(workflow_type: str, events: Sequence[Event], previous: int, last: int) -> None:
    """Measure how long the tasks waited that the new events have started."""
    for event in events[previous:last]:
        started = event.attributes
        if isinstance(started, e.ActivityTaskStarted | e.DecisionTaskStarted):
            scheduled = (
                events[started.scheduled_event_id - 1] if 0 < started.scheduled_event_id <= len(events) else None
            )
            if scheduled is not None and isinstance(scheduled.attributes, e.ActivityTaskScheduled):
                metrics.waited("activity", scheduled.attributes.activity_type.name, event.time - scheduled.time)
            elif scheduled is not None and isinstance(scheduled.attributes, e.DecisionTaskScheduled):
                metrics.waited("decision", workflow_type, event.time - scheduled.time)


def _parse(members: dict[str, Any]) -> Event:
    return jumbo.restore_event(wire.event(members))


def _too_long(error: InputError) -> d.FailWorkflowExecution:
    text = f"Workflow execution failed: {error}"
    return d.FailWorkflowExecution(
        reason=text if len(text) <= MAX_REASON_LENGTH else text[: MAX_REASON_LENGTH - 3] + "...", details=str(error)
    )
