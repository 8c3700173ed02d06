"""Markers: data that a workflow records in its history."""

from __future__ import annotations

from typing import Any

from simpleflow.named_tuple import NamedTuple


class Marker(NamedTuple):
    """A marker, as ``Workflow.list_markers`` returns it. ``details`` is the recorded value, decoded, or None."""

    name: str
    details: Any = None
