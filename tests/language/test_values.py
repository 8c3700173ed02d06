"""The encoding of values that pass between a workflow and its tasks."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import json
import os
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict, namedtuple
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import lazy_object_proxy
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow import Workflow, values
from simpleflow.exceptions import InputError, NotEncodable
from tests.language.activities import change, give, same, tuples
from tests.language.helpers import run

Point = namedtuple("Point", "x y")


class Colour(str, enum.Enum):  # noqa: UP042 (the older way to write it)
    RED = "red"


class Level(enum.Enum):
    LOW = 1
    HIGH = "high"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Box(NamedTuple):
    level: Level
    path: Path


@dataclasses.dataclass(frozen=True)
class Order:
    number: int
    level: Level = Level.LOW
    parts: tuple[Any, ...] = ()
    note: str = dataclasses.field(default="", repr=False)


class Struct(msgspec.Struct):
    x: int = 1


async def _coroutine() -> None:
    """Do nothing."""


async def _async_generator() -> Any:
    yield 1


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
        (datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2024-01-02T03:04:05Z"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({True: "c", None: "b", 3: "d"}, {"true": "c", "null": "b", "3": "d"}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Point(1, 2), [1, 2]),
        (Colour.RED, "red"),
        ((each for each in (1, 2)), [1, 2]),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 678_912, tzinfo=datetime.UTC), "2024-01-02T03:04:05.678Z"),
        (datetime.datetime(2024, 1, 2, 3, 4, 5, 999), "2024-01-02T03:04:05.000"),
        (
            datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            "2024-01-02T00:00:00+02:00",
        ),
        (datetime.time(3, 4, 5, 678_912), "03:04:05.678"),
        (datetime.timedelta(minutes=1, milliseconds=500), 60.5),
        (Level.HIGH, "high"),
        ([Level.LOW, Rights.READ | Rights.WRITE], [1, 3]),
        (Box(Level.LOW, Path("a/b")), [1, "a/b"]),
        (PurePosixPath("/a"), "/a"),
        (decimal.Decimal("1.10"), "1.10"),
        (
            Order(1, parts=(Order(2, Level.HIGH), {Path("b"), Path("a")})),
            {
                "number": 1,
                "level": 1,
                "parts": [{"number": 2, "level": "high", "parts": [], "note": ""}, ["a", "b"]],
                "note": "",
            },
        ),
        (lazy_object_proxy.Proxy(lambda: "text"), "text"),
        (lazy_object_proxy.Proxy(lambda: [1, {2}]), [1, [2]]),
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


def test_sets_whose_members_have_no_order_have_the_same_text_in_each_process() -> None:
    program = """
import enum
from dataclasses import dataclass
from simpleflow import values
Colour = enum.Enum("Colour", "RED GREEN BLUE")
@dataclass(frozen=True, repr=False)
class Each:
    name: str
names = [chr(97 + each) for each in range(9)]
print(values.encode([
    {frozenset(names[each:each + 2]) for each in range(8)}, set(Colour), set(map(Each, names)), {(Each("a"), 1), 1, "b"}
], "it"))
"""
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(texts) == 1


def test_a_proxy_of_a_text_is_a_text() -> None:
    assert values.encode(lazy_object_proxy.Proxy(lambda: "text"), "it") == '"text"'


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
        (object(), "it is not JSON: <object object> is an object; expected text, numbers"),
        ([1, {"a": {1j}}], r"1j at \[1\]\['a'\]\[0\] is a complex"),
        (float("inf"), "inf is a number that JSON cannot hold"),
        ({(): 1}, r"\(\) is a key of type tuple"),
        (ValueError, "ValueError"),
        (len, "a builtin_function_or_method"),
        (b"\xff", r"is a bytes; pass base64|is a bytes; write it to a file and pass the file's path"),
        (float("nan"), "nan is a number that JSON cannot hold; pass None"),
        ({datetime.date(2024, 1, 1): 1}, r"is a key of type datetime.date; make it text, such as str\(key\)"),
        ([{Level.LOW: 1}], "is a key of type .*Level; make it text"),
        (lambda: 1, "is a function; call it and pass its result"),
        (functools.partial(len), "is a functools.partial; call it and pass its result"),
        (same, "call it and pass its result"),
        (json, "is a module; pass its name"),
        (io.StringIO(), "is a _io.StringIO; pass its path or its contents"),
        (_async_generator(), r"is an async_generator; pass a list: \[each async for"),
        (range(3), r"is a range; pass list\(value\)"),
        (os.environ, r"is an os._Environ; pass dict\(value\)"),
        (bytearray(b"a"), r"pass bytes\(value\)"),
        (RuntimeError("x"), r"raise it, or pass str\(value\)"),
        (Struct(), r"pass msgspec.structs.asdict\(value\)"),
        (Order(1, parts=(1, 2j)), r"2j at \['parts'\]\[1\] is a complex; pass \[value.real, value.imag\]"),
        (lazy_object_proxy.Proxy(lambda: [2j]), r"2j at \[0\] is a complex"),
    ],
)
def test_values_that_are_not_json_are_refused_with_position_and_type(value: Any, message: str) -> None:
    with pytest.raises(NotEncodable, match=message) as caught:
        values.encode(value, "it")
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)
    assert " at 0x" not in str(caught.value)


def test_a_coroutine_is_refused_as_a_result() -> None:
    coroutine = _coroutine()
    with pytest.raises(
        NotEncodable, match=r"result of f is not JSON: .* is a coroutine; await it and return its result"
    ):
        values.encode(coroutine, "result of f")
    coroutine.close()
    waiting = asyncio.Future[None](loop=asyncio.new_event_loop())
    with pytest.raises(NotEncodable, match=r"is a _asyncio.Future; await it and return its result"):
        values.encode([waiting], "result of f")
    waiting.get_loop().close()


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
    "value",
    [
        {1: "a", "1": "b"},
        [{"x": {True: 1, "true": 2}}],
        {"x": ({None: 1, "null": 2},)},
        {1.5: 1, "1.5": 2},
        Order(1, parts=({1: 1, "1": 2},)),
    ],
)
def test_keys_that_would_be_one_in_json_are_refused(value: Any) -> None:
    with pytest.raises(NotEncodable, match=r"would lose a value: its keys .* are both .* in JSON"):
        values.encode(value, "the value")
    with pytest.raises(NotEncodable, match=r"its keys .* are both .* in JSON"):
        values.canonical(value, "the value")


def test_keys_of_other_types_are_taken_where_none_is_lost() -> None:
    assert values.encode({1: "a", "2": "b", None: "c"}, "the value") == '{"1":"a","2":"b","null":"c"}'


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-4, 1e15) | st.floats(-1e15, -1e-4))
def test_a_float_has_the_text_that_python_gives_it(value: float) -> None:
    assert values.encode({"seconds": value}, "a value") == json.dumps({"seconds": value}, separators=(",", ":"))


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(json_values)
def test_small_values_have_the_text_that_python_gives_them(value: Any) -> None:
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        expected.encode()
    except UnicodeEncodeError:  # half of a surrogate pair is escaped
        expected = json.dumps(value, separators=(",", ":"))
    assert values.encode(value, "it") == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1,"b":[2]}', '{"b":[2],"a":1}', True),
        ('{"a":1}', '{"a":1.0}', False),
        ("[1]", "[true]", False),
        ("[1,2]", "[2,1]", False),
        (None, None, True),
        (None, "null", False),
    ],
)
def test_texts_of_the_same_value(one: str | None, other: str | None, same: bool) -> None:
    assert values.are_same(one, other) is same


def test_a_text_that_is_nested_too_deeply_is_named() -> None:
    with pytest.raises(InputError, match=r"a JSON text of 200000 characters is nested too deeply: \[\[\["):
        values.decode("[" * 100_000 + "]" * 100_000)
