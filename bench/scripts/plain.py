"""A plain script with one marker file for each step: ``plain.py nosync|fsync SCENARIO NUMBER SECONDS``."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from bench.scripts import work

FOLDER = "done"


def step(name: str, sync: bool, do: Callable[[], object]) -> None:
    path = f"{FOLDER}/{name}"
    if os.path.exists(path):
        return
    do()
    with open(path, "w") as file:
        file.write("done\n")
        if sync:
            file.flush()
            os.fsync(file.fileno())


def main(sync: bool, scenario: str, number: int, seconds: float) -> None:
    os.makedirs(FOLDER, exist_ok=True)
    if scenario == "steps":
        for index in range(number):
            step(f"step{index}", sync, partial(work.nothing, index))
    elif scenario == "fan-out":
        step("all", sync, partial(_pool, work.nothing, range(number)))
    else:
        step("all", sync, partial(_pool, work.burn, [seconds] * number))


def _pool(function: Callable[[Any], object], arguments: Iterable[Any]) -> None:
    with multiprocessing.Pool(2) as pool:
        pool.map(function, arguments)


if __name__ == "__main__":
    main(sys.argv[1] == "fsync", sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
