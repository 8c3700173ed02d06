"""Markers: notes that a workflow leaves in its history."""

from __future__ import annotations

from typing import Any, NamedTuple


class Marker(NamedTuple):
    """A marker as ``Workflow.list_markers`` returns it; ``details`` is the value that was recorded, or None."""

    name: str
    details: Any = None
