"""Luigi: ``luigi_steps.py SCENARIO NUMBER SECONDS``. A step is a task whose target is a marker file."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from bench.scripts import work

luigi: Any = importlib.import_module("luigi")  # typed alike whether it is installed or not


class Marked(luigi.Task):  # type: ignore[misc]
    """A task whose target is named after it and its number."""

    number: Any = luigi.IntParameter()
    seconds: Any = luigi.FloatParameter(default=0.0)

    def output(self) -> Any:
        return luigi.LocalTarget(f"done/{type(self).__name__}{self.number}")

    def mark(self) -> None:
        with self.output().open("w") as file:
            file.write("done\n")


class Step(Marked):
    def requires(self) -> Any:
        return [Step(number=self.number - 1)] if self.number else []

    def run(self) -> None:
        work.nothing(self.number)
        self.mark()


class Part(Marked):
    def run(self) -> None:
        if self.seconds:
            work.burn(self.seconds)
        self.mark()


class All(Marked):
    def requires(self) -> Any:
        return [Part(number=index, seconds=self.seconds) for index in range(self.number)]

    def run(self) -> None:
        self.mark()


def main(scenario: str, number: int, seconds: float) -> int:
    if scenario == "steps":
        tasks: list[Any] = [Step(number=number - 1)] if number else []
    else:
        tasks = [All(number=number, seconds=seconds if scenario == "cpu" else 0.0)]
    workers = 1 if scenario == "steps" else 2
    return 0 if luigi.build(tasks, local_scheduler=True, workers=workers, log_level="ERROR") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
