"""Dotted names, folded until they fit."""

from __future__ import annotations

import random

import pytest

from simpleflow.pictures.name_tree import FOLDED, OPEN, REST, STEP, Item, folded_lines


def shown(items: list[Item[None]], most: int) -> list[tuple[str, str, int, int]]:
    return [(line.kind, line.label, line.depth, line.size) for line in folded_lines(items, most)]


def items(*names: str, failed: str = "", critical: str = "") -> list[Item[None]]:
    return [Item(name, None, name == failed, name == critical) for name in names]


def test_everything_has_a_line_if_there_is_room() -> None:
    assert shown(items("scan", "parse.a.x", "parse.a.y", "parse.b", "only.one.here"), 60) == [
        (STEP, "scan", 0, 1),
        (OPEN, "parse", 0, 3),
        (OPEN, "a", 1, 2),
        (STEP, "x", 2, 1),
        (STEP, "y", 2, 1),
        (STEP, "b", 1, 1),
        (STEP, "only.one.here", 0, 1),
    ]


def test_groups_are_folded_and_those_with_failures_last() -> None:
    found = items(*(f"g{group}.s{number}" for group in range(4) for number in range(4)), failed="g2.s1")
    assert shown(found, 9) == [
        (FOLDED, "g0", 0, 4),
        (FOLDED, "g1", 0, 4),
        (OPEN, "g2", 0, 4),
        *((STEP, f"s{number}", 1, 1) for number in range(4)),
        (FOLDED, "g3", 0, 4),
    ]


def test_idle_groups_may_stay_folded() -> None:
    found = items("a.x", "a.y", "b.x", "b.y")
    found[3].weight = 1.0
    lines = [(line.kind, line.label) for line in folded_lines(found, 60, fold_idle=True)]
    assert lines == [(FOLDED, "a"), (OPEN, "b"), (STEP, "x"), (STEP, "y")]


def test_of_a_large_group_what_matters_has_a_line() -> None:
    names = [f"load.t{number:03}" for number in range(500)]
    assert shown(items(*names, failed="load.t123", critical="load.t321"), 20) == [
        (OPEN, "load", 0, 500),
        (STEP, "t123", 1, 1),
        (STEP, "t321", 1, 1),
        (REST, "498 more", 1, 498),
    ]
    assert shown(items(*names), 20) == [(FOLDED, "load", 0, 500)]


def test_the_outermost_level_is_cut_too() -> None:
    found = shown(items(*(f"t{number:03}" for number in range(500)), failed="t400"), 5)
    assert [label for _, label, _, _ in found] == ["t000", "t001", "t002", "t400", "496 more"]


@pytest.mark.parametrize("seed", range(30))
def test_each_name_is_in_exactly_one_line(seed: int) -> None:
    chance = random.Random(seed)
    names = {".".join(chance.choice("abcdef") for _ in range(chance.randrange(1, 6))) for _ in range(300)}
    found = [
        Item(name, None, chance.random() < 0.02, chance.random() < 0.05, chance.random()) for name in sorted(names)
    ]
    most = chance.randrange(1, 80)
    lines = folded_lines(found, most)
    assert len(lines) <= most
    assert sorted(item.name for line in lines for item in line.items) == sorted(names)
    assert all(line.items for line in lines if line.kind != OPEN)
    assert folded_lines(found, most) == lines
