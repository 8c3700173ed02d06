"""``Step``: a named part of a workflow that runs once and is skipped next time."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from simpleflow import canvas
from simpleflow.base import Executor, Submittable, SubmittableContainer
from simpleflow.exceptions import InputError
from simpleflow.step import mark, rules
from simpleflow.step.future import StepFuture

_NOT_GIVEN: Any = type("NotGiven", (), {"__repr__": lambda self: "NOT_GIVEN"})()  # None is a valid fingerprint


class Step(SubmittableContainer):
    """Named work. It runs if it is not done, and is marked as done then.

    Args:
        step_name: dotted name, see ``rules.check_name``.
        activities: the work: anything that a group may hold.
        force: run the step even if it is done.
        activities_if_step_already_done: the work to do when the step is skipped, or None.
        emit_signal: send the signal ``step.{step_name}`` to this workflow after the step ran or was skipped.
        force_steps_if_executed: names of the steps that are forced from now on if this one runs.
        bubbles_exception_on_failure: the step's future has an exception if its work failed.
        keep_result: store what the work returned in the mark. The future of a later run that skips the step has it as
            its ``value``.
        fingerprint: a JSON value for what the work depends on. The step is done only if its mark bears the same value.
        optional: the step may fail: then the steps around it do not fail.

    Raises InputError for an invalid name, NotSubmittable for work that cannot be submitted, NotEncodable for a
    fingerprint that is not JSON.
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
        optional: bool = False,
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
        self.optional = optional
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
