"""The embedded engine: Amazon SWF's rules inside the calling process, through the ports of ``engines.base``.

The ports are here: each method turns a request into events, and asks ``Executions`` to append them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.core.decisions import Decision
from simpleflow.core.pauses import OF_PROCESS
from simpleflow.core.records import Record, timeout
from simpleflow.core.service import record
from simpleflow.engines.base import ActivityTask, DecisionTask, StartRequest
from simpleflow.engines.embedded_reader import EmbeddedReader
from simpleflow.engines.executions import Executions
from simpleflow.engines.journal import Message
from simpleflow.engines.run import Observer, Run
from simpleflow.exceptions import InputError, RunBusy, UnknownResource, escaped

__all__ = ["EmbeddedEngine", "Observer", "Run", "process_identity"]


def process_identity() -> str:
    """The identity of this process, recorded when it takes tasks from its own engine."""
    return f"{OF_PROCESS}{os.getpid()}"


class EmbeddedEngine(EmbeddedReader):
    """All four ports over the executions of this process.

    Args:
        executions: the executions, and where they are kept.
        identity: recorded in events for a poll that gives no identity; None: no identity is recorded then.

    Attributes:
        executions: for a process that does more than drive them.
        runs: the executions by run id.
    """

    def __init__(self, executions: Executions, identity: str | None = None) -> None:
        super().__init__(executions)
        self._identity = identity
        self._tasks = executions.tasks
        self._append = executions.append
        self._clock = executions.clock
        # For the process that drives the executions. See the methods of ``Executions``.
        self.operation = executions.operation
        self.adopt = executions.adopt
        self.receive_messages = executions.receive_messages
        self.expire = executions.expire
        self.next_deadline = executions.next_deadline
        self.close = executions.close

    @property
    def state_folder(self) -> str | None:
        """Path of the folder that it keeps its executions in; None if they are in memory."""
        return self.executions.journal.state_folder

    @property
    def workers_path(self) -> str | None:
        """See Journal."""
        return self.executions.journal.workers_path

    @property
    def changes_marks(self) -> bool:
        """See ``Executions.changes_marks``."""
        return self.executions.changes_marks

    # Client

    def start_workflow_execution(self, request: StartRequest) -> str:
        started = e.WorkflowExecutionStarted(
            child_policy=request.child_policy,
            execution_start_to_close_timeout=request.execution_timeout,
            input=request.input,
            lambda_role=request.lambda_role,
            parent_initiated_event_id=0,
            tag_list=request.tag_list or None,
            task_list=e.TaskList(request.task_list),
            task_priority=request.task_priority,
            task_start_to_close_timeout=request.decision_task_timeout,
            workflow_type=e.WorkflowType(request.name, request.version),
        )
        with self.operation():
            return self.executions.begin(request.workflow_id, started).run_id

    def signal_workflow_execution(
        self, workflow_id: str, signal_name: str, input: str | None = None, run_id: str | None = None
    ) -> None:
        if escaped(signal_name) != signal_name:
            raise InputError(f"signal name {signal_name!r} holds bytes that are not UTF-8; expected plain text")
        self._send(Message("signal", workflow_id, run_id, {"signal_name": signal_name, "input": input}))

    def request_cancel_workflow_execution(self, workflow_id: str, run_id: str | None = None) -> None:
        self._send(Message("cancel", workflow_id, run_id, {}))

    def terminate_workflow_execution(
        self,
        workflow_id: str,
        run_id: str | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        """See Client. An execution whose process died is adopted, ended with its family, and released again."""
        texts = {"reason": reason and escaped(reason), "details": details and escaped(details)}
        message = Message("terminate", workflow_id, run_id, texts)
        adopted = None
        if self.executions.find(workflow_id, None) is None:
            try:
                adopted = self.adopt(workflow_id)
            except RunBusy:
                pass
        if adopted is None:
            self._send(message)
            return
        run = self.runs[adopted]
        try:
            self._send(message)
            if run.history.started.parent_workflow_execution is None:
                self.executions.end_family(run)
        finally:
            self.executions.release(run.root_id)

    def _send(self, message: Message) -> None:
        if not self.executions.deliver(message):
            run = f" (run {message.run_id})" if message.run_id else ""
            raise UnknownResource(f"there is no open execution of workflow id {message.workflow_id!r}{run}")

    # DecisionSource

    def poll_for_decision_task(self, identity: str | None = None, task_list: str | None = None) -> DecisionTask | None:
        """The next decision task, by priority, then by age; ``task_list`` None: of any list."""
        while (found := self._tasks.decisions.pop(task_list)) is not None:
            run_id, scheduled_id = found
            run = self.runs.get(run_id)
            if run is None or not run.history.open:
                continue
            history = run.history
            if history.decision == transitions.SCHEDULED and history.decision_scheduled_id == scheduled_id:
                self._append(run, record.decision_started(history, identity or self._identity, self._clock()))
            elif (
                not history.deciding
                or history.decision_taken_id != scheduled_id
                or self._tasks.is_handed_out(run_id, history.decision_started_id)
            ):
                continue
            started = history.started
            return DecisionTask(
                self._tasks.hand_out(run_id, history.decision_started_id),
                run.workflow_id,
                run_id,
                started.workflow_type.name,
                started.workflow_type.version,
                history.decision_started_id,
                history.events,
                history if len(history.events) == history.decision_started_id else None,
            )
        return None

    def respond_decision_task_completed(
        self,
        token: str,
        decisions: Sequence[Decision],
        execution_context: str | None = None,
        refused: Mapping[int, str] | None = None,
        task_list: str | None = None,
        schedule_to_start_timeout: str | None = None,
    ) -> None:
        """See DecisionSource. For the other arguments see ``core.service.record.record``."""
        run_id, _ = self.deciding(token)
        run = self.runs[run_id]
        new_run_id = ""
        # A decider finds the same answer again from the history before it, so it may wait for the next commit.
        with self.operation(may_wait=True):
            if decisions and isinstance(decisions[-1], d.CLOSING):
                # A message whose sender knows that it arrived must be in the history before the end. From here to the
                # commit no process can send another one.
                self.executions.journal.hold()
                self.receive_messages()
                new_run_id = self.executions.make_run_id()
            if run.history.open:
                events = record.record(
                    run.history,
                    decisions,
                    self._clock(),
                    execution_context,
                    new_run_id,
                    refused,
                    e.TaskList(task_list) if task_list else None,
                    schedule_to_start_timeout,
                )
                self.executions.apply(run, events)
                return
        raise UnknownResource(f"the execution of token {token} was ended from outside")

    def deciding(self, token: str) -> tuple[str, int]:
        """Run id and DecisionTaskStarted id of the decision task with that token. Raises UnknownResource."""
        run_id, started_id = self._tasks.of(token)
        history = self.runs[run_id].history
        if not history.deciding or history.decision_started_id != started_id:
            raise UnknownResource(f"token {token} is not the token of a decision task")
        return run_id, started_id

    # ActivitySource

    def poll_for_activity_task(
        self,
        identity: str | None = None,
        task_list: str | None = None,
        begin: bool = True,
        accepts: Callable[[str], bool] | None = None,
    ) -> ActivityTask | None:
        """The next activity task, by priority, then by age; ``task_list`` None: of any list that ``accepts`` takes.

        ``begin`` False: the task does not start yet, since its worker is busy. The caller starts it later with
        ``begin_activity_task``.
        """
        while (found := self._tasks.activities.pop(task_list, accepts)) is not None:
            run_id, scheduled_id = found
            run = self.runs.get(run_id)
            task = run.history.tasks.get(scheduled_id) if run is not None else None
            if run is None or task is None or not run.history.open or self._tasks.is_handed_out(run_id, scheduled_id):
                continue
            if task.state == transitions.STARTED and task.cancel_requested_id:
                self._end_canceled(run, task)  # the process that worked on it has died; its result is not wanted
                continue
            if begin:
                self._begin_activity(run, task, identity)
            scheduled: e.ActivityTaskScheduled = task.scheduled
            return ActivityTask(
                self._tasks.hand_out(run_id, scheduled_id),
                run.workflow_id,
                run_id,
                scheduled.activity_id,
                scheduled.activity_type.name,
                scheduled.activity_type.version,
                scheduled.input,
                scheduled.task_list.name,
                timeout(scheduled.heartbeat_timeout),
                tuple(tag for tag in tags if tag is not None) if (tags := run.history.started.tag_list) else (),
                task.tries,
                scheduled.task_priority,
            )
        return None

    def begin_activity_task(self, token: str, identity: str | None = None) -> None:
        """Start a task that was handed out with ``begin=False``. Raises UnknownResource."""
        run, task = self._activity(token)
        self._begin_activity(run, task, identity)

    def put_back_activity_task(self, token: str, first: bool = False) -> None:
        """Offer a task again that its worker is not going to do; ``first``: before all others.

        Raises UnknownResource.
        """
        run, _ = self._activity(token)
        self._tasks.put_back(run, token, first)

    @property
    def waiting_activities(self) -> int:
        """An upper bound of the activity tasks that wait to be handed out."""
        return len(self._tasks.activities)

    @property
    def waiting_decisions(self) -> int:
        """An upper bound of the decision tasks that wait to be handed out."""
        return len(self._tasks.decisions)

    def respond_activity_task_completed(self, token: str, result: str | None = None) -> None:
        run, task = self._activity(token)
        self._end_activity(
            run,
            e.ActivityTaskCompleted(
                result=result, scheduled_event_id=task.scheduled_id, started_event_id=task.started_id
            ),
        )

    def respond_activity_task_failed(self, token: str, reason: str | None = None, details: str | None = None) -> None:
        run, task = self._activity(token)
        self._end_activity(
            run,
            e.ActivityTaskFailed(
                details=details,
                reason=reason,
                scheduled_event_id=task.scheduled_id,
                started_event_id=task.started_id,
            ),
        )

    def respond_activity_task_canceled(self, token: str, details: str | None = None) -> None:
        self._end_canceled(*self._activity(token), details)

    def _end_canceled(self, run: Run, task: Record, details: str | None = None) -> None:
        self._end_activity(
            run,
            e.ActivityTaskCanceled(
                details=details,
                latest_cancel_requested_event_id=task.cancel_requested_id or None,
                scheduled_event_id=task.scheduled_id,
                started_event_id=task.started_id,
            ),
        )

    def record_activity_task_heartbeat(self, token: str, details: str | None = None) -> bool:
        run, task = self._activity(token)
        run.history.heartbeat(task, self._clock(), details)
        return bool(task.cancel_requested_id)

    def is_to_be_cancelled(self, token: str) -> bool:
        """True if the cancellation of the activity task with this token was requested. Raises UnknownResource."""
        return bool(self._activity(token)[1].cancel_requested_id)

    def is_open(self, token: str) -> bool:
        """True if an answer to the activity task with this token would be accepted."""
        try:
            self._activity(token)
        except UnknownResource:
            return False
        return True

    def _activity(self, token: str) -> tuple[Run, Record]:
        run_id, scheduled_id = self._tasks.of(token)
        run = self.runs[run_id]
        task = run.history.tasks.get(scheduled_id)
        if task is None:
            raise UnknownResource(f"token {token} is not the token of an activity task")
        return run, task

    def _begin_activity(self, run: Run, task: Record, identity: str | None) -> None:
        """A worker begins a task. One that an earlier worker had begun stays started, and has its full time again."""
        if task.state == transitions.SCHEDULED:
            now = self._clock()
            events = record.activity_started(run.history, task.scheduled_id, identity or self._identity, now)
            self._append(run, events)
        elif task.waits_again:
            self.executions.begin_again(run, task)

    def _end_activity(self, run: Run, end: e.Attributes) -> None:
        with self.operation():
            self._append(run, record.happened(run.history, [end], self._clock()))
