"""The histories of executions as far as they were read, so that only what is new is asked for.

What is kept are events, never what a workflow made of them: events do not change, so what is kept may be too short but
not wrong. Each answer is checked against it all the same, and what does not fit is read anew, from the first event on.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simpleflow.core.events import Event
from simpleflow.exceptions import SimpleflowError, SwfError

MAX_KEPT_EVENTS = 200_000
"""Events of all executions together: about 60 MB, and what their inputs and results hold."""

FETCH_SECONDS = 120.0
"""For how long a history is read: the decision that it is for has to be answered in time."""

_EXTRA_EVENTS = 10
"""Events that may have come since the decision task was started."""

_TRIES = 4
_PAUSE = 0.5  # seconds; reading a history may show it as it was a moment ago

Page = dict[str, Any]
_ById = dict[int, dict[str, Any]]


class Histories:
    """Histories by run id, those of the latest executions. May be shared by threads.

    Args:
        parse: the event of a member of ``events``.
        read_back: the pages of an execution's history from its end on, each with about that many events:
            ``read_back(workflow_id, run_id, size)``.
        max_events: how many are kept.

    Attributes:
        answered_elsewhere: whether a decision was answered by another process in an execution that was kept here.
    """

    def __init__(
        self,
        parse: Callable[[dict[str, Any]], Event],
        read_back: Callable[[str, str, int], Iterable[Page]],
        max_events: int = MAX_KEPT_EVENTS,
    ) -> None:
        self._parse = parse
        self._read_back = read_back
        self.answered_elsewhere = False
        self._max_events = max_events
        self._kept: OrderedDict[str, list[Event]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many events are kept."""
        return self._count

    def complete(self, pages: Iterator[Page]) -> list[Event]:
        """The events of an execution up to the DecisionTaskStarted of a decision task.

        ``pages`` are the answers to PollForDecisionTask for it, one page after another; the first one that was made is
        that of the poll itself. They may begin anywhere in the history. The list is to be read only. Raises SwfError if
        the history cannot be had whole, or not in time.
        """
        deadline = time.monotonic() + FETCH_SECONDS
        first = next(pages)
        workflow_id, run_id = first["workflowExecution"]["workflowId"], first["workflowExecution"]["runId"]
        last = int(first["startedEventId"])
        found = _by_id(first)
        kept = self._pop(run_id)
        try:
            for page in pages:
                found |= _by_id(page)
                _check_time(deadline, run_id)
        except SimpleflowError:  # a page's token is good for a minute only: the rest is read by another way
            _check_time(deadline, run_id)
        previous = int(first.get("previousStartedEventId") or 0)
        self.answered_elsewhere |= 0 < len(kept) < previous
        if _contradicts(kept, found, previous):
            kept = []
        self._read_missing(workflow_id, run_id, kept, last, found, deadline)
        kept.extend([self._parse(found[id]) for id in range(len(kept) + 1, last + 1)])
        self._keep(run_id, kept)
        return kept

    def forget(self, run_id: str) -> None:
        """Keep nothing of an execution."""
        self._pop(run_id)

    def _read_missing(
        self, workflow_id: str, run_id: str, kept: list[Event], last: int, found: _ById, deadline: float
    ) -> None:
        """Add to ``found`` what is neither there nor kept."""
        for tries in range(_TRIES):
            missing = next((id for id in range(len(kept) + 1, last + 1) if id not in found), None)
            if missing is None:
                if found[last]["eventType"] == "DecisionTaskStarted":
                    return
                break
            if tries:
                time.sleep(_PAUSE * tries)
            for page in self._read_back(workflow_id, run_id, last - missing + _EXTRA_EVENTS):
                found |= _by_id(page)
                _check_time(deadline, run_id)
                if page["events"] and page["events"][-1]["eventId"] <= missing:
                    break
        raise SwfError(f"the history of run {run_id} up to event {last} cannot be read whole; it is left alone")

    def _pop(self, run_id: str) -> list[Event]:
        with self._lock:
            kept = self._kept.pop(run_id, [])
            self._count -= len(kept)
            return kept

    def _keep(self, run_id: str, events: list[Event]) -> None:
        with self._lock:
            self._kept[run_id] = events
            self._count += len(events)
            while self._count > self._max_events and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                self._count -= len(oldest)


def _by_id(page: Page) -> _ById:
    return {event["eventId"]: event for event in page.get("events", ())}


def _contradicts(kept: list[Event], found: _ById, previous_started: int) -> bool:
    """Whether what is kept cannot be the beginning of what was found."""
    if 0 < previous_started <= len(kept) and kept[previous_started - 1].type != "DecisionTaskStarted":
        return True
    return any(id <= len(kept) and kept[id - 1].type != event["eventType"] for id, event in found.items())


def _check_time(deadline: float, run_id: str) -> None:
    if time.monotonic() > deadline:
        raise SwfError(f"reading the history of run {run_id} takes more than {FETCH_SECONDS:.0f} s; it is given up")
