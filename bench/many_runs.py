"""``python -m bench.many_runs``: how quick the command line is in a state folder with a thousand runs.

It makes the runs with ``Executor``, in this process, and then times whole commands, beside ``simpleflow --version``.
Every tenth run has failed. Rounds are interleaved; medians are shown. Beside the elapsed time stands that of the
processors, which does not depend on what else the machine does: it has the limit.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import measure
from simpleflow.local import Executor

RUNS = 1_000
ROUNDS = 5
LIMIT_SECONDS = 1.0  # of the processors, more than ``simpleflow --version`` takes

_WORKFLOW = """
from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def do(number):
    if number % 10 == 9:
        raise ValueError(f"no {number}")
    return number


class Often(Workflow, WorkflowStepMixin):
    name = "often"

    def run(self, number=0):
        for name in ("load.users", "load.items", "clean", "report"):
            self.submit(self.step(name, (do, number), force=True)).ran
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns 1 if a command took longer than the limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.many_runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"number of runs; default: {RUNS}")
    runs = parser.parse_args(arguments).runs
    with tempfile.TemporaryDirectory(prefix="bench-runs-") as folder:
        began = time.monotonic()
        _make(Path(folder), runs)
        print(f"{runs:,} runs made in {time.monotonic() - began:.1f} s; medians of {ROUNDS}")
        medians = _measure(Path(folder))
    for name, (seconds, cpu) in medians.items():
        print(f"  simpleflow {name:<30}{seconds:6.2f} s{cpu:8.2f} s of the processors")
    worst = max(cpu for _, cpu in medians.values()) - medians["--version"][1]
    print(f"limit {LIMIT_SECONDS:g} s more than --version: {'ok' if worst <= LIMIT_SECONDS else 'over'}")
    return 0 if worst <= LIMIT_SECONDS else 1


def _make(folder: Path, runs: int) -> None:
    (folder / "often.py").write_text(_WORKFLOW)
    sys.path.insert(0, str(folder))
    workflow = importlib.import_module("often").Often
    for number in range(runs):
        with contextlib.suppress(Exception), contextlib.redirect_stderr(io.StringIO()):
            Executor(workflow, workflow_id=f"often-{number % 50}", state=folder / ".simpleflow").run([number])


def _measure(folder: Path) -> dict[str, tuple[float, float]]:
    simpleflow = str(Path(sys.executable).parent / "simpleflow")
    commands = {
        "--version": ["--version"],
        "workflow.list": ["workflow.list"],
        "workflow.list --limit 1000": ["workflow.list", "--limit", "1000"],
        "workflow.steps": ["workflow.steps"],
        "workflow.info": ["workflow.info", "often-7"],
        "step.list": ["step.list", "often.Often", "--workflow-id", "often-7"],
        "step.plan": ["step.plan", "often.Often", "--workflow-id", "often-7"],
        "workflow.start": ["workflow.start", "--local", "often.Often", "--workflow-id", "often-8"],
        "workflow.prune --dry-run": ["workflow.prune", "--keep", "10", "--dry-run"],
    }
    found: dict[str, list[measure.Usage]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, arguments in commands.items():
            found[name].append(measure.run([simpleflow, *arguments], folder, folder / "log"))
    return {
        name: (statistics.median(each.seconds for each in usages), statistics.median(each.cpu for each in usages))
        for name, usages in found.items()
    }


if __name__ == "__main__":
    sys.exit(main())
