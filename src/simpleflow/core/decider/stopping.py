"""Stopping before the end: a run has reached the steps that it was to reach, and completes once open tasks have ended.

From then on nothing new begins: no activity, child or timer that the history does not hold, unless it belongs to work
that has begun. Who stops the run says which scopes that are. Markers and signals pass: they begin nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from simpleflow import values
from simpleflow.constants import STOPPED_MARKER, WAKE_UP_TIMER
from simpleflow.core.decider import parts
from simpleflow.core.decider.evaluation import Evaluation, Tracked
from simpleflow.core.decider.handle import Handle
from simpleflow.core.decider.markers import Markers
from simpleflow.core.decider.outbox import Outbox
from simpleflow.core.history import History
from simpleflow.core.records import Key
from simpleflow.named_tuple import NamedTuple
from simpleflow.scopes import Scope

_OURS = "_simpleflow_"  # begins the ids of timers of the library: before the next try of a task, or of a claim


class Stopping(NamedTuple):
    """A run that stops."""

    goes_on: Callable[[Scope], bool]  # says if work in this scope has begun, and is finished
    result: Callable[[], Any]  # gives the content of ``parts.STOPPED`` once the run has come to rest

    def may_begin(self, handle: Handle) -> bool:
        """True if a task may begin although the run stops."""
        return _is_ours(handle.key) or self.goes_on(handle.scope)

    def is_at_rest(self, history: History, outbox: Outbox, handles: Mapping[Key, Handle]) -> bool:
        """True if nothing is under way that is to be finished."""
        if outbox.begins_work():
            return False
        for kind, record in history.open_records():
            key = (kind, record.id)
            if kind != "timer" or _is_ours(key) or (key in handles and self.goes_on(handles[key].scope)):
                return False
        return True


class Stoppable(Evaluation):
    """An evaluation that can stop before its end."""

    handles: dict[Key, Handle]  # of the tasks submitted so far
    markers: Markers
    stopping: Stopping | None = None  # the run stops

    def stop(
        self, details: Mapping[str, Any], goes_on: Callable[[Scope], bool], result: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.markers.submit_once(STOPPED_MARKER, values.encode(details, f"details of marker {STOPPED_MARKER!r}"))
        self.stopping = Stopping(goes_on, result)
        for handle in dict.fromkeys(self.handles.values()):
            if handle.record is None and self.holds(handle) and self.outbox.pop(handle.key) is not None:
                handle.held = True

    def holds(self, task: Tracked) -> bool:
        assert isinstance(task, Handle)
        return self.stopping is not None and not self.stopping.may_begin(task)

    def child_ended(self, value: Any, scope: Scope) -> bool:
        reached = parts.reached_in(value)
        if reached is None:
            return True
        told = getattr(self.workflow, "child_reached", None)
        if told is not None:
            told(reached.names, scope, reached.stopped)
        elif reached.all and self.stopping is None:  # this workflow has no steps, and so nothing else to reach
            self.reached = {"names": reached.names, "all": True}
            said = {"until": reached.names}
            self.stop(said, lambda scope: False, lambda: said)
        return not reached.stopped


def _is_ours(key: Key) -> bool:
    return key[0] == "timer" and key[1].startswith(_OURS) and key[1] != WAKE_UP_TIMER
