"""The decider's half: the decisions that a workflow wants next, as a function of its history.

``decide`` starts from nothing. ``Decider`` does the same event by event over a history of its own, and keeps the
evaluation alive in between, so that a decision costs what is new and not what is past. ``SharedDecider`` does so over a
history that the engine in the same process has folded already. See ``deciding`` for how they decide.
"""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decider.deciding import Deciding
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

    The same history gives the same decisions. Raises InvalidTransition for a history that cannot be.
    """
    decider = Decider(workflow_class, execution, limits)
    decider.advance(history)
    answer = decider.answer()
    decider.discard()
    return answer.decisions


class Decider(Deciding):
    """Decides over a history of its own: it is given each event once."""

    def __init__(self, workflow_class: type[Workflow], execution: Execution, limits: Limits = Limits()) -> None:
        super().__init__(workflow_class, execution, limits)

    def advance(self, events: Iterable[e.Event]) -> None:
        """Take in the events that follow, up to a DecisionTaskStarted."""
        self._fold(events)


class SharedDecider(Deciding):
    """Decides over the history of the engine, which folds new events into it.

    The first decision folds the events so far into a history of its own, as ``Decider`` does, so that a run that is
    taken over is evaluated as it was. After that, call ``decide`` at each DecisionTaskStarted, before the engine folds
    the next event.

    Args:
        history: the engine's, which has got to a DecisionTaskStarted.
    """

    def __init__(
        self, workflow_class: type[Workflow], execution: Execution, history: History, limits: Limits = Limits()
    ) -> None:
        super().__init__(workflow_class, execution, limits)
        self._fold(history.events)
        self._read(history)
