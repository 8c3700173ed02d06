"""A dry run in which activities take time on a virtual clock.

The decider is the real one, and so are the engine's queues. An activity takes a worker for its given duration. The
clock jumps to the next end of an activity or a timer. The history that results has the times of a real run, so the same
figures can be computed from it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from simpleflow.engines.base import ActivityTask, StartRequest
from simpleflow.engines.run import Run
from simpleflow.steering.dry_run import DryRun, Findings
from simpleflow.steering.earlier_results import EarlierRuns
from simpleflow.step.recorded_tasks import is_about_marks
from simpleflow.workflow import Workflow

Seconds = Callable[[ActivityTask], float]
"""Says how long an activity takes."""


class Simulation(DryRun):
    """A dry run with ``workers`` workers."""

    def __init__(
        self,
        workflow_class: type[Workflow],
        default_bucket: str | None,
        domain: str | None,
        earlier_runs: EarlierRuns | None,
        workers: int,
        seconds: Seconds,
    ) -> None:
        super().__init__(workflow_class, default_bucket, domain, earlier_runs)
        self._workers = workers
        self._seconds = seconds
        self._working: list[tuple[float, int, ActivityTask]] = []  # heap: end, order of the beginnings, task
        self._begun = 0

    def simulate(self, request: StartRequest) -> tuple[Findings, dict[str, Run]]:
        """Start the workflow and go on to its end. Returns the runs of all executions, too, by run id; root first."""
        findings = self.run(request)
        return findings, self._engine.runs

    def _work(self) -> bool:
        """Let a free worker begin an activity."""
        if len(self._working) >= self._workers:
            return False
        task = self._engine.poll_for_activity_task()
        if task is None:
            return False
        if is_about_marks(task.name):  # the process that drives the run reads and writes marks, in no time
            self._end(task)
        else:
            self._begun += 1
            heapq.heappush(self._working, (self._clock + self._seconds(task), self._begun, task))
        return True

    def _pass_time(self, due: float | None) -> bool:
        if not self._working or (due is not None and due < self._working[0][0]):
            return super()._pass_time(due)
        end, _, task = heapq.heappop(self._working)
        self._clock = max(end, self._clock)
        self._end(task)
        return True
