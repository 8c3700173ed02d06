"""The names that were known as done at some moment of a run, without a copy for each moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, SupportsIndex, overload


class KnownNames(Sequence[str]):
    """The first ``count`` of ``names``, a list that only grows. It acts as a list that does not change.

    The futures of thousands of steps each tell of the names known before: as lists, they would take a time and memory
    that grow with the square of the number of steps.
    """

    __slots__ = ("_count", "_names")

    def __init__(self, names: list[str], count: int) -> None:
        self._names = names
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return islice(self._names, self._count)

    @overload
    def __getitem__(self, at: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._names[each] for each in range(*at.indices(self._count))]
        return self._names[range(self._count)[at]]

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, KnownNames) else other)

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: list[Any]) -> list[Any]:
        return list(self) + other

    def __radd__(self, other: list[Any]) -> list[Any]:
        return other + list(self)

    def __repr__(self) -> str:
        return repr(list(self))

    def __reduce__(self) -> Any:
        return list, (list(self),)

    def copy(self) -> list[str]:
        """Return the names as a list."""
        return list(self)

    def __json_value__(self) -> list[str]:
        return list(self)
