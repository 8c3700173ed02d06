"""Tools for tests: workflows that run in memory on a virtual clock, the contract of engines, histories made by hand."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simpleflow.testing.finished import FinishedRun
    from simpleflow.testing.replay import assert_replays
    from simpleflow.testing.runner import WorkflowRunner
    from simpleflow.testing.step_store import StepStore

__all__ = ["FinishedRun", "StepStore", "WorkflowRunner", "assert_replays"]

_MODULES = {
    "FinishedRun": "finished",
    "StepStore": "step_store",
    "WorkflowRunner": "runner",
    "assert_replays": "replay",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: the parts for engines need none of them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
