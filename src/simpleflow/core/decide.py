"""The decider's half: what a workflow wants next, as a function of its history.

``decide`` starts from nothing. ``Decider`` does the same event by event and keeps the evaluation alive in between, so that a
decision costs what is new and not what is past. Both fold the history in the pieces that its decision tasks cut it into,
and so they cannot disagree.

An evaluation stays good as long as ``run`` has only waited. If it has looked at a future that was not final
(``future.finished``) and that future has changed, what it did may be wrong by now: then ``run`` is evaluated afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from simpleflow.base import Scope
from simpleflow.constants import MAX_ANSWER_BYTES, MAX_DECISIONS, MAX_OPEN_ACTIVITIES, WAKE_UP_TIMER
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.evaluation import Evaluation, Execution, Failure
from simpleflow.core.history import History, Key
from simpleflow.exceptions import WorkflowException
from simpleflow.workflow import Workflow


@dataclass(frozen=True)
class Limits:
    """What one answer and one execution may hold."""

    decisions: int = MAX_DECISIONS
    answer_bytes: int = MAX_ANSWER_BYTES
    open_activities: int = MAX_OPEN_ACTIVITIES


@dataclass(frozen=True)
class Answer:
    """The answer to a decision task; ``failure`` is how the run fails, where it does."""

    decisions: list[d.Decision] = field(default_factory=list)
    failure: Failure | None = None


def decide(
    workflow_class: type[Workflow],
    history: Iterable[e.Event],
    execution: Execution,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> list[d.Decision]:
    """The decisions that answer the decision task at the end of ``history``.

    The same history gives the same decisions. Raises InvalidTransition for a history that cannot be.
    """
    decider = Decider(workflow_class, execution, limits)
    decider.advance(history)
    answer = decider.answer()
    decider.discard()
    return answer.decisions


class Decider:
    """The decisions of one execution, task after task."""

    def __init__(
        self,
        workflow_class: type[Workflow],
        execution: Execution,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self.workflow_class = workflow_class
        self.execution = execution
        self.history = History()
        self.evaluation: Evaluation | None = None
        self._limits = limits
        self._touched: dict[Key, None] = {}
        self._told: set[str] = set()  # closing hooks that this evaluation has called

    def advance(self, events: Iterable[e.Event]) -> None:
        """Take in the events that follow, up to a DecisionTaskStarted."""
        for event in events:
            key = self.history.apply(event)
            if key is not None:
                self._touched[key] = None
            if type(event.attributes) is e.DecisionTaskStarted:
                self._evaluate()

    def answer(self) -> Answer:
        """What answers the decision task that the events end with."""
        evaluation = self.evaluation
        if evaluation is None:
            return Answer()
        if self._overrides("before_replay") and "begun" in self._told:
            self._hook("before_replay")
        if evaluation.failure is None and self._overrides("after_replay"):
            self._hook("after_replay")
        self._told.add("begun")
        closing = self._closing()
        notes_only = isinstance(closing, d.FailWorkflowExecution | d.CancelWorkflowExecution)
        return Answer(self._fit(closing, notes_only), evaluation.failure)

    def discard(self) -> None:
        """Give up what is kept alive."""
        if self.evaluation is not None:
            self.evaluation.discard()
            self.evaluation = None

    def _evaluate(self) -> None:
        touched, self._touched = self._touched, {}
        evaluation = self.evaluation
        if evaluation is not None and not evaluation.unwound:
            evaluation.update(touched)
            if not evaluation.stale:
                return
        self.discard()
        self._told = set()
        evaluation = self.evaluation = Evaluation(self.workflow_class, self.history, self.execution)
        if self._overrides("before_replay"):
            self._hook("before_replay")
        evaluation.begin()

    def _overrides(self, hook: str) -> bool:
        return getattr(self.workflow_class, hook) is not getattr(Workflow, hook)

    def _hook(self, name: str, *args: object) -> None:
        """Call a hook of the workflow; one that raises fails the run."""
        evaluation = self.evaluation
        assert evaluation is not None

        def call() -> None:
            with evaluation.within(Scope(name)):
                getattr(evaluation.workflow, name)(self.history, *args)

        evaluation.fibers.start(lambda: evaluation.guard(call))

    def _tell(self, name: str, *args: object) -> None:
        """Call a closing hook, once in an evaluation."""
        if name not in self._told:
            self._told.add(name)
            self._hook(name, *args)
            if self.evaluation is not None:
                self.evaluation.settle()

    def _closing(self) -> d.Decision | None:
        """The decision that closes the execution, if it is time."""
        evaluation = self.evaluation
        assert evaluation is not None
        if evaluation.failure is None and self.history.cancel_requested:
            if evaluation.workflow.should_cancel(self.history):
                self._tell("on_canceled")
                self._tell("after_closed")
                return d.CancelWorkflowExecution()
        if evaluation.failure is None and not evaluation.unfinished:
            if evaluation.closing is not None:
                self._tell("after_closed")
                return evaluation.closing
            if evaluation.returned:
                self._tell("on_completed")
                self._tell("after_closed")
                if evaluation.failure is None and not evaluation.unfinished:
                    return d.CompleteWorkflowExecution(result=evaluation.result)
        if evaluation.failure is None:
            self._check_progress(evaluation)
        if evaluation.failure is None:
            return None
        failure = evaluation.failure
        self._tell("on_failure", failure.reason, failure.details)
        self._tell("after_closed")
        return d.FailWorkflowExecution(details=failure.details, reason=failure.reason)

    def _check_progress(self, evaluation: Evaluation) -> None:
        """Fail a run that waits for something that cannot come: better than waiting for ever."""
        if evaluation.unwound or evaluation.waits_for_signal or evaluation.outbox:
            return
        if next(self.history.open_records(), None) is None:
            what = ", ".join(repr(future) for future in evaluation.fibers.waits_for) or "what it submitted"
            reason = "Workflow execution failed: deadlock: it waits and nothing is under way"
            evaluation.abort(reason, WorkflowException(reason, what), f"waits for {what}")

    def _fit(self, closing: d.Decision | None, notes_only: bool) -> list[d.Decision]:
        """As much of what is wanted as one answer may hold; if not all, with a timer that asks for another turn."""
        assert self.evaluation is not None
        outbox = self.evaluation.outbox
        room = self._limits.open_activities - self.history.open_activities
        size = _size(closing) if closing is not None else 0
        found: list[d.Decision] = []
        for decision in outbox.values():
            if notes_only and not isinstance(decision, d.RecordMarker | d.SignalExternalWorkflowExecution):
                continue
            if isinstance(decision, d.ScheduleActivityTask):
                if room <= 0:
                    continue
                room -= 1
            size += _size(decision)
            left = self._limits.decisions - (1 if closing is None else 2)
            if len(found) > left or (found and size > self._limits.answer_bytes):
                return [*found[:left], *self._wake_up()]
            found.append(decision)
        return found if closing is None else [*found, closing]

    def _wake_up(self) -> list[d.Decision]:
        timer = self.history.timers.get(WAKE_UP_TIMER)
        if timer is not None and timer.open:
            return []
        return [d.StartTimer(start_to_fire_timeout="0", timer_id=WAKE_UP_TIMER)]


def _size(decision: d.Decision) -> int:
    """About how many bytes of the answer a decision takes."""
    text = getattr(decision, "input", None) or getattr(decision, "details", None) or getattr(decision, "result", None)
    return 600 + (len(text) if text else 0)
