"""What waits to be handed out, and the tokens of what was.

A token is good until its task ends, however it ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.engines.queues import Queues
from simpleflow.engines.run import Run
from simpleflow.exceptions import UnknownResource


class Tasks:
    """The decision tasks and activity tasks of an engine's executions."""

    def __init__(self) -> None:
        self.decisions = Queues()
        self.activities = Queues()
        self._tokens: dict[str, tuple[str, int]] = {}  # run id, and DecisionTaskStarted or ActivityTaskScheduled id
        self._handed: dict[tuple[str, int], str] = {}
        self._order = itertools.count()

    def note(self, run: Run, event: e.Event) -> None:
        """Take in an event that was just folded into an execution: it may make a task, or end one."""
        taken = _NOTED.get(type(event.attributes))
        if taken is not None:
            taken(self, run, event, event.attributes)

    def _activity_scheduled(self, run: Run, event: e.Event, attributes: Any) -> None:
        self.activities.put(attributes.task_list.name, attributes.task_priority, (run.run_id, event.id))

    def _decision_scheduled(self, run: Run, event: e.Event, attributes: Any) -> None:
        self.decisions.put(attributes.task_list.name, attributes.task_priority, (run.run_id, event.id))

    def _activity_ended(self, run: Run, event: e.Event, attributes: Any) -> None:
        self._take_back(run.run_id, attributes.scheduled_event_id)

    def _decision_ended(self, run: Run, event: e.Event, attributes: Any) -> None:
        self._take_back(run.run_id, attributes.started_event_id)
        if run.history.decision_pending:
            self._offer_decision(run, run.history.decision_scheduled_id)

    def offer(self, run: Run, survived: bool = False) -> None:
        """Hand out what nobody had begun when the process died that had the execution, and what that was working on.

        ``survived``: others were working on it, and may still answer with the tokens that they have.
        """
        history = run.history
        if history.deciding and survived:
            self._left(run.run_id, history.decision_started_id)
        elif history.decision != transitions.IDLE:
            self._offer_decision(run, history.decision_taken_id if history.deciding else history.decision_scheduled_id)
        for scheduled_id, task in history.tasks.items():
            if not isinstance(task.scheduled, e.ActivityTaskScheduled):
                continue
            if task.state == transitions.STARTED and survived:
                self._left(run.run_id, scheduled_id)
            else:
                self._offer_activity(run, scheduled_id)

    def put_back(self, run: Run, token: str) -> None:
        """Whoever was to have the task with that token never got it: offer it again, begun as it is."""
        run_id, event_id = self.of(token)
        self._take_back(run_id, event_id)
        if event_id in run.history.tasks:
            self._offer_activity(run, event_id)
        else:
            self._offer_decision(run, run.history.decision_taken_id)

    def forget(self, run: Run) -> None:
        """The execution is over, or no longer ours: its tokens are good for nothing."""
        self._take_back(run.run_id, run.history.decision_started_id)
        for scheduled_id in run.history.tasks:
            self._take_back(run.run_id, scheduled_id)

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
        found = self._tokens.get(token) or self._tokens.get(token.rpartition(".")[0])
        if found is None:
            raise UnknownResource(f"token {token} is unknown, or its task is over")
        return found

    def _left(self, run_id: str, event_id: int) -> None:
        """A token of the process before is good, whatever number it ends with: there is one for each task."""
        token = f"{run_id}.{event_id}"
        self._tokens[token] = (run_id, event_id)
        self._handed[run_id, event_id] = token

    def _offer_decision(self, run: Run, scheduled_id: int) -> None:
        scheduled: Any = run.history.events[scheduled_id - 1].attributes
        self.decisions.put(scheduled.task_list.name, scheduled.task_priority, (run.run_id, scheduled_id))

    def _offer_activity(self, run: Run, scheduled_id: int) -> None:
        scheduled = run.history.tasks[scheduled_id].scheduled
        self.activities.put(scheduled.task_list.name, scheduled.task_priority, (run.run_id, scheduled_id))

    def _take_back(self, run_id: str, event_id: int) -> None:
        token = self._handed.pop((run_id, event_id), None)
        if token is not None:
            del self._tokens[token]


_NOTED: dict[type[e.Attributes], Callable[[Tasks, Run, e.Event, Any], None]] = {
    e.ActivityTaskScheduled: Tasks._activity_scheduled,
    e.DecisionTaskScheduled: Tasks._decision_scheduled,
    e.ActivityTaskCompleted: Tasks._activity_ended,
    e.ActivityTaskFailed: Tasks._activity_ended,
    e.ActivityTaskTimedOut: Tasks._activity_ended,
    e.ActivityTaskCanceled: Tasks._activity_ended,
    e.DecisionTaskCompleted: Tasks._decision_ended,
    e.DecisionTaskTimedOut: Tasks._decision_ended,
}
