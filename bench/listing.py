"""``python -m bench.listing``: time of ``simpleflow step.list`` with many done marks in a folder.

It times the whole command, with the start of its process and the evaluation of the workflow, beside
``simpleflow --version``. The marks are written beforehand. Rounds are interleaved; medians are shown.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from bench import measure
from simpleflow.steering import marks
from simpleflow.steering.place import Place

MARKS = 10_000
ROUNDS = 7
LIMIT_SECONDS = 1.0

_WORKFLOW = """
from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes()
def do():
    pass


class Many(Workflow, WorkflowStepMixin):
    name = "many"

    def run(self):
        for number in range(%d):
            self.submit(self.step(f"group{number %% 10}.step-{number}", (do,)))
"""


def main() -> int:
    """Print the table. Returns 1 if a listing took longer than the limit."""
    with tempfile.TemporaryDirectory(prefix="bench-listing-") as folder:
        medians = _measure(Path(folder))
    worst = max(medians.values())
    print(f"{MARKS:,} marks in a folder, median of {ROUNDS}")
    for name, seconds in medians.items():
        print(f"  {name:<28}{seconds:6.2f} s")
    print(f"limit {LIMIT_SECONDS:g} s: {'ok' if worst <= LIMIT_SECONDS else 'over'}")
    return 0 if worst <= LIMIT_SECONDS else 1


def _measure(folder: Path) -> dict[str, float]:
    (folder / "many.py").write_text(_WORKFLOW % MARKS)
    place = Place("many", f"state://{folder / '.simpleflow'}", "many/steps")
    names = [f"group{number % 10}.step-{number}" for number in range(MARKS)]
    marks.mark(place, names, fingerprints=dict.fromkeys(names, '{"version":1}'))
    simpleflow = str(Path(sys.executable).parent / "simpleflow")
    commands = {"simpleflow --version": [simpleflow, "--version"]}
    for style in ("table", "json", "csv"):
        commands[f"step.list --format {style}"] = [simpleflow, "step.list", "many.Many", "--format", style]
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(measure.run(command, folder, folder / "log").seconds)
            if name != "simpleflow --version" and (folder / "log").read_text().count("group") != MARKS:
                raise measure.Failed(f"{name} did not list {MARKS} steps")
    return {name: statistics.median(each) for name, each in taken.items()}


if __name__ == "__main__":
    sys.exit(main())
