"""Markers: data that a workflow records in its history, for itself and for readers.

simpleflow workflow.start --local examples/markers.py:Markers
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity


@activity.with_attributes(raises_on_failure=True)
def count_rows(table: str) -> int:
    return len(table) * 1000


class Markers(Workflow):
    def run(self) -> dict[str, Any]:
        for table in ("users", "orders"):
            rows = self.submit(count_rows, table).result
            # Details are any value that can be JSON. A marker counts as recorded as soon as it is submitted.
            self.submit(self.record_marker("rows", {"table": table, "rows": rows}))
        self.submit(self.record_marker("finished"))
        latest = {marker.name: marker.details for marker in self.list_markers()}
        everything = [[marker.name, marker.details] for marker in self.list_markers(all=True)]
        return {"latest": latest, "all": everything}
