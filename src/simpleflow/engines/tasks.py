"""What waits to be handed out, and the tokens of what was.

A token is good until its task ends, however it ends. The queues may hold tasks that are over by now: whoever takes one
looks.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque

from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.engines.run import Run
from simpleflow.exceptions import UnknownResource


class Tasks:
    """The decision tasks and activity tasks of an engine's executions."""

    def __init__(self) -> None:
        self._decisions: deque[str] = deque()
        self._activities: list[tuple[int, int, str, int]] = []  # heap: -priority, order, run id, scheduled event id
        self._tokens: dict[str, tuple[str, int]] = {}  # run id, and DecisionTaskStarted or ActivityTaskScheduled id
        self._handed: dict[tuple[str, int], str] = {}
        self._order = itertools.count()

    def note(self, run: Run, event: e.Event) -> None:
        """Take in an event that was just folded into an execution: it may make a task, or end one."""
        attributes = event.attributes
        if isinstance(attributes, e.ActivityTaskScheduled):
            self._offer_activity(run, event.id, attributes)
        elif isinstance(attributes, e.DecisionTaskScheduled):
            self._decisions.append(run.run_id)
        elif isinstance(attributes, _ACTIVITY_ENDS):
            self._take_back(run.run_id, attributes.scheduled_event_id)
        elif isinstance(attributes, _DECISION_ENDS):
            self._take_back(run.run_id, attributes.started_event_id)
            if run.history.decision_pending:
                self._decisions.append(run.run_id)

    def offer(self, run: Run) -> None:
        """Hand out again what a dead process was working on, and what nobody had begun."""
        if run.history.decision != transitions.IDLE:
            self._decisions.append(run.run_id)
        for scheduled_id, task in run.history.tasks.items():
            if isinstance(task.scheduled, e.ActivityTaskScheduled):
                self._offer_activity(run, scheduled_id, task.scheduled)

    def forget(self, run: Run) -> None:
        """The execution is over, or no longer ours: its tokens are good for nothing."""
        self._take_back(run.run_id, run.history.decision_started_id)
        for scheduled_id in run.history.tasks:
            self._take_back(run.run_id, scheduled_id)

    def next_decision(self) -> str | None:
        """Run id of an execution that may have a decision task for somebody."""
        return self._decisions.popleft() if self._decisions else None

    def next_activity(self) -> tuple[str, int] | None:
        """Run id and scheduled event id of an activity task that may still be wanted, by priority, then by age."""
        return heapq.heappop(self._activities)[2:] if self._activities else None

    def is_handed_out(self, run_id: str, event_id: int) -> bool:
        """Whether somebody has the task."""
        return (run_id, event_id) in self._handed

    def hand_out(self, run_id: str, event_id: int) -> str:
        """A token for the task."""
        token = f"{run_id}.{event_id}.{next(self._order)}"
        self._tokens[token] = (run_id, event_id)
        self._handed[run_id, event_id] = token
        return token

    def of(self, token: str) -> tuple[str, int]:
        """Run id and event id of the task with that token. Raises UnknownResource."""
        try:
            return self._tokens[token]
        except KeyError:
            raise UnknownResource(f"token {token} is unknown, or its task is over") from None

    def _offer_activity(self, run: Run, scheduled_id: int, scheduled: e.ActivityTaskScheduled) -> None:
        priority = int(scheduled.task_priority or 0)
        heapq.heappush(self._activities, (-priority, next(self._order), run.run_id, scheduled_id))

    def _take_back(self, run_id: str, event_id: int) -> None:
        token = self._handed.pop((run_id, event_id), None)
        if token is not None:
            del self._tokens[token]


_ACTIVITY_ENDS = (e.ActivityTaskCompleted, e.ActivityTaskFailed, e.ActivityTaskTimedOut, e.ActivityTaskCanceled)
_DECISION_ENDS = (e.DecisionTaskCompleted, e.DecisionTaskTimedOut)
