"""The encoding of values that pass between a workflow and its tasks."""

from __future__ import annotations

import datetime
import enum
import json
import threading
import uuid
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow import Workflow, values
from simpleflow.exceptions import NotEncodable
from tests.language.activities import change, give, same, tuples
from tests.language.helpers import run

Point = namedtuple("Point", "x y")


class Colour(str, enum.Enum):  # noqa: UP042 (the older way to write it)
    RED = "red"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(json_values)
def test_json_comes_back_as_it_was(value: Any) -> None:
    text = values.encode(value, "it")
    text.encode("utf-8")
    assert values.decode(text) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset("cab"), ["a", "b", "c"]),
        (b"bytes", "bytes"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2024-01-02T03:04:05+00:00"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({True: "c", None: "b", 3: "d"}, {"true": "c", "null": "b", "3": "d"}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Point(1, 2), [1, 2]),
        (Colour.RED, "red"),
        ((each for each in (1, 2)), [1, 2]),
    ],
)
def test_values_cross_as_json_does(value: Any, expected: Any) -> None:
    if hasattr(value, "send"):  # a generator yields its values only once
        assert values.decode(values.encode(value, "it")) == expected
    else:
        assert run(lambda self: self.submit(same, value).result) == expected


def test_sets_of_mixed_kinds_have_one_order() -> None:
    mixed = {1, "b", None, "a", 2.5, (1, 2)}
    assert values.encode(mixed, "it") == '[null,2.5,1,"a","b",[1,2]]'


def test_keys_keep_their_order_except_where_values_are_compared() -> None:
    assert values.encode({"b": 1, "a": 2}, "it") == '{"b":1,"a":2}'
    assert values.canonical({"b": 1, "a": "é"}, "it") == '{"a":"\\u00e9","b":1}'


def test_text_outside_ascii_is_written_as_it_is_and_half_characters_are_escaped() -> None:
    assert values.encode("é", "it") == '"é"'
    assert values.encode("\ud800é", "it") == '"\\ud800\\u00e9"'


def test_text_that_is_not_json_is_read_as_text() -> None:
    assert values.decode("not json") == "not json"
    assert values.decode("not \udcff") == "not \udcff"  # from a byte on a command line that is not UTF-8
    assert values.decode('"\udcff"') == "\udcff"
    assert values.decode(None) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "it is not JSON: <object object> is a object; expected text, numbers"),
        ([1, {"a": {1j}}], r"1j at \[1\]\['a'\]\[0\] is a complex"),
        (float("inf"), "inf is a number that JSON cannot hold"),
        ({(): 1}, r"\(\) is a key of type tuple"),
        (ValueError, "ValueError"),
        (len, "a builtin_function_or_method"),
        (b"\xff", "is a bytes"),
    ],
)
def test_values_that_are_not_json_are_refused_with_position_and_type(value: Any, message: str) -> None:
    with pytest.raises(NotEncodable, match=message) as caught:
        values.encode(value, "it")
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert " at 0x" not in str(caught.value)


def test_values_that_are_nested_too_deeply_are_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotEncodable, match="it is not JSON"):
        values.encode(deep, "it")


def test_an_activity_cannot_change_the_workflow_s_values() -> None:
    def workflow(self: Workflow) -> Any:
        mine = [1]
        return [self.submit(change, mine).result, mine]

    assert run(workflow) == [[1, 0], [1]]


def test_results_are_decoded_from_json() -> None:
    def workflow(self: Workflow) -> Any:
        found = self.submit(tuples).result
        assert found == {"1": [1, 2]}
        return (1, 2), {3: 4}

    assert run(workflow) == [[1, 2], {"3": 4}]


def test_arguments_are_copied_when_they_are_submitted() -> None:
    def workflow(self: Workflow) -> Any:
        mine = {"n": 1}
        first = self.submit(give, mine)
        mine["n"] = 2
        return [first.result, self.submit(give, mine).result]

    assert run(workflow) == [[[{"n": 1}], {}], [[{"n": 2}], {}]]


def test_arguments_and_results_are_copies_as_after_a_network() -> None:
    def workflow(self: Workflow) -> Any:
        mine = [1]
        changed = self.submit(change, mine)
        return [changed.result, mine, self.submit(tuples).result == {"1": [1, 2]}]

    assert run(workflow) == [[1, 0], [1], True]


def test_arguments_that_cannot_be_copied_are_named_in_the_error() -> None:
    lock = threading.Lock()

    def workflow(self: Workflow) -> Any:
        self.submit(same, lock)

    with pytest.raises(TypeError, match=r"input of tests.language.activities.same is not JSON: .* is a _thread.lock"):
        run(workflow)


@pytest.mark.parametrize(
    "value", [{1: "a", "1": "b"}, [{"x": {True: 1, "true": 2}}], {"x": ({None: 1, "null": 2},)}, {1.5: 1, "1.5": 2}]
)
def test_keys_that_would_be_one_in_json_are_refused(value: Any) -> None:
    with pytest.raises(NotEncodable, match=r"would lose a value: its keys .* are both .* in JSON"):
        values.encode(value, "the value")
    with pytest.raises(NotEncodable, match=r"its keys .* are both .* in JSON"):
        values.canonical(value, "the value")


def test_keys_of_other_types_are_taken_where_none_is_lost() -> None:
    assert values.encode({1: "a", "2": "b", None: "c"}, "the value") == '{"1":"a","2":"b","null":"c"}'


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(json_values)
def test_small_values_have_the_text_that_python_gives_them(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        expected.encode()
    except UnicodeEncodeError:  # half of a surrogate pair is escaped
        expected = json.dumps(value, separators=(",", ":"))
    assert values.encode(value, "it") == expected
