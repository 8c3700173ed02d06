"""Steps: named work that runs once, is skipped next time, and can be forced or skipped by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simpleflow.step.fingerprints import ARGUMENTS, CODE, files
    from simpleflow.step.submittable import Step
    from simpleflow.step.workflow import WorkflowStepMixin

__all__ = ["ARGUMENTS", "CODE", "Step", "WorkflowStepMixin", "files"]

_MODULES = {
    "ARGUMENTS": "fingerprints",
    "CODE": "fingerprints",
    "Step": "submittable",
    "WorkflowStepMixin": "workflow",
    "files": "fingerprints",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: parts of this package are needed where no step is."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
