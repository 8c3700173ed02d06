"""The faster ``NamedTuple`` makes the tuples that the one in ``typing`` makes."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from simpleflow.named_tuple import NamedTuple


class Ours(NamedTuple):
    """A point."""

    x: int
    y: int = 2
    tags: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self) -> Ours:
        return self._replace(x=self.x + 1)


class Theirs(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    tags: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self) -> Theirs:
        return self._replace(x=self.x + 1)


class Empty(NamedTuple):
    pass


class Derived(Ours):
    def __new__(cls, x: int) -> Derived:
        return super().__new__(cls, x, 5)

    def __repr__(self) -> str:
        return f"derived {self.x}"


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, 3, ("a",)),
        lambda kind: kind(x=1, tags=("b",)),
        lambda kind: kind(1).total,
        lambda kind: kind(1).moved(),
        lambda kind: kind(1)._asdict(),
        lambda kind: kind(1)._replace(y=4),
        lambda kind: kind._make([1, 2, ()]),
        lambda kind: kind._fields,
        lambda kind: kind._field_defaults,
        lambda kind: kind.__match_args__,
        lambda kind: kind.__doc__,
        lambda kind: kind(1) == (1, 2, ()),
        lambda kind: hash(kind(1)),
        lambda kind: sorted([kind(2), kind(1)]),
        lambda kind: [*kind(1)],
        lambda kind: copy.deepcopy(kind(1)),
        lambda kind: pickle.loads(pickle.dumps(kind(1))),
        lambda kind: msgspec.json.encode(kind(1)),
        lambda kind: msgspec.json.decode(b"[1, 3]", type=kind),
        lambda kind: typing.get_type_hints(kind),
        lambda kind: kind.__mro__[-2:],
    ],
)
def test_it_does_what_the_one_in_typing_does(use: Callable[[Any], Any]) -> None:
    ours, theirs = use(Ours), use(Theirs)
    assert ours == theirs
    assert repr(ours).replace("Ours", "Theirs") == repr(theirs)


@pytest.mark.parametrize(
    "use",
    [
        lambda kind: kind(),
        lambda kind: kind(1, z=2),
        lambda kind: kind(1, 2, (), 4),
        lambda kind: kind._make([1]),
        lambda kind: kind(1)._replace(z=2),
        lambda kind: setattr(kind(1), "x", 2),
        lambda kind: setattr(kind(1), "z", 2),
    ],
)
def test_it_refuses_what_the_one_in_typing_refuses(use: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception) as theirs:
        use(Theirs)
    with pytest.raises(theirs.type) as ours:
        use(Ours)
    assert str(ours.value).replace("Ours", "Theirs") == str(theirs.value)


def test_a_derived_class_has_methods_of_its_own() -> None:
    assert Derived(1) == (1, 5, ())
    assert repr(Derived(1)) == "derived 1"
    assert Derived(1).total == 6
    assert Empty() == ()


def test_a_pattern_reads_the_fields_by_position() -> None:
    match Ours(1, 3):
        case Ours(x, 3, ()):
            assert x == 1
        case _:
            pytest.fail("no match")


def test_the_signature_names_the_fields_once_a_value_was_made() -> None:
    Ours(1)
    assert str(inspect.signature(Ours)) == "(x, y=2, tags=())"


def test_a_field_without_a_default_comes_first() -> None:
    with pytest.raises(TypeError, match="field without a default"):
        type(NamedTuple)("Wrong", (NamedTuple,), {"__annotations__": {"x": "int", "y": "int"}, "x": 1})
