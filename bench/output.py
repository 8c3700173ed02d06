"""What it costs to keep what activities print: system calls, and the share of them in a run, with and without output.

    python -m bench.output [--activities 1000] [--milliseconds 1,10]

Activities sleep, and print one line or nothing. System calls are counted by ``strace``, so that a busy machine matters
little; the first figure of each pair is of silent activities.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.measure import ROOT

PROGRAM = """
import sys, time
from simpleflow import Workflow, activity
from simpleflow.local import Executor

_, COUNT, MILLISECONDS, PRINTS = sys.argv


@activity.with_attributes()
def work(number):
    time.sleep(float(MILLISECONDS) / 1000)
    if PRINTS == "prints":
        print("line of", number)


class Flow(Workflow):
    name = "flow"

    def run(self):
        for future in [self.submit(work, number) for number in range(int(COUNT))]:
            future.result


Flow.__module__ = work.__module__ = "program"
if __name__ == "__main__":
    Executor(Flow, state="state", nb_workers=2).run()
"""

_ROW = r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$"
_SHOWN = 8


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.output", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--activities", type=int, default=1_000)
    parser.add_argument("--milliseconds", default="1,10", help="how long activities sleep; default: 1,10")
    options = parser.parse_args(arguments)
    if shutil.which("strace") is None:
        print("left out, since strace is not installed")
        return 0
    for milliseconds in options.milliseconds.split(","):
        silent, printing = (calls(options.activities, milliseconds, how) for how in ("silent", "prints"))
        more = {name: (printing[name] - silent[name]) / options.activities for name in silent | printing}
        largest = sorted(more.items(), key=lambda each: -abs(each[1]))[:_SHOWN]
        print(
            f"{milliseconds} ms: {silent.total() / options.activities:.1f} system calls for a silent activity, "
            f"{sum(more.values()):+.1f} for one that prints: "
            + ", ".join(f"{name} {number:+.1f}" for name, number in largest if abs(number) >= 0.1),
            flush=True,
        )
    return 0


def calls(activities: int, milliseconds: str, how: str) -> Counter[str]:
    """The system calls of a run, with all its processes, by name."""
    with tempfile.TemporaryDirectory(prefix="simpleflow-output-") as name:
        folder = Path(name)
        (folder / "program.py").write_text(PROGRAM)
        command = [
            "strace",
            "-f",
            "-c",
            "-o",
            "calls",
            sys.executable,
            "program.py",
            str(activities),
            milliseconds,
            how,
        ]
        subprocess.run(
            command, cwd=folder, env={"PYTHONPATH": str(ROOT / "src")}, check=True, stderr=subprocess.DEVNULL
        )
        rows = re.findall(_ROW, (folder / "calls").read_text(), re.MULTILINE)
        return Counter({call: int(number) for number, call in rows if call != "total"})


if __name__ == "__main__":
    sys.exit(main())
