"""Steps: named work that runs once, is skipped next time, and can be forced or skipped by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simpleflow.step.submittable import Step
    from simpleflow.step.workflow import WorkflowStepMixin

__all__ = ["Step", "WorkflowStepMixin"]


def __getattr__(name: str) -> object:
    """Load the two public classes when they are first used: parts of this package are needed where no step is."""
    if name == "Step":
        from simpleflow.step.submittable import Step

        return Step
    if name == "WorkflowStepMixin":
        from simpleflow.step.workflow import WorkflowStepMixin

        return WorkflowStepMixin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
