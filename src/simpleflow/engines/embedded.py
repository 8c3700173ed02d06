"""The embedded engine: Amazon SWF's rules inside the calling process.

What the rules say is in ``core.record`` and ``core.expire``; this file keeps the executions that this process owns, hands
out their tasks and sees that what one operation changes, in however many executions, is kept as a whole. Where it is
kept is the journal's business.
"""

from __future__ import annotations

import heapq
import itertools
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from simpleflow.core import events as e
from simpleflow.core import record, transitions
from simpleflow.core.decisions import Decision
from simpleflow.core.expire import expire, forget_passed, next_deadline
from simpleflow.core.history import History, Record, timeout
from simpleflow.engines import effects
from simpleflow.engines.base import ActivityTask, DecisionTask, RunDescription, StartRequest
from simpleflow.engines.journal import Journal, Message
from simpleflow.exceptions import InputError, RunBusy, UnknownResource


class Run:
    """An execution that this process owns."""

    __slots__ = ("due", "history", "root_id", "run_id", "workflow_id")

    def __init__(self, workflow_id: str, run_id: str, root_id: str) -> None:
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.root_id = root_id  # run id of the execution that the whole family began with
        self.history = History()
        self.due: float | None = None  # the deadline that stands in the engine's heap


Observer = Callable[[Run, Sequence[e.Event]], None]


class EmbeddedEngine:
    """All four ports of ``engines.base`` over a journal.

    Args:
        journal: where executions are kept.
        clock: gives epoch seconds.
        observer: called with (run, events) once they are kept.
    """

    times_out = True
    """Whether activities time out; not where they run in the engine's own thread, which nothing can stop."""

    def __init__(
        self, journal: Journal, clock: Callable[[], float] = time.time, observer: Observer | None = None
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.observer = observer
        self.runs: dict[str, Run] = {}
        self._open: dict[str, Run] = {}  # by workflow id
        self._decisions: deque[str] = deque()
        self._activities: list[tuple[int, int, str, int]] = []  # heap: -priority, order, run id, scheduled event id
        self._tokens: dict[str, tuple[str, int]] = {}  # run id, and DecisionTaskStarted or ActivityTaskScheduled id
        self._handed: dict[tuple[str, int], str] = {}
        self._deadlines: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._written: list[tuple[Run, e.Event]] = []  # folded, not kept yet
        self._depth = 0

    # Client

    def start_workflow_execution(self, request: StartRequest) -> str:
        started = e.WorkflowExecutionStarted(
            child_policy=request.child_policy,
            execution_start_to_close_timeout=request.execution_timeout,
            input=request.input,
            parent_initiated_event_id=0,
            tag_list=request.tag_list or None,
            task_list=e.TaskList(request.task_list),
            task_priority=request.task_priority,
            task_start_to_close_timeout=request.decision_task_timeout,
            workflow_type=e.WorkflowType(request.name, request.version),
        )
        with self.operation():
            return self.begin(request.workflow_id, started).run_id

    def signal_workflow_execution(
        self, workflow_id: str, signal_name: str, input: str | None = None, run_id: str | None = None
    ) -> None:
        self._tell(Message("signal", workflow_id, run_id, {"signal_name": signal_name, "input": input}))

    def request_cancel_workflow_execution(self, workflow_id: str, run_id: str | None = None) -> None:
        self._tell(Message("cancel", workflow_id, run_id, {}))

    def terminate_workflow_execution(
        self,
        workflow_id: str,
        run_id: str | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        self._tell(Message("terminate", workflow_id, run_id, {"reason": reason, "details": details}))

    def _tell(self, message: Message) -> None:
        if not self.deliver(message):
            run = f" (run {message.run_id})" if message.run_id else ""
            raise UnknownResource(f"there is no open execution of workflow id {message.workflow_id!r}{run}")

    # DecisionSource

    def poll_for_decision_task(self, identity: str | None = None) -> DecisionTask | None:
        while self._decisions:
            run = self.runs.get(self._decisions.popleft())
            if run is None or not run.history.open:
                continue
            history = run.history
            if history.decision == transitions.SCHEDULED:
                self.append(run, record.decision_started(history, identity or _IDENTITY, self.clock()))
            elif not history.deciding or (run.run_id, history.decision_started_id) in self._handed:
                continue
            started = history.started
            return DecisionTask(
                self._hand_out(run, history.decision_started_id),
                run.workflow_id,
                run.run_id,
                started.workflow_type.name,
                started.workflow_type.version,
                history.decision_started_id,
                history.events,
            )
        return None

    def respond_decision_task_completed(
        self, token: str, decisions: Sequence[Decision], execution_context: str | None = None
    ) -> None:
        run, started_id = self._of_token(token)
        history = run.history
        if not history.deciding or history.decision_started_id != started_id:
            raise UnknownResource(f"the decision task of token {token} is no longer started")
        new_run_id = make_run_id()
        events = record.record(history, decisions, self.clock(), execution_context, new_run_id)
        # An answer can be found again from the history before it, so it may be kept together with what comes next.
        with self.operation(may_wait=True):
            self._take_back(token)
            self.append(run, events)
            effects.follow(self, run, events)

    # ActivitySource

    def poll_for_activity_task(self, identity: str | None = None) -> ActivityTask | None:
        while self._activities:
            _, _, run_id, scheduled_id = heapq.heappop(self._activities)
            run = self.runs.get(run_id)
            task = run.history.tasks.get(scheduled_id) if run is not None else None
            if run is None or task is None or not run.history.open or (run_id, scheduled_id) in self._handed:
                continue
            if task.state == transitions.SCHEDULED:
                now = self.clock()
                self.append(run, record.activity_started(run.history, scheduled_id, identity or _IDENTITY, now))
            scheduled: e.ActivityTaskScheduled = task.scheduled
            return ActivityTask(
                self._hand_out(run, scheduled_id),
                run.workflow_id,
                run_id,
                scheduled.activity_id,
                scheduled.activity_type.name,
                scheduled.activity_type.version,
                scheduled.input,
                scheduled.task_list.name,
                timeout(scheduled.heartbeat_timeout),
                tuple(tag for tag in run.history.started.tag_list or () if tag is not None),
            )
        return None

    def respond_activity_task_completed(self, token: str, result: str | None = None) -> None:
        run, task = self._activity(token)
        self._end_activity(
            token,
            run,
            e.ActivityTaskCompleted(
                result=result, scheduled_event_id=task.scheduled_id, started_event_id=task.started_id
            ),
        )

    def respond_activity_task_failed(self, token: str, reason: str | None = None, details: str | None = None) -> None:
        run, task = self._activity(token)
        self._end_activity(
            token,
            run,
            e.ActivityTaskFailed(
                details=details,
                reason=reason,
                scheduled_event_id=task.scheduled_id,
                started_event_id=task.started_id,
            ),
        )

    def respond_activity_task_canceled(self, token: str, details: str | None = None) -> None:
        run, task = self._activity(token)
        self._end_activity(
            token,
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
        run.history.beat(task, self.clock())
        self._watch(run)
        return bool(task.cancel_requested_id)

    def _activity(self, token: str) -> tuple[Run, Record]:
        run, scheduled_id = self._of_token(token)
        task = run.history.tasks.get(scheduled_id)
        if task is None or task.state != transitions.STARTED or not run.history.open:
            raise UnknownResource(f"the activity task of token {token} is no longer open")
        return run, task

    def _end_activity(self, token: str, run: Run, end: e.Attributes) -> None:
        with self.operation():
            self._take_back(token)
            self.append(run, record.happened(run.history, [end], self.clock()))

    # RunReader

    def describe(self, workflow_id: str, run_id: str | None = None) -> RunDescription:
        found = [each for each in self.list_runs() if each.workflow_id == workflow_id and run_id in (None, each.run_id)]
        if not found:
            raise UnknownResource(f"there is no execution of workflow id {workflow_id!r}")
        return found[0]

    def history(self, workflow_id: str, run_id: str | None = None) -> Sequence[e.Event]:
        run_id = run_id or self.describe(workflow_id).run_id
        run = self.runs.get(run_id)
        return list(run.history.events) if run is not None else self.journal.load(run_id)

    def list_runs(self) -> list[RunDescription]:
        kept = self.journal.list_runs()
        return kept if kept is not None else [describe(run) for run in reversed(self.runs.values())]

    # Time, and what other processes say

    def expire(self) -> None:
        """Let time do its work on the executions of this process."""
        now = self.clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, run_id = heapq.heappop(self._deadlines)
            run = self.runs.get(run_id)
            if run is None or not run.history.open:
                continue
            run.due = None
            events = expire(run.history, now)
            with self.operation():
                self.append(run, events)
                forget_passed(run.history, now)
                effects.follow(self, run, events)
            self._watch(run)

    def next_deadline(self) -> float | None:
        """Epoch seconds of the next thing that time does; None if there is none."""
        return self._deadlines[0][0] if self._deadlines else None

    def look(self) -> None:
        """Take in what other processes have sent to the executions of this one."""
        for message in self.journal.receive():
            with self.operation():
                self.deliver(message)
                self.journal.received(message)

    def is_open(self, token: str) -> bool:
        """Whether an answer with this token would be taken."""
        try:
            self._activity(token)
        except UnknownResource:
            return False
        return True

    def close(self) -> None:
        """Let go of everything; executions that are open wait for a process that adopts them."""
        self.journal.close()

    def flush(self) -> None:
        """Keep what is written so far, such as that tasks were started."""
        if self._written:
            with self.operation():
                pass

    def adopt(self, workflow_id: str) -> str | None:
        """Take over the open execution of ``workflow_id``, with its family, from a process that died.

        Returns its run id; None if there is none. Raises RunBusy if its process lives.
        """
        root_id = None
        for kept in self.journal.claim(workflow_id):
            run = Run(kept.workflow_id, kept.run_id, kept.root_id)
            for event in self.journal.load(kept.run_id):
                run.history.apply(event)
            self._keep(run)
            run.history.resume(self.clock())
            self._watch(run)
            if run.workflow_id == workflow_id:
                root_id = run.run_id
            self._offer(run)
        return root_id

    # For effects and for the methods above

    @contextmanager
    def operation(self, may_wait: bool = False) -> Iterator[None]:
        """What is appended inside is kept as a whole at the end, or not at all.

        ``may_wait``: it may be kept together with what comes next, unless somebody outside would miss it: another process
        that it sends to, or whoever waits for the end of an execution.
        """
        self._depth += 1
        try:
            yield
            if self._depth == 1 and not (may_wait and self._can_wait()):
                self._commit()
        except BaseException:
            if self._depth == 1:
                self._forget_written()
            raise
        finally:
            self._depth -= 1

    def begin(self, workflow_id: str, started: e.WorkflowExecutionStarted, run_id: str = "", root_id: str = "") -> Run:
        """Begin an execution. Raises RunBusy if the workflow id has an open one."""
        if not workflow_id or len(workflow_id) > 256:
            raise InputError(f"workflow id {workflow_id[:40]!r} has {len(workflow_id)} characters; expected 1 to 256")
        if workflow_id in self._open:
            raise RunBusy(f"workflow id {workflow_id!r} has an open execution")
        run_id = run_id or make_run_id()
        run = Run(workflow_id, run_id, root_id or run_id)
        self.journal.begin(workflow_id, run_id, run.root_id, started.workflow_type, self.clock())
        self._keep(run)
        self.append(run, record.start(started, self.clock()))
        return run

    def find(self, workflow_id: str, run_id: str | None) -> Run | None:
        """The open execution of that workflow id in this process, if it has the run id asked for."""
        run = self._open.get(workflow_id)
        return run if run is not None and run_id in (None, "", run.run_id) else None

    def deliver(self, message: Message) -> bool:
        """Give a message to its execution, here or in another process; False if there is none."""
        run = self.find(message.workflow_id, message.run_id)
        if run is None:
            with self.operation():
                return self.journal.send(message)
        with self.operation():
            now = self.clock()
            if message.kind == "terminate":
                attributes: e.Attributes = e.WorkflowExecutionTerminated(
                    cause=message.content.get("cause") or "OPERATOR_INITIATED",
                    child_policy=run.history.started.child_policy,
                    details=message.content.get("details"),
                    reason=message.content.get("reason"),
                )
            elif message.kind == "cancel":
                attributes = e.WorkflowExecutionCancelRequested(
                    cause=message.content.get("cause"),
                    external_initiated_event_id=message.initiated_id,
                    external_workflow_execution=message.source,
                )
            else:
                attributes = e.WorkflowExecutionSignaled(
                    external_initiated_event_id=message.initiated_id,
                    external_workflow_execution=message.source,
                    input=message.content["input"],
                    signal_name=message.content["signal_name"],
                )
            events = record.happened(run.history, [attributes], now)
            self.append(run, events)
            effects.follow(self, run, events)
        return True

    def append(self, run: Run, events: Sequence[e.Event]) -> None:
        """Fold events into an execution, to be kept at the end of the operation (or the next one), and offer its tasks."""
        history = run.history
        for event in events:
            history.apply(event)
            self._written.append((run, event))
            attributes = event.attributes
            if isinstance(attributes, e.ActivityTaskScheduled):
                self._queue(run, event.id, attributes)
            elif isinstance(attributes, e.DecisionTaskScheduled):
                self._decisions.append(run.run_id)
            elif isinstance(attributes, e.DecisionTaskCompleted | e.DecisionTaskTimedOut) and history.decision_pending:
                self._decisions.append(run.run_id)
        if not history.open:
            self._open.pop(run.workflow_id, None)
        self._watch(run)

    def _offer(self, run: Run) -> None:
        """Hand out again what a dead process was working on, and what nobody had begun."""
        if run.history.decision != transitions.IDLE:
            self._decisions.append(run.run_id)
        for scheduled_id, task in run.history.tasks.items():
            if isinstance(task.scheduled, e.ActivityTaskScheduled):
                self._queue(run, scheduled_id, task.scheduled)

    def _queue(self, run: Run, scheduled_id: int, scheduled: e.ActivityTaskScheduled) -> None:
        priority = int(scheduled.task_priority or 0)
        heapq.heappush(self._activities, (-priority, next(self._order), run.run_id, scheduled_id))

    def _keep(self, run: Run) -> None:
        run.history.times_out = self.times_out
        self.runs[run.run_id] = run
        self._open[run.workflow_id] = run
        self._watch(run)

    def _watch(self, run: Run) -> None:
        due = next_deadline(run.history)
        if due is not None and (run.due is None or due < run.due):
            run.due = due
            heapq.heappush(self._deadlines, (due, next(self._order), run.run_id))

    def _hand_out(self, run: Run, event_id: int) -> str:
        token = f"{run.run_id}.{event_id}.{next(self._order)}"
        self._tokens[token] = (run.run_id, event_id)
        self._handed[run.run_id, event_id] = token
        return token

    def _of_token(self, token: str) -> tuple[Run, int]:
        run_id, event_id = self._tokens.get(token, ("", 0))
        run = self.runs.get(run_id)
        if run is None:
            raise UnknownResource(f"token {token} is unknown, or was answered before")
        return run, event_id

    def _take_back(self, token: str) -> None:
        self._handed.pop(self._tokens.pop(token), None)

    def _commit(self) -> None:
        written = self._written
        self.journal.commit(written)
        self._written = []
        if self.observer is not None:
            for run, events in itertools.groupby(written, lambda each: each[0]):
                self.observer(run, [event for _, event in events])

    def _can_wait(self) -> bool:
        return not self.journal.must_commit and all(run.history.open for run, _ in self._written)

    def _forget_written(self) -> None:
        """What could not be kept has not happened: let go of the executions it was about."""
        self.journal.rollback()
        for run, _ in self._written:
            self.runs.pop(run.run_id, None)
            if self._open.get(run.workflow_id) is run:
                del self._open[run.workflow_id]
        self._written = []


def make_run_id() -> str:
    """A run id as SWF makes them: 46 characters, never the same again."""
    return f"2{secrets.randbelow(10)}{secrets.token_urlsafe(33)}"


def describe(run: Run) -> RunDescription:
    """An execution of this process, for a list."""
    history = run.history
    started = history.started
    return RunDescription(
        run.workflow_id,
        run.run_id,
        started.workflow_type.name,
        started.workflow_type.version,
        history.state,
        history.events[0].time,
        history.closed.time if history.closed else None,
        True,
    )


_IDENTITY = f"simpleflow@{os.getpid()}"
