"""``simpleflow.history`` of the existing library, for annotations of hooks. Use ``simpleflow.core.history`` instead."""

from __future__ import annotations

from simpleflow.core.history import History

__all__ = ["History"]
