"""doit: ``doit_steps.py process|thread SCENARIO NUMBER SECONDS``. A step is a task after the previous one, run once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from bench.scripts import work
from doit.cmd_base import ModuleTaskLoader  # type: ignore[import-untyped,import-not-found,unused-ignore]
from doit.doit_cmd import DoitMain  # type: ignore[import-untyped,import-not-found,unused-ignore]
from doit.tools import run_once  # type: ignore[import-untyped,import-not-found,unused-ignore]

Task = dict[str, Any]


def nothing(number: int) -> None:
    work.nothing(number)  # a Python action must not return a number


def steps(number: int) -> Iterator[Task]:
    for index in range(number):
        before = [f"all:{index - 1}"] if index else []
        yield {"name": str(index), "actions": [(nothing, [index])], "task_dep": before, "uptodate": [run_once]}


def fan_out(number: int) -> Iterator[Task]:
    for index in range(number):
        yield {"name": str(index), "actions": [(nothing, [index])], "uptodate": [run_once]}


def cpu(number: int, seconds: float) -> Iterator[Task]:
    for index in range(number):
        yield {"name": str(index), "actions": [(work.burn, [seconds])], "uptodate": [run_once]}


def main(mode: str, scenario: str, number: int, seconds: float) -> int:
    def task_all() -> Iterator[Task]:
        if scenario == "steps":
            yield from steps(number)
        elif scenario == "fan-out":
            yield from fan_out(number)
        else:
            yield from cpu(number, seconds)

    parallel = [] if scenario == "steps" else ["--process=2", f"--parallel-type={mode}"]
    config = {"GLOBAL": {"reporter": "zero", "backend": "json"}}  # json is the fastest of its backends
    loader = ModuleTaskLoader({"task_all": task_all})
    return int(DoitMain(loader, extra_config=config).run(["run", *parallel]) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
