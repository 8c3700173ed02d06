"""Timers: a pause that uses no resources, and a limit for a wait.

simpleflow workflow.start --local examples/timers.py:Timers
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
def work() -> str:
    return "done"


class Timers(Workflow):
    def run(self) -> dict[str, Any]:
        # Seconds are whole. The id identifies the timer: starting the same id again returns the same timer.
        pause = self.submit(self.start_timer("pause", 1))
        limit = self.submit(self.start_timer("limit", 3600, control={"about": "work"}))

        worked = self.submit(work)
        futures.wait(worked)
        self.submit(self.cancel_timer("limit"))

        futures.wait(pause)
        return {"work": worked.result, "pause ended": pause.finished, "limit cancelled": limit.cancelled}
