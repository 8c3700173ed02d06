"""Markers: data that a workflow records in its history."""

from __future__ import annotations

from typing import Any, NamedTuple


class Marker(NamedTuple):
    """A marker, as ``Workflow.list_markers`` returns it. ``details`` is the recorded value, decoded, or None."""

    name: str
    details: Any = None
