"""The cycle of a decider: evaluate, pass on signals, see if the execution closes, make the answer.

Theory of operation. Decision tasks cut a history into pieces; each piece ends with a DecisionTaskStarted. The decider
folds one piece and then calls ``decide``; all user code runs there, hooks included. A decider that starts from nothing
folds the same pieces. So an evaluation that was kept alive and one that starts afresh see the same results in the same
order and decide the same; a property test checks this.

``decide`` goes on with the evaluation that was kept alive if it is still good, else it begins another one (see
``evaluation`` for when it is).

Then it goes through a list of stages that may close the execution. The first stage that returns a decision ends the
list. If a stage finds that the run has failed, the decision is to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from simpleflow import values
from simpleflow.constants import MAX_FIELD_LENGTH, NOTICE_MARKER, OVERLOOKED, RETURN_SIGNAL
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.changes import Changes
from simpleflow.core.decider import parts
from simpleflow.core.decider.answer import Answer, Limits, fit, holds_back, is_idle
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.decider.executor import Executor
from simpleflow.core.decider.hooks import Hooks
from simpleflow.core.decider.signals import relays
from simpleflow.core.history import History
from simpleflow.core.records import Key
from simpleflow.exceptions import WorkflowException
from simpleflow.task import ContinueAsNewWorkflowTask
from simpleflow.workflow import Workflow

FILLING = 0.8
"""Share of the events that an execution may have. From this share on it continues as new, if it can."""

_SPARE = 200
"""Events that may come between two checks of their number, beyond those of open tasks and of an answer."""


class BaseDecider:
    """Makes the decisions of one execution, task after task. The classes in ``decide`` choose the history to read."""

    executor_class: ClassVar[type[Executor]] = Executor
    hooks_class: ClassVar[type[Hooks]] = Hooks

    def __init__(
        self, workflow_class: type[Workflow], execution: Execution, limits: Limits, history: History | None = None
    ) -> None:
        self.workflow_class = workflow_class
        self.execution = execution
        self.evaluation: Executor | None = None  # kept alive between decisions
        self.history = History() if history is None else history
        self._changes = Changes()  # of the history since the last decision
        self._limits = limits
        self._hooks: Hooks  # of the evaluation; there once it has begun
        self._relays: dict[Key, d.Decision] = {}  # decisions to pass on signals that the history does not hold yet
        self._closing: d.Decision | None = None  # the decision that closes the execution, from the last ``decide``
        self._may_fill = limits.events is not None and hasattr(workflow_class, "may_continue_as_new")  # see ``_fills``
        self.history.times_out = False  # the service watches time-outs, so this history needs no deadlines
        self._read(self.history)

    def decide(self) -> None:
        """Decide. The latest event of the history is a DecisionTaskStarted."""
        touched, signals = self._changes.drain()
        for key in touched:
            self._relays.pop(key, None)
        if not self._resume(touched):
            self._begin()
        executor = self._executor
        if executor.failure is None:
            self._hooks.repeat("after_replay")
        executor.cancel_superseded()
        self._relay(signals)
        self._closing = self._close()

    def answer(self) -> Answer:
        """The answer to the decision task at the end of the events."""
        if self.evaluation is None or not self.history.open:
            return Answer([])
        open_activities = getattr(self.workflow_class, "max_open_activity_count", self._limits.open_activities)
        decisions = fit(
            self._closing,
            self.evaluation.outbox,
            self._relays.values(),
            self.history,
            self._limits,
            open_activities,
            self.evaluation.room is not None,
        )
        return Answer(decisions, self.evaluation.failure)

    def discard(self) -> None:
        """Give up the evaluation and stop reading the history."""
        self.history.changes = None
        self._discard_evaluation()

    def _fold(self, events: Iterable[e.Event]) -> None:
        """Add events to the history, and decide at each DecisionTaskStarted."""
        for event in events:
            self.history.apply(event)
            if type(event.attributes) is e.DecisionTaskStarted and self.history.open:
                self.decide()

    def _read(self, history: History) -> None:
        """Read the changes of this history from now on."""
        self.history.changes = None
        self.history = history
        history.changes = self._changes
        if self.evaluation is not None:
            self.evaluation.history = history

    # Evaluating

    @property
    def _executor(self) -> Executor:
        assert self.evaluation is not None
        return self.evaluation

    def _discard_evaluation(self) -> None:
        if self.evaluation is not None:
            self.evaluation.discard()
            self.evaluation = None

    def _begin(self) -> None:
        """Evaluate ``run`` from its first line."""
        self._discard_evaluation()
        self.evaluation = self.executor_class(self.workflow_class, self.history, self.execution)
        self._hooks = self.hooks_class(self.evaluation, self.workflow_class)
        self.evaluation.filling = self._fills
        self.evaluation.counts_events = self._limits.events is not None
        self._hooks.repeat("before_replay")
        self.evaluation.begin()

    def _resume(self, touched: Iterable[Key]) -> bool:
        """Let the evaluation go on with the changes of the history; returns False if it is no longer good."""
        executor = self.evaluation
        if executor is None or executor.unwound or executor.filling != self._fills:
            return False
        executor.update(touched)
        if not executor.stale:
            self._hooks.repeat("before_replay")
            executor.settle()
        return not executor.stale

    @property
    def _fills(self) -> bool:
        """True if the history is so long that the workflow should come to a point where it can continue as new."""
        limit = self._limits.events
        return self._may_fill and limit is not None and self.history.last_event_id >= limit * FILLING

    def _relay(self, signals: Iterable[e.Event]) -> None:
        """Pass on received signals."""
        to_parent = self.workflow_class.propagate_signals_to_parent
        for event in signals:
            starting = [key[1] for key in self._executor.outbox.other_keys() if key[0] == "child"]
            self._relays.update(relays(self.history, event, self.execution.workflow_id, to_parent, starting))

    # Closing: stages, in order

    def _close(self) -> d.Decision | None:
        """The decision that closes the execution; None while it goes on."""
        if self._just_goes_on(self._executor):
            return None
        for stage in self.stages:
            executor = self.evaluation  # a stage may begin another one
            assert executor is not None
            if executor.failure is not None:
                return self._fail()
            decision = stage(self, executor)
            if decision is not None:
                return decision
        return self._fail() if self._executor.failure is not None else None

    def _just_goes_on(self, executor: Executor) -> bool:
        """True if no stage has anything to do, as after most decisions: something is under way, and nothing ends."""
        ends = (
            executor.returned
            or executor.failure is not None
            or executor.put_off
            or executor.continues is not None
            or executor.stopping is not None
            or self.history.cancel_requested
            or self._limits.events is not None
        )
        return not ends and bool(self.history.under_way or executor.outbox.wakes_decider())

    def _cancel(self, executor: Executor) -> d.Decision | None:
        """A request to cancel was received, and the workflow agrees."""
        if not self.history.cancel_requested:
            return None
        if self.workflow_class.should_cancel is not Workflow.should_cancel and not self._hooks.repeat("should_cancel"):
            return None
        self._hooks.close("on_canceled")
        self._hooks.close("after_closed")
        return d.CancelWorkflowExecution() if executor.failure is None else None

    def _fail_at_last(self, executor: Executor) -> d.Decision | None:
        """Failures were put off while something was under way, and nothing is any more."""
        if not executor.put_off or executor.room is not None:
            return None
        if not (self.history.under_way or executor.outbox.wakes_decider() or self._relays):
            executor.fail_at_last()
        return None

    def _continue_as_new(self, executor: Executor) -> d.Decision | None:
        """The workflow has requested to continue as new, and everything that it submitted has ended."""
        if executor.continues is None or executor.stopping is not None or executor.put_off:
            return None
        if not self._all_ended(executor):
            return None
        self._hooks.close("after_closed")
        return _continuation(executor, executor.continues) if executor.failure is None else None

    def _complete(self, executor: Executor) -> d.Decision | None:
        """``run`` has returned, and everything that it submitted has ended. The hooks may submit more."""
        if not executor.returned or executor.put_off:
            return None
        left = 0
        if not self._all_ended(executor):
            if not self._leaves_children(executor):
                return None
            left = executor.unfinished
        for hook in ("on_completed", "after_closed"):
            self._hooks.close(hook, waits=True)
            if executor.failure is not None or executor.put_off or executor.unfinished > left:
                return None
        return completion(executor)

    def _leaves_children(self, executor: Executor) -> bool:
        """True if the run ends without its children: it was told that they only wait for signals."""
        history = self.history
        children = sorted(id for id, record in history.children.items() if record.open)
        if RETURN_SIGNAL not in history.signals or len(children) != history.under_way or executor.outbox.begins_work():
            return False
        text = f"run has returned, and the run ends although children wait for signals: {', '.join(children)}"
        executor.report(NOTICE_MARKER, {"text": text})
        return True

    def _stop(self, executor: Executor) -> d.Decision | None:
        """The run has reached all steps that it was to reach, and no task is open any more."""
        stopping = executor.stopping
        if stopping is None or executor.put_off or self._relays or holds_back(executor.outbox, self.history):
            return None
        if not stopping.is_at_rest(self.history, executor.outbox, executor.handles):
            return None
        self._hooks.close("after_closed")
        if executor.failure is not None:
            return None
        return d.CompleteWorkflowExecution(result=values.encode({parts.STOPPED: stopping.result()}, "names of steps"))

    def _continue_when_full(self, executor: Executor) -> d.Decision | None:
        """The history nears its limit: continue as new with the same arguments, if that loses nothing.

        A signal would be lost: the next execution does not see those that this one has received. If the workflow cannot
        continue, it goes on to the end of this history, and a fresh evaluation says so to its steps (``filling``).
        """
        if not executor.filling or executor.stopping is not None or executor.put_off or executor.room is not None:
            return None
        if self._relays or not is_idle(executor.outbox, self.history, self._limits):
            return None
        signalled = executor.waits_for_signal or self.history.received_from_others(self.execution.workflow_id)
        if not signalled and self._hooks.repeat("may_continue_as_new"):
            self._hooks.close("after_closed")
            args, kwargs = values.arguments(executor.decode(self.history.started.input))
            return _continuation(executor, ContinueAsNewWorkflowTask(*args, **kwargs))
        if executor.failure is not None:
            return None
        self._may_fill = False
        self._begin()
        return self._close()

    def _check_room(self, executor: Executor) -> None:
        """Fail the run while its history has room for that: at the limit the service terminates it without a reason."""
        limit, count = self._limits.events, self.history.last_event_id
        if limit is not None and count + 2 * (self.history.under_way + self._limits.decisions) + _SPARE > limit:
            reason = f"Workflow execution failed: it has {count} events, and {limit} are the most"
            advice = "use continue_as_new, steps, or child workflows for parts of the work"
            advice = getattr(executor.workflow, "advice_when_full", None) or advice
            executor.abort(reason, WorkflowException(reason, advice), advice)

    def _check_progress(self, executor: Executor) -> None:
        """Fail a run that waits for something that cannot come, which would otherwise wait for ever."""
        if self.history.under_way or executor.waits_for_signal or self._relays or executor.stopping is not None:
            return
        if executor.room is not None:
            return
        if not executor.outbox.wakes_decider():
            awaited = ", ".join(map(executor.describe, executor.fibers.waits_for)) or "what it submitted"
            reason = "Workflow execution failed: deadlock: it waits and nothing is under way"
            executor.abort(reason, WorkflowException(reason, awaited), f"waits for {awaited}")

    def _fail(self) -> d.Decision:
        failure = self._executor.failure
        assert failure is not None
        self._hooks.close("on_failure", failure.reason, failure.details)
        self._hooks.close("after_closed")
        return d.FailWorkflowExecution(details=failure.details, reason=failure.reason)

    stages: ClassVar[tuple[Callable[[Any, Executor], d.Decision | None], ...]] = (
        _cancel,
        _fail_at_last,
        _continue_as_new,
        _complete,
        _stop,
        _continue_when_full,
        _check_room,
        _fail_at_last,
        _check_progress,
    )

    def _all_ended(self, executor: Executor) -> bool:
        if executor.unfinished:
            return False
        return not executor.workflows or not holds_back(executor.outbox, self.history)  # without children, nothing is


def completion(executor: Executor) -> d.CompleteWorkflowExecution:
    """The decision that completes the execution with its result."""
    failed = _failed(executor) if executor.reports_parts else ()
    reached = executor.reached if executor.history.started.parent_workflow_execution is not None else {}
    result = parts.wrap(executor.result, failed, reached, executor.parts_inside())
    if executor.counts_events and len(result or "") > MAX_FIELD_LENGTH:
        result = parts.wrap(executor.result, failed, reached)
    return d.CompleteWorkflowExecution(result=result)


def _failed(executor: Executor) -> set[parts.Part]:
    """The parts that failed; tasks that failed and that nobody asked about are one."""
    own = parts.Part(executor.execution.workflow_id, OVERLOOKED)
    return executor.failed_parts() | ({own} if executor.overlooked else set())


def _continuation(executor: Executor, task: ContinueAsNewWorkflowTask) -> d.ContinueAsNewWorkflowExecution:
    """The decision that closes this execution and starts the one that continues it."""
    started = executor.history.started
    carried = dict(executor.carried)
    if executor.reports_parts:
        carried[parts.PARTS] = parts.content(_failed(executor))
    return d.ContinueAsNewWorkflowExecution(
        child_policy=started.child_policy,
        execution_start_to_close_timeout=started.execution_start_to_close_timeout,
        input=task.encode_input(carried),
        tag_list=tuple(tag for tag in started.tag_list or () if tag is not None) or None,
        task_list=started.task_list,
        task_priority=started.task_priority,
        task_start_to_close_timeout=started.task_start_to_close_timeout,
    )
