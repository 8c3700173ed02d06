"""``simpleflow.local.executor`` of the existing library. Use ``simpleflow.local``."""

from simpleflow.local import Executor

__all__ = ["Executor"]
