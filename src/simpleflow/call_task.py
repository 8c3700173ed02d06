"""The bases of all tasks: ``Task``, and ``CallTask`` for tasks with arguments."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from simpleflow import values
from simpleflow.base import Submittable
from simpleflow.exceptions import ResultNotKept
from simpleflow.futures import Future, NotKept

T = TypeVar("T", bound="CallTask")


_NO_FUTURES = frozenset({str, int, float, bool, type(None)})


def results(args: Iterable[Any]) -> list[Any]:
    """The arguments, with the results of the futures among them; waits for these. An unknown one is a ``NotKept``."""
    found = list(args)
    if _NO_FUTURES.issuperset(map(type, found)):
        return found
    for at, each in enumerate(found):
        if isinstance(each, Future):
            try:
                found[at] = each.as_argument()
            except ResultNotKept:
                found[at] = NotKept(each)
    return found


class Task(Submittable):
    """Base of all tasks. ``name`` identifies the task in messages and ids."""

    name: str


class CallTask(Task):
    """A task with arguments. Futures among them are replaced by their results; making the task waits for these."""

    args: list[Any]
    kwargs: dict[str, Any]

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        self.args = results(args)
        self.kwargs = dict(zip(kwargs, results(kwargs.values()), strict=True))

    def __repr__(self) -> str:
        arguments = [repr(arg) for arg in self.args] + [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join([self.name, *arguments])})"

    def receive(self: T, value: Any) -> T:
        twin = copy.copy(self)
        twin.args = [*self.args, value]
        return twin

    def encode_input(self, reserved: Mapping[str, Any] = {}) -> str:
        """Return the arguments as JSON text ``{"args": [...], "kwargs": {...}}``, with the items of ``reserved`` added.

        Raises NotEncodable for arguments that are not JSON.
        """
        return values.encode({"args": self.args, "kwargs": self.kwargs, **reserved}, f"input of {self.name}")


def parse_limit(seconds: str) -> float | None:
    """A time-out as SWF writes it, as a number; None for ``NONE``."""
    return None if seconds == "NONE" else float(seconds)
