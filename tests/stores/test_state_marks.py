"""Marks in the database of a state folder: many that are read together."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpleflow.stores import open_store
from simpleflow.stores.base import Change


@pytest.mark.parametrize("between", [0, 1, 40], ids=["they stand together", "some are between", "most are between"])
def test_many_marks_are_read_together(tmp_path: Path, between: int) -> None:
    store = open_store(f"state://{tmp_path}")
    names = [f"s{number:03}{'ü' * (number % 2)}" for number in range(60)]
    others = [f"{name}.{number}" for name in names for number in range(between)]
    store.apply([Change("w/steps", name, name.encode()) for name in (*names, *others)])  # type: ignore[attr-defined]
    wanted = [*reversed(names[5:50]), "absent", "zzz", names[5]]
    found = store.read("w/steps", wanted)
    assert list(found) == list(reversed(names[5:50]))
    assert all(found[name].body == name.encode() for name in found)
