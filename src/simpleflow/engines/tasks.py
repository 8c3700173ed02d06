"""The tasks of an engine's executions: those that wait, and the tokens of those that were handed out.

Theory of operation
-------------------
``update`` follows the events: a ...Scheduled event puts a task into a queue, the event of its end revokes its token.
The history alone says what state a task is in; here is only who may take it and who may answer it.

A *token* is ``RUN_ID.EVENT_ID.NUMBER``. EVENT_ID is that of the DecisionTaskStarted or of the ActivityTaskScheduled,
NUMBER differs for each token. A task has at most one token that is good, and the token is good until the task ends,
however it ends: then an answer with it is refused with UnknownResource and changes nothing.

Where the workers are other processes, they may outlive the engine's. The next process cannot know the number that the
token of a started task ends with. So it accepts ``RUN_ID.EVENT_ID`` with any number for such a task
(``_accept_any_number``): there was only one.
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
        self._handed_out: dict[tuple[str, int], str] = {}  # the reverse
        self._order = itertools.count()

    def update(self, run: Run, event: e.Event) -> None:
        """Follow an event that was just folded into an execution: it may make a task, or end one."""
        follow = _FOLLOW.get(type(event.attributes))
        if follow is not None:
            follow(self, run, event, event.attributes)

    def _activity_scheduled(self, run: Run, event: e.Event, attributes: Any) -> None:
        self.activities.put(attributes.task_list.name, attributes.task_priority, (run.run_id, event.id))

    def _decision_scheduled(self, run: Run, event: e.Event, attributes: Any) -> None:
        self.decisions.put(attributes.task_list.name, attributes.task_priority, (run.run_id, event.id))

    def _activity_ended(self, run: Run, event: e.Event, attributes: Any) -> None:
        self._revoke(run.run_id, attributes.scheduled_event_id)

    def _decision_ended(self, run: Run, event: e.Event, attributes: Any) -> None:
        self._revoke(run.run_id, attributes.started_event_id)
        if run.history.decision_pending:
            self._offer_decision(run, run.history.decision_scheduled_id)

    def offer(self, run: Run, workers_survive: bool = False) -> None:
        """Offer the tasks of an execution that was adopted: those that wait, and those that had been started.

        ``workers_survive``: those who started them live on. Such tasks are not offered again, and their tokens are
        good.
        """
        history = run.history
        if history.deciding and workers_survive:
            self._accept_any_number(run.run_id, history.decision_started_id)
        elif history.decision != transitions.IDLE:
            self._offer_decision(run, history.decision_taken_id if history.deciding else history.decision_scheduled_id)
        for scheduled_id, task in history.tasks.items():
            if not isinstance(task.scheduled, e.ActivityTaskScheduled):
                continue
            if task.state == transitions.STARTED and workers_survive:
                self._accept_any_number(run.run_id, scheduled_id)
            else:
                self._offer_activity(run, scheduled_id)

    def put_back(self, run: Run, token: str, first: bool = False) -> None:
        """Revoke a token whose task did not reach the worker, and offer the task again, started as it is.

        ``first``: an activity task goes back to the head of its task list.
        """
        run_id, event_id = self.of(token)
        self._revoke(run_id, event_id)
        if event_id in run.history.tasks:
            self._offer_activity(run, event_id, first)
        else:
            self._offer_decision(run, run.history.decision_taken_id)

    def forget(self, run: Run) -> None:
        """Revoke the tokens of an execution that has ended, or that this process does not own any longer."""
        self._revoke(run.run_id, run.history.decision_started_id)
        for scheduled_id in run.history.tasks:
            self._revoke(run.run_id, scheduled_id)

    def is_handed_out(self, run_id: str, event_id: int) -> bool:
        """True if the task has a good token."""
        return (run_id, event_id) in self._handed_out

    def hand_out(self, run_id: str, event_id: int) -> str:
        """A token for the task."""
        token = f"{run_id}.{event_id}.{next(self._order)}"
        self._tokens[token] = (run_id, event_id)
        self._handed_out[run_id, event_id] = token
        return token

    def of(self, token: str) -> tuple[str, int]:
        """Run id and event id of the task with that token. Raises UnknownResource."""
        found = self._tokens.get(token) or self._tokens.get(token.rpartition(".")[0])
        if found is None:
            raise UnknownResource(f"token {token} is unknown, or its task is over")
        return found

    def _accept_any_number(self, run_id: str, event_id: int) -> None:
        token = f"{run_id}.{event_id}"
        self._tokens[token] = (run_id, event_id)
        self._handed_out[run_id, event_id] = token

    def _offer_decision(self, run: Run, scheduled_id: int) -> None:
        scheduled: Any = run.history.events[scheduled_id - 1].attributes
        self.decisions.put(scheduled.task_list.name, scheduled.task_priority, (run.run_id, scheduled_id))

    def _offer_activity(self, run: Run, scheduled_id: int, first: bool = False) -> None:
        task = run.history.tasks[scheduled_id]
        if task.state == transitions.STARTED:
            run.history.give_back(task)
        scheduled = task.scheduled
        self.activities.put(scheduled.task_list.name, scheduled.task_priority, (run.run_id, scheduled_id), first)

    def _revoke(self, run_id: str, event_id: int) -> None:
        token = self._handed_out.pop((run_id, event_id), None)
        if token is not None:
            del self._tokens[token]


_FOLLOW: dict[type[e.Attributes], Callable[[Tasks, Run, e.Event, Any], None]] = {
    e.ActivityTaskScheduled: Tasks._activity_scheduled,
    e.DecisionTaskScheduled: Tasks._decision_scheduled,
    e.ActivityTaskCompleted: Tasks._activity_ended,
    e.ActivityTaskFailed: Tasks._activity_ended,
    e.ActivityTaskTimedOut: Tasks._activity_ended,
    e.ActivityTaskCanceled: Tasks._activity_ended,
    e.DecisionTaskCompleted: Tasks._decision_ended,
    e.DecisionTaskTimedOut: Tasks._decision_ended,
}
