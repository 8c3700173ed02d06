"""Step: a named part of a workflow that is played once."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from simpleflow import canvas
from simpleflow.base import Executor, Submittable, SubmittableContainer
from simpleflow.exceptions import InputError
from simpleflow.step import mark, rules
from simpleflow.step.future import StepFuture

_NOT_GIVEN: Any = type("NotGiven", (), {"__repr__": lambda self: "NOT_GIVEN"})()  # None is a fingerprint, too


class Step(SubmittableContainer):
    """A named submittable that is played if it is not done, and marked done then.

    Args:
        step_name: dotted name, see ``rules.check_name``.
        activities: what to do: anything that a group may hold.
        force: play it although it is done.
        activities_if_step_already_done: what to do when it is skipped, or None.
        emit_signal: send the signal ``step.{step_name}`` to this workflow after it was played or skipped.
        force_steps_if_executed: names of steps that are forced from now on if this one is played.
        bubbles_exception_on_failure: the step's future has an exception if its work failed.
        keep_result: the mark holds what the work returned, and the future of a later run that skips the step has it as
            its ``value``.
        fingerprint: what the work depends on, as a value that is JSON: only a mark that bears the same counts.

    Raises InputError for a name that cannot be, NotSubmittable for work that cannot, NotEncodable for a fingerprint
    that is not JSON.
    """

    def __init__(
        self,
        step_name: str,
        activities: Any,
        force: bool = False,
        activities_if_step_already_done: Any = None,
        emit_signal: bool = False,
        force_steps_if_executed: str | Iterable[str] | None = None,
        bubbles_exception_on_failure: bool = False,
        *,
        keep_result: bool = False,
        fingerprint: Any = _NOT_GIVEN,
    ) -> None:
        self.step_name = rules.check_name(step_name)
        if step_name == rules.EVERYTHING:
            raise InputError("step name '*' means every step; expected text such as 'load' or 'load.users'")
        self.activities = activities
        self.work()
        self.force = force
        self.activities_if_step_already_done = activities_if_step_already_done
        self.alternative()
        self.emit_signal = emit_signal
        self.force_steps_if_executed = (
            []
            if force_steps_if_executed is None
            else rules.check_names(force_steps_if_executed, f"force_steps_if_executed of step {step_name!r}")
        )
        self.bubbles_exception_on_failure = bubbles_exception_on_failure
        self.keep_result = keep_result
        self.fingerprint = (
            None if fingerprint is _NOT_GIVEN else mark.fingerprint(fingerprint, f"fingerprint of step {step_name!r}")
        )

    def __repr__(self) -> str:
        return f"Step({self.step_name!r}, {self.activities!r})"

    def work(self) -> Submittable:
        """``activities`` as something that can be submitted. Raises NotSubmittable."""
        return canvas.as_submittable(self.activities, f"activities of step {self.step_name!r}")

    def alternative(self) -> Submittable | None:
        """``activities_if_step_already_done`` as something that can be submitted, or None. Raises NotSubmittable."""
        given = self.activities_if_step_already_done
        if given is None:
            return None
        return canvas.as_submittable(given, f"activities_if_step_already_done of step {self.step_name!r}")

    def time_limit(self) -> float | None:
        alternative = self.alternative()
        works = [self.work()] if alternative is None else [self.work(), alternative]
        return canvas.combined_time_limit(works, one_by_one=False)

    def propagate_attribute(self, attr: str, val: Any) -> None:
        self.activities = canvas.scoped(self.work(), attr, val)

    def receive(self, value: Any) -> Step:
        twin = copy.copy(self)
        twin.activities = self.work().receive(value)
        return twin

    def submit(self, executor: Executor) -> StepFuture:
        return StepFuture(self, executor)
