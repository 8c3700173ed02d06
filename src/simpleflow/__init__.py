"""Workflows made of named steps. A step runs once and is skipped next time; steps can be forced or skipped by name."""

import importlib
from typing import Any

from simpleflow import activity, futures
from simpleflow.constants import RELEASE
from simpleflow.signal import WaitForSignal
from simpleflow.workflow import Workflow

__version__ = RELEASE

__all__ = ["WaitForSignal", "Workflow", "__version__", "activity", "futures"]

__path__.append(f"{__path__[0]}/compat")  # modules that only the existing library has


def __getattr__(name: str) -> Any:
    """A name that this module has in the existing library."""
    if name.startswith("__"):
        raise AttributeError(name)
    return importlib.import_module("simpleflow.compat.names").find(__name__, name)
