"""The backtest of ``step.plan --estimate``: generated pipelines run for real, and each last run is estimated first.

    python -m bench.foresight [--pipelines 30] [--runs 6] [--seed 1]

Each pipeline has steps in a row and groups of activities, whose durations are noisy (log-normal, 25 %). It runs some
times; then its next run is estimated from the runs before, and runs. The estimate is judged by the time of this run:
its median should be within 15 % in 8 of 10 pipelines, and 9 of 10 runs should take no longer than its 90 % quantile.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.core.events import Event
from simpleflow.engines.base import RunFilter
from simpleflow.engines.sqlite.reading import ReadingEngine
from simpleflow.local import Executor
from simpleflow.steering.estimate import estimate
from simpleflow.step import Step, WorkflowStepMixin

NOISE = 0.25
"""Standard deviation of the logarithm of a duration."""
WITHIN = 0.15
WORKERS = 3


@activity.with_attributes(raises_on_failure=True)
def work(seconds: float) -> None:
    """Take about so many seconds."""
    time.sleep(seconds * random.SystemRandom().lognormvariate(0.0, NOISE))


class Pipeline(Workflow, WorkflowStepMixin):
    """Stages one after the other; the steps of a stage run at once."""

    name = "pipeline"

    def run(self, stages: list[list[list[float]]]) -> None:
        """``stages``: for each stage its steps, for each step the seconds of its activities."""
        for number, stage in enumerate(stages):
            futures = [
                self.submit(Step(f"stage{number}.step{at}", Group(*[(work, each) for each in step])))
                for at, step in enumerate(stage)
            ]
            for future in futures:
                future.wait()


def pipeline(generator: random.Random) -> list[list[list[float]]]:
    """Generate the stages of a pipeline."""
    return [
        [
            [generator.uniform(0.1, 0.6) for _ in range(generator.choice([1, 1, 2, 4, 6]))]
            for _ in range(generator.choice([1, 1, 2, 3]))
        ]
        for _ in range(generator.randint(2, 4))
    ]


def judge(stages: list[list[list[float]]], runs: int) -> tuple[float, float, float]:
    """Run a pipeline; returns the median and the 90 % quantile of its estimate, and the time of its last run."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            executor = Executor(Pipeline, state=folder, nb_workers=WORKERS, force_steps="*")
            if number == runs - 1:
                engine = ReadingEngine(folder)

                def past(workflow_id: str, engine: Any = engine) -> list[tuple[str, list[Event]]]:
                    found = engine.list_runs(RunFilter(workflow_id=workflow_id))
                    return [(run.run_id, engine.history(run.workflow_id, run.run_id)) for run in found]

                found = estimate(
                    Pipeline,
                    request={"force_steps": "*"},
                    input=[stages],
                    default_bucket=executor.default_bucket,
                    domain=None,
                    results=None,
                    past=past,
                    workers=WORKERS,
                )
                engine.close()
            began = time.monotonic()
            executor.run([stages])
            took = time.monotonic() - began
    return found.quantiles[0.5], found.quantiles[0.9], took


def main() -> int:
    """Run the backtest; returns 1 if the estimates are not good enough."""
    parser = argparse.ArgumentParser(description="backtest of step.plan --estimate")
    parser.add_argument("--pipelines", type=int, default=30)
    parser.add_argument("--runs", type=int, default=6, help="runs of each pipeline, the last of which is estimated")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    generator = random.Random(given.seed)
    near = held = 0
    for number in range(given.pipelines):
        middle, high, took = judge(pipeline(generator), given.runs)
        near += abs(middle - took) <= WITHIN * took
        held += took <= high
        print(
            f"{number:3}: estimated {middle:5.2f} s, 90 % {high:5.2f} s; took {took:5.2f} s ({middle / took:.2f}x)",
            flush=True,
        )
    print(f"within {WITHIN:.0%}: {near} of {given.pipelines}; 90 % held: {held} of {given.pipelines}")
    return 0 if near >= 0.8 * given.pipelines and held >= 0.9 * given.pipelines else 1


if __name__ == "__main__":
    sys.exit(main())
