"""simpleflow in a program: ``executor.py MODE SCENARIO NUMBER SECONDS``; see ``MODES``."""

from __future__ import annotations

import sys
from typing import Any

from bench.scripts import flow

from simpleflow.local import Executor
from simpleflow.workflow import Workflow

MODES: dict[str, dict[str, Any]] = {
    "memory": {},
    "state": {"state": ".simpleflow"},
    "workers": {"state": ".simpleflow", "nb_workers": 2},
}


def main(mode: str, scenario: str, number: str, seconds: str) -> None:
    workflows: dict[str, type[Workflow]] = {"steps": flow.Steps, "fan-out": flow.FanOut, "cpu": flow.Burn}
    given = [int(number), float(seconds)] if scenario == "cpu" else [int(number)]
    Executor(workflows[scenario], **MODES[mode]).run(given)


if __name__ == "__main__":
    main(*sys.argv[1:])
