"""Decide: the next decisions of a workflow, as a function of its history.

``decide`` starts from nothing. ``Decider`` does the same event by event over its own history and keeps the evaluation
alive in between, so that a decision costs as much as what is new and not as much as the whole past. ``SharedDecider``
does so over a history that the engine in the same process has folded already. ``base_decider`` tells how they decide.
"""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decider.base_decider import BaseDecider
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.history import History
from simpleflow.workflow import Workflow


def decide(
    workflow_class: type[Workflow],
    history: Iterable[e.Event],
    execution: Execution,
    limits: Limits = Limits(),
) -> list[d.Decision]:
    """The decisions that answer the decision task at the end of ``history``.

    The same history gives the same decisions. Raises InvalidTransition for events in an order that cannot be.
    """
    decider = Decider(workflow_class, execution, limits)
    decider.advance(history)
    answer = decider.answer()
    decider.discard()
    return answer.decisions


class Decider(BaseDecider):
    """Decides over its own history. The caller gives it each event once.

    Args:
        history: an empty one; one that is tolerant takes events that a strict one refuses.
    """

    def __init__(
        self,
        workflow_class: type[Workflow],
        execution: Execution,
        limits: Limits = Limits(),
        history: History | None = None,
    ) -> None:
        super().__init__(workflow_class, execution, limits, history)

    def advance(self, events: Iterable[e.Event]) -> None:
        """Fold the events that follow, up to a DecisionTaskStarted."""
        self._fold(events)


class SharedDecider(BaseDecider):
    """Decides over the history of the engine, to which the engine adds the events.

    The first decision folds the events so far into a separate history, as ``Decider`` does: a run that this process
    takes over must be evaluated piece by piece, and the engine's history is already at the end. After that the decider
    reads the engine's history. Call ``decide`` at each DecisionTaskStarted, before the engine adds another event.

    Args:
        history: the engine's, whose latest event is a DecisionTaskStarted.
    """

    def __init__(
        self, workflow_class: type[Workflow], execution: Execution, history: History, limits: Limits = Limits()
    ) -> None:
        super().__init__(workflow_class, execution, limits)
        self.history.of_script |= history.of_script  # a submission has to know this before the call is recorded
        self._fold(history.events)
        self._read(history)
