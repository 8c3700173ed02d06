"""The executions of a domain of SWF: start, steer and read them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from simpleflow.core.events import Event
from simpleflow.core.transitions import OPEN
from simpleflow.engines.base import EVERY_RUN, RunDescription, RunFilter, RunReader, StartRequest
from simpleflow.engines.swf import faults, jumbo, registration, wire
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import history_pages
from simpleflow.exceptions import RunBusy, UnknownResource

_SKEW_SECONDS = 30
"""By how much this machine's clock may be ahead of the service's."""


class SwfEngine(RunReader):
    """The Client and the RunReader of a domain.

    SWF's lists may lag behind by a moment. Every method also raises SwfError.

    Args:
        domain: must exist.
        region: of AWS; None: as configured.
    """

    def __init__(self, domain: str, region: str | None = None) -> None:
        self.domain = domain
        self._region = region

    # Client

    def start_workflow_execution(self, request: StartRequest) -> str:
        """See Client. A workflow type that is missing is registered."""
        if request.input is not None:
            request = request._replace(input=jumbo.shrink(request.input, "input", f"workflow {request.workflow_id}"))
        members = wire.start(self.domain, request)
        try:
            return self._start(members)
        except UnknownResource:
            registration.register_workflow(self._calls, self.domain, request.name, request.version)
        return self._start(members)

    def signal_workflow_execution(
        self, workflow_id: str, signal_name: str, input: str | None = None, run_id: str | None = None
    ) -> None:
        """See Client."""
        members = {"signalName": signal_name}
        if input is not None:
            members["input"] = jumbo.shrink(input, "input", f"signal {signal_name}")
        self._steer("SignalWorkflowExecution", self._calls.signal_workflow_execution, workflow_id, run_id, members)

    def request_cancel_workflow_execution(self, workflow_id: str, run_id: str | None = None) -> None:
        """See Client."""
        call = self._calls.request_cancel_workflow_execution
        self._steer("RequestCancelWorkflowExecution", call, workflow_id, run_id, {})

    def terminate_workflow_execution(
        self,
        workflow_id: str,
        run_id: str | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        """See Client."""
        members = {
            name: jumbo.shrink(text, name, "the termination")
            for name, text in (("reason", reason), ("details", details))
            if text is not None
        }
        call = self._calls.terminate_workflow_execution
        self._steer("TerminateWorkflowExecution", call, workflow_id, run_id, members)

    # RunReader

    def describe(self, workflow_id: str, run_id: str | None = None) -> RunDescription:
        """See RunReader."""
        if run_id is None:
            found = [*self._list_open(workflow_id), *self._list_closed(workflow_id)]
            if not found:
                raise UnknownResource(f"domain {self.domain} has no execution of workflow id {workflow_id!r}")
            return _latest_first(found)[0]
        with faults.translated("DescribeWorkflowExecution"):
            answer = self._calls.describe_workflow_execution(
                domain=self.domain, execution={"workflowId": workflow_id, "runId": run_id}
            )
        return wire.description(answer["executionInfo"])._replace(context=answer.get("latestExecutionContext"))

    def history(
        self, workflow_id: str, run_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """See RunReader."""
        if limit == 0:
            return []
        if after and limit is None:  # the new events of a history that is known: SWF can only read it from the end
            return self._from_the_end(workflow_id, run_id, lambda event: event["eventId"] > after)
        found: list[Event] = []
        for each in self._events(workflow_id, run_id, size=None if limit is None else after + limit):
            if each["eventId"] > after:
                found.append(_parse(each))
            if len(found) == limit:
                break
        return found

    def last_events(self, workflow_id: str, run_id: str | None = None, limit: int = 1) -> Sequence[Event]:
        """See RunReader."""
        numbers = iter(range(limit))
        return self._from_the_end(workflow_id, run_id, lambda event: next(numbers, None) is not None, limit)

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        """See RunReader. SWF removes executions some time after they close.

        SWF takes one filter: it is given the one that leaves the fewest.
        """
        found: list[RunDescription] = []
        if wanted.statuses is None or OPEN in wanted.statuses:
            found += self._list_open(oldest=wanted.oldest, **_filter(wanted, is_open=True))
        if wanted.statuses is None or wanted.statuses - {OPEN}:
            found += self._list_closed(oldest=wanted.oldest, **_filter(wanted, is_open=False))
        accepted = {each.run_id: each for each in found if wanted.accepts(each)}  # one may close between the lists
        runs = _latest_first(list(accepted.values()))
        first = 1 + next((at for at, run in enumerate(runs) if run.run_id == before), -1)
        return runs[first:] if limit is None else runs[first : first + limit]

    def _events(
        self, workflow_id: str, run_id: str | None, reverse: bool = False, size: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the events of an execution as they are on the wire. ``size``: how many the first page may have."""
        if run_id is None:
            run_id = self.describe(workflow_id).run_id
        sizes = {} if size is None else {"size": size}
        for page in history_pages(self.domain, workflow_id, run_id, self._region, reverse, **sizes):
            yield from page["events"]

    def _from_the_end(
        self, workflow_id: str, run_id: str | None, wanted: Callable[[dict[str, Any]], bool], size: int | None = None
    ) -> list[Event]:
        """Return the last events, in their order, as far back as they are wanted."""
        found = list(itertools.takewhile(wanted, self._events(workflow_id, run_id, reverse=True, size=size)))
        return [_parse(each) for each in reversed(found)]

    @property
    def _calls(self) -> Any:
        return client("calls", self._region)

    def _start(self, members: dict[str, Any]) -> str:
        began = time.time()
        try:
            with faults.translated("StartWorkflowExecution"):
                return str(self._calls.start_workflow_execution(**members)["runId"])
        except RunBusy as error:
            # The reply to a first try may have been lost. Then the client's own retry has met what that try started.
            found = self._started_by(members, began) if faults.was_retried(error.__cause__) else None
            if found is None:
                raise RunBusy(
                    f"workflow id {members['workflowId']!r} has an open execution in domain {self.domain!r}; "
                    "wait for its end, terminate it, or use another id"
                ) from error
            return found

    def _started_by(self, members: dict[str, Any], began: float) -> str | None:
        """The run id of the latest execution, if it has these members and was started since ``began``; else None.

        The execution may have ended since the refusal.
        """
        oldest = began - _SKEW_SECONDS
        workflow_id = members["workflowId"]
        both = [*self._list_open(workflow_id, oldest), *self._list_closed(workflow_id, oldest)]
        for found in _latest_first(both)[:1]:
            page = next(history_pages(self.domain, found.workflow_id, found.run_id, self._region, size=1))
            started: Any = wire.event(page["events"][0]).attributes
            requested = (members["workflowType"], members.get("input"))
            recorded = ({"name": started.workflow_type.name, "version": started.workflow_type.version}, started.input)
            if requested == recorded and found.started >= oldest:
                return found.run_id
        return None

    def _steer(
        self, action: str, call: Callable[..., Any], workflow_id: str, run_id: str | None, members: dict[str, str]
    ) -> None:
        if run_id is not None:
            members = {**members, "runId": run_id}
        try:
            with faults.translated(action):
                call(domain=self.domain, workflowId=workflow_id, **members)
        except UnknownResource as error:
            # The reply to a first try may have been lost: that try has ended the execution.
            if action == "SignalWorkflowExecution" or not faults.was_retried(error.__cause__):
                raise

    def _list_open(self, workflow_id: str | None = None, oldest: float = 0, **given: Any) -> list[RunDescription]:
        return self._list("ListOpenWorkflowExecutions", "list_open_workflow_executions", workflow_id, oldest, given)

    def _list_closed(self, workflow_id: str | None = None, oldest: float = 0, **given: Any) -> list[RunDescription]:
        action = "ListClosedWorkflowExecutions"
        return self._list(action, "list_closed_workflow_executions", workflow_id, oldest, given)

    def _list(
        self, action: str, method: str, workflow_id: str | None, oldest: float, given: dict[str, Any]
    ) -> list[RunDescription]:
        request: dict[str, Any] = {"domain": self.domain, "startTimeFilter": {"oldestDate": int(oldest)}, **given}
        if workflow_id is not None:
            request["executionFilter"] = {"workflowId": workflow_id}
        return [wire.description(info) for page in self._pages(action, method, request) for info in page]

    def _pages(self, action: str, method: str, request: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        while True:
            with faults.translated(action):
                page = getattr(self._calls, method)(**request)
            yield page["executionInfos"]
            if not page.get("nextPageToken"):
                return
            request = {**request, "nextPageToken": page["nextPageToken"]}


def _parse(event: dict[str, Any]) -> Event:
    return jumbo.restore_event(wire.event(event))


def _filter(wanted: RunFilter, is_open: bool) -> dict[str, Any]:
    """The filter that SWF is given: the one that leaves the fewest executions. Nothing else can filter by a tag."""
    if wanted.tag is not None:
        return {"tagFilter": {"tag": wanted.tag}}
    if wanted.workflow_id is not None:
        return {"executionFilter": {"workflowId": wanted.workflow_id}}
    if wanted.name is not None:
        version = {"version": wanted.version} if wanted.version is not None else {}
        return {"typeFilter": {"name": wanted.name, **version}}
    if wanted.statuses is not None and not is_open and len(closed := wanted.statuses - {OPEN}) == 1:
        return {"closeStatusFilter": {"status": next(iter(closed)).upper()}}
    return {}


def _latest_first(runs: list[RunDescription]) -> list[RunDescription]:
    return sorted(runs, key=lambda each: (each.started, each.closed is None), reverse=True)
