"""The decider's half: what a workflow wants next, as a function of its history.

``decide`` starts from nothing. ``Decider`` does the same event by event and keeps the evaluation alive in between, so
that a decision costs what is new and not what is past. Both fold the history in the pieces that its decision tasks cut
it into, and all user code runs in that fold, hooks included; so they cannot disagree.

An evaluation stays good as long as ``run`` has only waited. If it has looked at a future that was not final
(``future.finished``) and that future has changed, what it did may be wrong by now: then ``run`` is evaluated afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from simpleflow.base import Scope
from simpleflow.constants import MAX_ANSWER_BYTES, MAX_DECISIONS, MAX_OPEN_ACTIVITIES, WAKE_UP_TIMER
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.core.changes import Changes
from simpleflow.core.decider.evaluation import Evaluation, Execution, Failure
from simpleflow.core.decider.notes import relays
from simpleflow.core.history import History
from simpleflow.core.records import Key
from simpleflow.exceptions import WorkflowException
from simpleflow.task import ContinueAsNewWorkflowTask
from simpleflow.values import arguments
from simpleflow.workflow import Workflow


class Limits(NamedTuple):
    """What one answer and one execution may hold; ``events`` None: any number."""

    decisions: int = MAX_DECISIONS
    answer_bytes: int = MAX_ANSWER_BYTES
    open_activities: int = MAX_OPEN_ACTIVITIES
    events: int | None = None


class Answer(NamedTuple):
    """The answer to a decision task; ``failure`` is how the run fails, where it does."""

    decisions: list[d.Decision]
    failure: Failure | None = None


def decide(
    workflow_class: type[Workflow],
    history: Iterable[e.Event],
    execution: Execution,
    limits: Limits = Limits(),
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

    evaluation_class = Evaluation

    def __init__(
        self,
        workflow_class: type[Workflow],
        execution: Execution,
        limits: Limits = Limits(),
    ) -> None:
        self.workflow_class = workflow_class
        self.execution = execution
        self.evaluation: Evaluation | None = None
        self.follows = False
        self._changes = Changes()
        self.history = History()
        self.history.times_out = False  # time is the service's business
        self.history.changes = self._changes
        self._limits = limits
        self._relays: dict[Key, d.Decision] = {}
        self._told: set[str] = set()  # closing hooks that this evaluation has called
        self._closing: d.Decision | None = None
        self._may_fill = limits.events is not None and hasattr(workflow_class, "may_continue_as_new")

    def advance(self, events: Iterable[e.Event]) -> None:
        """Take in the events that follow, up to a DecisionTaskStarted."""
        for event in events:
            self.history.apply(event)
            if type(event.attributes) is e.DecisionTaskStarted:
                self.decide()

    def follow(self, history: History) -> None:
        """Read this history from now on, which holds the same events, and into which somebody else folds new ones.

        Whoever does calls ``decide`` at each DecisionTaskStarted, before the next event.
        """
        self.follows = True
        self.history.changes = None
        self.history = history
        history.changes = self._changes
        if self.evaluation is not None:
            self.evaluation.history = history

    def decide(self) -> None:
        """Decide, now that the history has got to a DecisionTaskStarted."""
        touched, signals = self._changes.take()
        self._evaluate(touched)
        self._relay(signals)
        self._closing = self._close()

    def answer(self) -> Answer:
        """What answers the decision task that the events end with."""
        if self.evaluation is None:
            return Answer([])
        return Answer(self._fit(self._closing), self.evaluation.failure)

    def discard(self) -> None:
        """Give up what is kept alive, and read no history any longer."""
        self.history.changes = None
        self._discard_evaluation()

    def _discard_evaluation(self) -> None:
        if self.evaluation is not None:
            self.evaluation.discard()
            self.evaluation = None

    def _evaluate(self, touched: Iterable[Key]) -> None:
        for key in touched:
            self._relays.pop(key, None)
        if not self._goes_on(touched):
            self._begin()
        assert self.evaluation is not None
        if self.evaluation.failure is None:
            self._repeat("after_replay")

    def _begin(self) -> None:
        """Evaluate ``run`` from its first line."""
        self._discard_evaluation()
        self._told = set()
        self.evaluation = self.evaluation_class(self.workflow_class, self.history, self.execution)
        self.evaluation.filling = self._fills
        self._repeat("before_replay")
        self.evaluation.begin()

    @property
    def _fills(self) -> bool:
        """The history is so long that the workflow should come to where it can be continued as new."""
        limit = self._limits.events
        return self._may_fill and limit is not None and len(self.history.events) >= limit * FILLING

    def _goes_on(self, touched: Iterable[Key]) -> bool:
        """Whether the evaluation that is kept alive is still good, with what is new."""
        evaluation = self.evaluation
        if evaluation is None or evaluation.unwound or evaluation.filling != self._fills:
            return False
        evaluation.update(touched)
        if not evaluation.stale:
            self._repeat("before_replay")
            evaluation.settle()
        return not evaluation.stale

    def _relay(self, signals: Iterable[e.Event]) -> None:
        """Pass on the signals that came in."""
        to_parent = self.workflow_class.propagate_signals_to_parent
        for event in signals:
            self._relays.update(relays(self.history, event, self.execution.workflow_id, to_parent))

    def _hook(self, name: str, *args: object) -> object:
        """Call a hook of the workflow; returns what it returned. One that raises fails the run."""
        evaluation = self.evaluation
        assert evaluation is not None
        returned = []

        def call() -> None:
            returned.append(getattr(evaluation.workflow, name)(self.history, *args))

        evaluation.spawn(call, Scope(name))
        return returned[0] if returned else None

    def _repeat(self, name: str) -> object:
        """Call a hook that is called at every decision, if the class has it."""
        assert self.evaluation is not None
        if getattr(self.workflow_class, name) is getattr(Workflow, name, None):
            return None
        with self.evaluation.notes.repeated(name):
            return self._hook(name)

    def _tell(self, name: str, *args: object) -> None:
        """Call a closing hook, once in an evaluation."""
        if name not in self._told:
            self._told.add(name)
            self._hook(name, *args)
            if self.evaluation is not None:
                self.evaluation.settle()

    def _wants_cancel(self) -> bool:
        """Somebody asked to cancel the execution, and the workflow agrees."""
        if not self.history.cancel_requested:
            return False
        return self.workflow_class.should_cancel is Workflow.should_cancel or bool(self._repeat("should_cancel"))

    def _close(self) -> d.Decision | None:
        """The decision that closes the execution, if it is time."""
        evaluation = self.evaluation
        assert evaluation is not None
        if evaluation.failure is None and self._wants_cancel():
            self._tell("on_canceled")
            self._tell("after_closed")
            return d.CancelWorkflowExecution()
        if evaluation.failure is None and not evaluation.unfinished and not self._holds_back():
            if evaluation.continues is not None:
                self._tell("after_closed")
                return evaluation.notes.continuation(evaluation.continues)
            if evaluation.returned:
                self._tell("on_completed")
                if evaluation.failure is None and not evaluation.unfinished:
                    self._tell("after_closed")
                if evaluation.failure is None and not evaluation.unfinished:
                    return d.CompleteWorkflowExecution(result=evaluation.result)
        if evaluation.failure is None and evaluation.filling and self._rests(evaluation):
            return self._continue()
        if evaluation.failure is None:
            self._check_room(evaluation)
        if evaluation.failure is None:
            self._check_progress(evaluation)
        if evaluation.failure is None:
            return None
        failure = evaluation.failure
        self._tell("on_failure", failure.reason, failure.details)
        self._tell("after_closed")
        return d.FailWorkflowExecution(details=failure.details, reason=failure.reason)

    def _rests(self, evaluation: Evaluation) -> bool:
        """Nothing is under way, and nothing is wanted but notes."""
        notes = d.RecordMarker | d.SignalExternalWorkflowExecution
        wanted = evaluation.outbox.take(self._limits.open_activities)
        return not self.history.under_way and not self._relays and all(isinstance(each, notes) for each in wanted)

    def _continue(self) -> d.Decision | None:
        """Continue as new with the same arguments, where that loses nothing; else go on to the end of the history."""
        evaluation = self.evaluation
        assert evaluation is not None
        hears = evaluation.waits_for_signal or self.history.hears_others(self.execution.workflow_id)
        if not hears and self._repeat("may_continue_as_new"):
            self._tell("after_closed")
            args, kwargs = arguments(evaluation.decode(self.history.started.input))
            return evaluation.notes.continuation(ContinueAsNewWorkflowTask(*args, **kwargs))
        self._may_fill = False
        self._begin()
        return self._close()

    def _check_room(self, evaluation: Evaluation) -> None:
        """Fail a run while there is room for that: the service terminates it at the limit, without a reason."""
        limit, count = self._limits.events, len(self.history.events)
        if limit is not None and count + 2 * (self.history.under_way + self._limits.decisions) + _SPARE > limit:
            reason = f"Workflow execution failed: it has {count} events, and {limit} are the most"
            advice = "use continue_as_new, steps, or child workflows for parts of the work"
            evaluation.abort(reason, WorkflowException(reason, advice), advice)

    def _check_progress(self, evaluation: Evaluation) -> None:
        """Fail a run that waits for something that cannot come: better than waiting for ever."""
        if self.history.under_way or evaluation.waits_for_signal or self._relays:
            return
        if not evaluation.outbox.asks():
            what = ", ".join(map(evaluation.describe, evaluation.fibers.waits_for)) or "what it submitted"
            reason = "Workflow execution failed: deadlock: it waits and nothing is under way"
            evaluation.abort(reason, WorkflowException(reason, what), f"waits for {what}")

    def _fit(self, closing: d.Decision | None) -> list[d.Decision]:
        """As much of what is wanted as one answer may hold; if not all, with a timer that asks for another turn."""
        assert self.evaluation is not None
        notes_only = isinstance(closing, d.FailWorkflowExecution | d.CancelWorkflowExecution)
        limit = getattr(self.workflow_class, "max_open_activity_count", self._limits.open_activities)
        room = limit - self.history.open_activities
        size = _size(closing) if closing is not None else 0
        left = self._limits.decisions - (1 if closing is None else 2)
        found: list[d.Decision] = []
        for decision in chain(self.evaluation.outbox.take(room), self._relays.values()):
            if notes_only and not isinstance(decision, d.RecordMarker | d.SignalExternalWorkflowExecution):
                continue
            if isinstance(decision, _TO_OTHERS) and self._is_early(decision.workflow_id):
                continue
            size += _size(decision)
            if len(found) > left or (found and size > self._limits.answer_bytes):
                return [*found[:left], *self._wake_up()]
            found.append(decision)
        return found if closing is None else [*found, closing]

    def _holds_back(self) -> bool:
        """Whether something is still to be sent to a child that has not started: a cancel request, say."""
        assert self.evaluation is not None
        wanted = self.evaluation.outbox.take(0)
        return any(isinstance(each, _TO_OTHERS) and self._is_early(each.workflow_id) for each in wanted)

    def _is_early(self, workflow_id: str) -> bool:
        """Whether that is a child that has not started yet: what is sent there is sent once it has."""
        child = self.history.children.get(workflow_id)
        if child is not None and child.open:
            return child.state == transitions.INITIATED
        return self.evaluation is not None and ("child", workflow_id) in self.evaluation.outbox

    def _wake_up(self) -> list[d.Decision]:
        timer = self.history.timers.get(WAKE_UP_TIMER)
        if timer is not None and timer.open:
            return []
        return [d.StartTimer(start_to_fire_timeout="0", timer_id=WAKE_UP_TIMER)]


_TO_OTHERS = (d.SignalExternalWorkflowExecution, d.RequestCancelExternalWorkflowExecution)

FILLING = 0.8
"""Share of the events that an execution may have, from which on it is continued as new if it can be."""

_SPARE = 200
"""Events that may come between two looks at their number."""


def _size(decision: d.Decision) -> int:
    """About how many bytes of the answer a decision takes."""
    text = getattr(decision, "input", None) or getattr(decision, "details", None) or getattr(decision, "result", None)
    return 600 + (len(text) if text else 0)
