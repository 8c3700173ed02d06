"""Times and places: gaps are cut out, and ticks stand where people expect them."""

from __future__ import annotations

import datetime
import random
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from simpleflow.pictures.time_scale import FOLD, Axis, Scale, idle_gaps

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=PARIS).timestamp()


def labels(begin: str, end: str, origin: str | None = None) -> list[str]:
    scale = Scale(at(begin), at(end), 0, 800)
    return [tick.label for tick in Axis(scale, at(origin or begin), PARIS).ticks()]


def test_idle_gaps_are_cut_out() -> None:
    gaps = idle_gaps([(0, 10), (5, 20), (20_000, 20_010), (20_010.5, 20_020)], 0, 20_020)
    assert gaps == [(20, 20_000)]
    scale = Scale(0, 20_020, 100, 500, gaps)
    assert scale.x(0) == 100
    assert scale.x(20) == pytest.approx(100 + (400 - FOLD) / 2)
    assert scale.x(20_000) == pytest.approx(scale.x(20) + FOLD)
    assert scale.x(20_020) == scale.x(99_999) == pytest.approx(500)
    assert scale.x(-5) == 100
    assert [piece.folded for piece in scale.pieces] == [False, True, False]


def test_short_gaps_and_empty_times_stay() -> None:
    assert idle_gaps([(0, 10), (10.5, 20)], 0, 20) == []
    assert idle_gaps([], 0, 100) == []
    assert idle_gaps([(0, 10), (18, 30)], 0, 30) == [(10, 18)]
    assert idle_gaps([(0, 10), (18, 30)], 0, 30, waits=[(0, 2), (9, 18)]) == [], "something waits for a worker"
    assert idle_gaps([(0, 10), (1_800, 1_810)], 0, 1_810, waits=[(9, 1_800)]) == [(10, 1_800)]
    assert idle_gaps([(200, 300)], 0, 100) == []


@pytest.mark.parametrize("seed", range(20))
def test_places_grow_with_times(seed: int) -> None:
    chance = random.Random(seed)
    busy = [(begin, begin + chance.expovariate(1)) for begin in (chance.uniform(0, 5_000) for _ in range(12))]
    scale = Scale(0, 5_000, 10, 700, idle_gaps(busy, 0, 5_000))
    places = [scale.x(time) for time in range(-10, 5_020, 7)]
    assert places == sorted(places)
    assert 10 <= places[0] <= places[-1] <= 700.001
    for each in (scale, Scale(0, 5_000, 10, 700)):
        columns = each.columns(range(-10, 5_020, 7), 2.0)
        assert columns == [int((each.x(time) - 10) / 2) for time in range(-10, 5_020, 7)]
    ticks = Axis(scale, 0, datetime.UTC).ticks()
    assert all(after.x - before.x >= 50 for before, after in pairwise(ticks))


def test_a_short_run_counts_seconds() -> None:
    scale = Scale(1_000, 1_024, 0, 800)
    axis = Axis(scale, 1_000, datetime.UTC)
    assert [tick.label for tick in axis.ticks()] == ["0 s", "5 s", "10 s", "15 s", "20 s"]
    assert axis.captions() == ["since 1970-01-01 00:16:40 UTC", "since 00:16:40 UTC"]
    assert [tick.label for tick in Axis(Scale(1_000, 1_000.5, 0, 500), 1_000, datetime.UTC).ticks()][:3] == [
        *("0.0 s", "0.1 s", "0.2 s")
    ]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        ("2026-03-01 06:03", "2026-03-01 06:33", ["06:05", "06:10", "06:15", "06:20", "06:25", "06:30"]),
        ("2026-03-01 21:10", "2026-03-02 04:40", ["22:00", "23:00", "2 Mar", "01:00", "02:00", "03:00", "04:00"]),
        ("2026-02-26 12:00", "2026-03-03 12:00", ["27 Feb", "28 Feb", "1 Mar", "2 Mar", "3 Mar"]),
        # the clock is set forward at 02:00 on 29 March
        ("2026-03-28 20:00", "2026-03-30 02:00", ["29 Mar", "06:00", "12:00", "18:00", "30 Mar"]),
    ],
)
def test_a_long_run_shows_the_clock(begin: str, end: str, expected: list[str]) -> None:
    assert labels(begin, end) == expected


def test_a_short_time_of_a_long_run_shows_the_clock_too() -> None:
    assert labels("2026-03-01 06:10:00", "2026-03-01 06:10:02", "2026-03-01 01:00")[:3] == [
        *("06:10:00.0", "06:10:00.5", "06:10:01.0")
    ]
