"""One submission of a step, as the other steps of the workflow see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.futures import FINISHED, Future, Promise, Waiter
from simpleflow.step import rules
from simpleflow.step.host import Definition


class StepRun(Promise):
    """One submission of a step, from its submission to its end. It is the promise of the step's future."""

    def __init__(
        self,
        step: Definition,
        enclosing: frozenset[StepRun],
        known_before: Callable[[int], list[str]],
        waiter: Waiter,
        future: Future,
    ) -> None:
        super().__init__(waiter, future)
        self.step = step
        self.name = step.step_name
        self.dependents = step.force_steps_if_executed  # patterns: the names that are forced if this step runs
        self.enclosing = enclosing  # the steps that this one is a part of
        self.forced_count = 0  # how many names were forced, and how many skipped, when it was submitted
        self.skipped_count = 0
        self.began = False  # its verdict has been taken
        self.verdict = rules.Verdict(False, False)
        self.order = 0  # of its verdict among all verdicts of the run, see ``ledger``
        self.joined = 0  # how many later submissions of the same name wait for the end of this one
        self.failed = False
        self.value: Any = None  # what the work, the alternative or the mark gave
        self.not_kept: str | None = None  # why there is no value, though the step is to keep one
        self.known_count = 0  # how many names were known as done when it began
        self.elements: list[Any] = []  # the second part of ``result``
        self._known_before = known_before

    @property
    def result(self) -> Any:
        """``[names known as done before, elements]``."""
        # Made when it is read: the names are many, and few read it.
        return [self._known_before(self.known_count), self.elements] if self.state == FINISHED else None

    @result.setter
    def result(self, value: Any) -> None:
        pass

    def forces(self, name: str) -> bool:
        """True if running this step forces ``name``."""
        return any(rules.covers(pattern, name) for pattern in self.dependents)

    def end_as(self, other: StepRun) -> None:
        """End as another run of the same step did."""
        self.order, self.failed = other.order, other.failed
        self.verdict, self.value, self.not_kept = other.verdict, other.value, other.not_kept
        self.known_count, self.elements = other.known_count, other.elements
        self.settle_as(other)
