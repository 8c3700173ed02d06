"""The histories of executions as far as they were read, so that only new events are requested.

Theory of operation
-------------------
Kept are events, never what a workflow made of them. An event does not change once it is in a history, so what is kept
may be too short, but not wrong. Each answer is compared with it all the same, and if they contradict each other, the
history is read anew from its first event.

A decision task needs the events 1 to N, where N is its DecisionTaskStarted. They come from three sources:

1. the kept events, 1 to K;
2. the pages of the poll, which may begin anywhere. The token of a page is good for a minute only, so the later pages
   of a long history may be lost;
3. for events that neither has (another process answered in between, or pages were lost): the history read from its end
   backwards, until the first missing event is there. A read may show the history as it was a moment ago, so it is
   tried a few times.

An event that no source has, although a read showed the events on both sides of it, is not there: the decider is told
(``core.tolerant_history``). If the events are not complete for another reason, or not in time, the task is left to its
time-out: a decision over a history with a gap would be wrong.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from simpleflow.core.events import Event
from simpleflow.core.tolerant_history import missing
from simpleflow.exceptions import SimpleflowError, SwfError

MAX_KEPT_EVENTS = 200_000
"""Of all executions together: about 60 MB, plus their inputs and results."""

FETCH_SECONDS = 120.0
"""For how long a history is read at most, since its decision task has a time-out."""

_EXTRA_EVENTS = 10
"""Events that may have been added since the decision task was started."""

_TRIES = 4
_PAUSE = 0.5  # seconds, before the second try; longer before later ones

Page = dict[str, Any]
_ById = dict[int, dict[str, Any]]


class Histories:
    """The histories of the latest executions, by run id. Threads may share them.

    Args:
        parse: makes an event of a member of ``events``.
        read_back: ``read_back(workflow_id, run_id, size)`` gives the pages of a history from its end backwards, each
            with about ``size`` events.
        max_events: how many are kept, of all executions together.

    Attributes:
        answered_elsewhere: True once another process has answered a decision task of an execution that was kept here.
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
        self._kept: OrderedDict[str, list[Event]] = OrderedDict()  # by run id, the latest execution last
        self._count = 0  # events in all of them
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many events are kept."""
        return self._count

    def complete(self, pages: Iterator[Page]) -> list[Event]:
        """The events of an execution up to the DecisionTaskStarted of a decision task.

        ``pages`` are the answers to PollForDecisionTask for that task; the first one is the answer to the poll itself.
        They may begin anywhere in the history. The caller must not change the list. Raises SwfError if the history
        cannot be read completely, or not in time.
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
        except SimpleflowError:  # a page's token is good for a minute only: ``_read_missing`` reads the rest
            _check_time(deadline, run_id)
        previous = int(first.get("previousStartedEventId") or 0)
        self.answered_elsewhere |= 0 < len(kept) < previous
        if _contradicts(kept, found, previous):
            kept = []
        self._read_missing(workflow_id, run_id, kept, last, found, deadline)
        for id in range(len(kept) + 1, last + 1):
            kept.append(self._parse(found[id]) if id in found else missing(id, kept[-1].time if kept else 0.0))
        self._keep(run_id, kept)
        return kept

    def forget(self, run_id: str) -> None:
        """Drop the history of an execution."""
        self._pop(run_id)

    def _read_missing(
        self, workflow_id: str, run_id: str, kept: list[Event], last: int, found: _ById, deadline: float
    ) -> None:
        """Add the events to ``found`` that are neither there nor kept, as far as there are any."""
        for tries in range(_TRIES):
            absent = [id for id in range(len(kept) + 1, last + 1) if id not in found]
            if not absent:
                break
            if tries:
                time.sleep(_PAUSE * tries)
            read: _ById = {}
            for page in self._read_back(workflow_id, run_id, last - absent[0] + _EXTRA_EVENTS):
                read |= _by_id(page)
                _check_time(deadline, run_id)
                if page["events"] and page["events"][-1]["eventId"] <= absent[0]:
                    break
            found |= read
            absent = [id for id in absent if id not in read]
            if not absent or (min(read, default=last) < absent[0] and absent[-1] < max(read, default=0)):
                break  # one read shows a beginning of the history: what is not in the middle of it is nowhere
        else:
            found.pop(last, None)
        if last in found and found[last]["eventType"] == "DecisionTaskStarted":
            return
        raise SwfError(
            f"the history of run {run_id} up to event {last} cannot be read completely; "
            "its decision task is left to its time-out"
        )

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
    """True if the kept events and the found ones cannot be of one history."""
    if 0 < previous_started <= len(kept) and kept[previous_started - 1].type != "DecisionTaskStarted":
        return True
    return any(id <= len(kept) and kept[id - 1].type != event["eventType"] for id, event in found.items())


def _check_time(deadline: float, run_id: str) -> None:
    if time.monotonic() > deadline:
        raise SwfError(
            f"reading the history of run {run_id} takes more than {FETCH_SECONDS:.0f} s; "
            "its decision task is left to its time-out"
        )
