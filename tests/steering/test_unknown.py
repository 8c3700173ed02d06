"""Unknown results: code that looks into one waits, code that passes one on does not."""

from __future__ import annotations

import collections
import copy
import json
import math
import operator
import pickle
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.steering.plan import plan

calls: list[str] = []


@activity.with_attributes()
def give(*args: Any) -> None:
    calls.append("give")


@activity.with_attributes(name="take", idempotent=True)
def take(*args: Any) -> None:
    calls.append("take")


def notes(body: Callable[[Any, Any], Any]) -> list[str]:
    """Return the notes of the plan of a run that calls ``body`` with itself and an unknown result."""

    class Run(Workflow):
        name = "unknown result"

        def run(self) -> Any:
            return body(self, self.submit(give, 1).result)

    calls.clear()
    found = plan(Run, default_bucket=None)
    assert calls == []
    return list(found.notes)


def mapped(value: Any) -> None:
    def keywords(**_: Any) -> None:
        pass

    keywords(**value)


def matched(value: Any) -> None:
    match value:
        case 3:
            pass


def mentioned(value: Any) -> None:
    if isinstance(value, dict):
        pass


def entered(value: Any) -> None:
    with value:
        pass


def stored(value: Any) -> None:
    value["a"] = 1


def set_attribute(value: Any) -> None:
    value.name = 1


def unpacked(value: Any) -> None:
    _first, _second = value


USES: dict[str, Callable[[Any], Any]] = {
    "bool": lambda value: 1 if value else 2,
    "not": lambda value: not value,
    "or": lambda value: value or 1,
    "equals": lambda value: value == 3,
    "equals itself": lambda value: value == value,
    "differs": lambda value: value != 3,
    "less": lambda value: value < 3,
    "more from the right": lambda value: value > 3,
    "in a list": lambda value: value in [1, 2],
    "contains": lambda value: 3 in value,
    "len": len,
    "iter": lambda value: [each for each in value],  # noqa: C416
    "list": list,
    "next": next,
    "star": lambda value: [*value],
    "double star": mapped,
    "unpacked": unpacked,
    "reversed": reversed,
    "sorted": sorted,
    "sorted among others": lambda value: sorted([1, value]),
    "max": lambda value: max(1, value),
    "sum": lambda value: sum([value]),
    "zip": lambda value: list(zip(value, [1], strict=True)),
    "index of it": lambda value: value[0],
    "key of it": lambda value: value["key"],
    "slice of it": lambda value: value[1:],
    "get": lambda value: value.get("key"),
    "attribute": lambda value: value.anything,
    "getattr": lambda value: getattr(value, "anything", None),
    "hasattr": lambda value: hasattr(value, "anything"),
    "set item": stored,
    "set attribute": set_attribute,
    "as a key": lambda value: {1: 2}.get(value),
    "as an index": lambda value: [1, 2][value],
    "in a set": lambda value: {value},
    "hash": hash,
    "str": str,
    "repr": repr,
    "f-string": lambda value: f"{value}",
    "format": lambda value: "{:>3}".format(value),  # noqa: UP032
    "percent s": lambda value: "%s" % value,  # noqa: UP031
    "percent d": lambda value: "%d" % value,  # noqa: UP031
    "repr of its list": lambda value: str([value]),
    "join": lambda value: ",".join(value),
    "print": print,
    "int": int,
    "float": float,
    "complex": complex,
    "bytes": bytes,
    "range": range,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "sqrt": math.sqrt,
    "path": Path,
    "add": lambda value: value + 1,
    "added": lambda value: 1 + value,
    "appended": lambda value: [1] + value,
    "prefixed": lambda value: "a" + value,
    "multiplied": lambda value: "a" * value,
    "divided": lambda value: 1 / value,
    "power": lambda value: value**2,
    "divmod": lambda value: divmod(7, value),
    "negative": operator.neg,
    "inverted": operator.inv,
    "and bits": lambda value: value & 1,
    "or of dicts": lambda value: {} | value,
    "in place": lambda value: operator.iadd(value, 1),
    "called": lambda value: value(),
    "json": json.dumps,
    "json, indented": lambda value: json.dumps([value], indent=1),
    "pickle": pickle.dumps,
    "vars": vars,
    "dir": dir,
    "isinstance": lambda value: isinstance(value, list),
    "isinstance of several": lambda value: isinstance(value, str | int),
    "isinstance of an abstract class": lambda value: isinstance(value, collections.abc.Mapping),
    "isinstance of a protocol": lambda value: isinstance(value, typing.SupportsInt),
    "if isinstance": mentioned,
    "its class": lambda value: value.__class__,
    "match": matched,
    "with": entered,
    "counter": collections.Counter,
    "dict": dict,
    "set": set,
    "enumerate": lambda value: list(enumerate(value)),
    "map": lambda value: list(map(str, value)),
    "any": any,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_every_use_waits_for_ever(use: Callable[[Any], Any]) -> None:
    reached = []

    def body(_: Workflow, value: Any) -> None:
        use(value)
        reached.append("what comes next")

    (note,) = notes(body)
    name = f"activity {give.name}"
    assert note.startswith(f"run() needs the result of {name}, which is known only after it runs (test_unknown.py:")
    assert reached == []


HANDED: dict[str, Callable[[Workflow, Any], Any]] = {
    "returned": lambda _, value: value,
    "returned inside": lambda _, value: {"a": [value, {"b": value}]},
    "as an argument": lambda self, value: self.submit(take, value).result,
    "as an argument of two": lambda self, value: self.submit(Group((take, value), (take, [value]))).result,
    "through a chain": lambda self, value: self.submit(Chain((give, value), (give,), send_result=True)).result,
    "copied": lambda self, value: self.submit(take, copy.copy(value), copy.deepcopy([value])).result,
    "in a marker": lambda self, value: self.submit(self.record_marker("m", {"value": value})),
    "compared with None": lambda _, value: value is None,
    "to a child": lambda self, value: self.submit(Child, value).result,
}


class Child(Workflow):
    name = "child that hands on"

    def run(self, value: Any) -> Any:
        return [self.submit(take, value).result, value]


@pytest.mark.parametrize("hand", HANDED.values(), ids=HANDED)
def test_passing_it_on_does_not_wait(hand: Callable[[Workflow, Any], Any]) -> None:
    reached = []

    def body(self: Workflow, value: Any) -> Any:
        found = hand(self, value)
        reached.append("what comes next")
        return found

    assert notes(body) == []
    assert reached == ["what comes next"]


def test_it_stays_unknown_in_other_values() -> None:
    def body(self: Workflow, value: Any) -> Any:
        child = self.submit(Child, [value]).result
        assert isinstance(child, list)
        assert child[1][0] is not None
        return child[1][0] + 1

    (note,) = notes(body)
    assert note.startswith(f"run() needs the result of activity {give.name}, ")


@pytest.mark.parametrize(
    "misuse",
    [
        lambda self, value: self.submit(value),
        lambda self, value: self.submit(self.start_timer("t", value)),
        lambda self, value: self.submit(self.signal(value)),
        lambda self, value: self.submit(Group((give,), max_parallel=value)),
        lambda self, value: self.fail(value),
    ],
)
def test_uses_in_the_library_wait_too(misuse: Callable[[Workflow, Any], Any]) -> None:
    (note,) = notes(misuse)
    assert note.startswith(f"run() needs the result of activity {give.name}, which is known only after it runs")
