"""The names known before a step, which act as a list."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from simpleflow import futures, values
from simpleflow.step.known_names import KnownNames
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, note

GROWING = ["a", "b", "c", "d"]
NAMES = KnownNames(GROWING, 3)


@pytest.mark.parametrize("at", [0, 2, -1, -3, slice(None), slice(1, 9), slice(None, None, -1), slice(-2, None)])
def test_an_index(at: Any) -> None:
    assert NAMES[at] == GROWING[:3][at]


@pytest.mark.parametrize("at", [3, -4])
def test_an_index_beyond_it(at: int) -> None:
    with pytest.raises(IndexError):
        NAMES[at]


def test_it_acts_as_a_list() -> None:
    names = GROWING[:3]
    assert names == NAMES
    assert names == NAMES
    assert [*names, "d"] != NAMES
    assert KnownNames(["a", "b", "c"], 3) == NAMES
    assert list(NAMES) == names
    assert list(reversed(NAMES)) == names[::-1]
    assert ("c" in NAMES, "d" in NAMES, NAMES.index("b"), NAMES.count("a")) == (True, False, 1, 1)
    assert [*names, "x"] == NAMES + ["x"]
    assert ["x", *names] == ["x"] + NAMES
    assert repr(NAMES) == repr(names)
    assert copy.copy(NAMES) == copy.deepcopy(NAMES) == NAMES.copy() == pickle.loads(pickle.dumps(NAMES)) == names
    assert values.encode([NAMES], "names") == '[["a","b","c"]]'


def test_each_step_tells_of_those_known_before_it(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return [futures.wait(workflow.submit(Step(name, (note, name))))[0][0] for name in "abc"]

    assert bench.run(run) == [[], ["a"], ["a", "b"]]
