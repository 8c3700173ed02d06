"""How long tasks worked: unions of intervals, queueing, pauses."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from simpleflow.core.work_time import Task, between, fewer, length, union, without, work_time


@pytest.mark.parametrize(
    ("tasks", "pauses", "now", "worked", "queued"),
    [
        ([], [], None, (), 0),
        ([(0, 5, 7)], [], None, ((5, 7),), 5),
        ([(0, 5, None)], [], None, (), 5),
        ([(0, 5, None)], [], 9, ((5, 9),), 5),
        ([(0, None, None)], [], 9, (), 9),
        ([(0, None, 9)], [], None, (), 9),
        ([(0, 1, 5), (0, 2, 7)], [], None, ((1, 7),), 1),  # at the same time: not 4 + 5
        ([(0, 1, 2), (0, 62, 63)], [], None, ((1, 2), (62, 63)), 61),  # one worker, which had other work for a minute
        ([(0, 1, 2), (60, 60, 63)], [], None, ((1, 63),), 1),  # a timer in between counts: nothing was queued
        ([(0, 1, 100)], [(10, 90)], None, ((1, 10), (90, 100)), 1),  # killed, and resumed
        ([(0, 95, 100)], [(10, 90)], None, ((95, 100),), 15),
    ],
)
def test_work_time(tasks: list[tuple], pauses: list[tuple], now: float | None, worked: tuple, queued: float) -> None:
    found = work_time([Task(*each) for each in tasks], pauses, now)
    assert found.worked == worked
    assert found.queued == queued
    assert found.seconds == (length(worked) if worked else None)
    assert (found.began, found.ended) == ((worked[0][0], worked[-1][1]) if worked else (None, None))


@pytest.mark.parametrize(
    ("tries", "more", "worked", "paused"),
    [
        ([(0, 0, 1), (61, 61, 63)], [], ((0, 1), (61, 63)), 60),
        ([(0, 0, 1), (61, 63, 64)], [], ((0, 1), (63, 64)), 60),  # queued after the pause
        ([(0, 0, 1), (61, 61, 63)], [(0, 0, 30)], ((0, 30), (61, 63)), 31),  # another one works meanwhile
        ([(0, 0, 1), (1, 1, 3)], [], ((0, 3),), 0),  # at once
        ([(0, 0, 1), (5, 5, 6), (16, 16, 17)], [], ((0, 1), (5, 6), (16, 17)), 14),
        ([(0, 0, 1)], [(60, 60, 63)], ((0, 63),), 0),  # no try of the same task
    ],
)
def test_time_between_tries(tries: list[tuple], more: list[tuple], worked: tuple, paused: float) -> None:
    own = [Task(*each) for each in tries]
    found = work_time([*own, *(Task(*each) for each in more)], between_tries=between(own))
    assert (found.worked, found.paused) == (worked, paused)
    died = work_time(own, [(-5, 200)], between_tries=between(own))
    assert (died.worked, died.paused) == ((), 0), "the time in which no process drove the run counts for nothing"


def test_intervals_agree_with_seconds_counted_one_by_one() -> None:
    chance = random.Random(7)

    def draw() -> list[tuple[int, int]]:
        begins = [chance.randrange(40) for _ in range(chance.randrange(6))]
        return [(begin, begin + chance.randrange(1, 9)) for begin in begins]

    def seconds(intervals: list[tuple[int, int]]) -> set[int]:
        return {second for begin, end in intervals for second in range(begin, end)}

    for _ in range(500):
        some, others = draw(), draw()
        joined = union(some)
        assert seconds(joined) == seconds(some)
        assert all(before[1] < after[0] for before, after in pairwise(joined))
        left = without(joined, others)
        assert seconds(left) == seconds(some) - seconds(others)
        assert length(left) == len(seconds(left))


def test_fewer_joins_across_the_shortest_gaps() -> None:
    intervals = [(0, 1), (2, 3), (13, 14), (15, 16), (36, 37)]
    assert fewer(intervals, 5) == intervals
    assert fewer(intervals, 3) == [(0, 3), (13, 16), (36, 37)]
    assert fewer(intervals, 1) == [(0, 37)]
