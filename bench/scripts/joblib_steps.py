"""joblib: ``joblib_steps.py SCENARIO NUMBER SECONDS``. A step is a cached function of the previous result."""

from __future__ import annotations

import sys

from bench.scripts import work
from joblib import Memory, Parallel, delayed  # type: ignore[import-untyped,import-not-found,unused-ignore]

memory = Memory("cache", verbose=0)


def step(index: int, before: int) -> int:
    return work.nothing(index + before * 0)


def fan_out(number: int) -> None:
    Parallel(n_jobs=2)(delayed(work.nothing)(index) for index in range(number))


def cpu(number: int, seconds: float) -> None:
    Parallel(n_jobs=2)(delayed(work.burn)(seconds) for _ in range(number))


def main(scenario: str, number: int, seconds: float) -> None:
    if scenario == "steps":
        cached, before = memory.cache(step), 0
        for index in range(number):
            before = cached(index, before)
    elif scenario == "fan-out":
        memory.cache(fan_out)(number)
    else:
        memory.cache(cpu)(number, seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
