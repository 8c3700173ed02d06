"""Workflows made of named steps. A step runs once and is skipped next time; steps can be forced or skipped by name."""

import importlib

from simpleflow.constants import RELEASE

TYPE_CHECKING = False  # as ``typing`` has it, which the command line need not load for its help
if TYPE_CHECKING:
    from typing import Any

    from simpleflow import activity, futures
    from simpleflow.signal import WaitForSignal
    from simpleflow.workflow import Workflow

__version__ = RELEASE

__all__ = ["WaitForSignal", "Workflow", "__version__", "activity", "futures"]

__path__.append(f"{__path__[0]}/compat")  # modules that only the existing library has


_HERE = {"WaitForSignal": "simpleflow.signal", "Workflow": "simpleflow.workflow"}
"""The modules of the names that are loaded when they are used."""


def __getattr__(name: str) -> "Any":
    """A name that is loaded when it is used, or one that this module has in the existing library."""
    if name.startswith("__"):
        raise AttributeError(name)
    if name in ("activity", "futures"):
        return importlib.import_module(f"simpleflow.{name}")
    if name in _HERE:
        found = globals()[name] = getattr(importlib.import_module(_HERE[name]), name)
        return found
    return importlib.import_module("simpleflow.compat.names").find(__name__, name)
