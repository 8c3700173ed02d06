"""Workflows made of named steps. A step runs once and is skipped next time; steps can be forced or skipped by name."""

from simpleflow import activity, futures
from simpleflow.constants import RELEASE
from simpleflow.signal import WaitForSignal
from simpleflow.workflow import Workflow

__version__ = RELEASE

__all__ = ["WaitForSignal", "Workflow", "__version__", "activity", "futures"]
