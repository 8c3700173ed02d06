"""FuncGroups: submittables that a function makes when their turn comes."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from simpleflow.base import Call, Executor, Submittable, SubmittableContainer
from simpleflow.checks import check_flag
from simpleflow.containers import FuncPromise
from simpleflow.exceptions import InputError
from simpleflow.futures import Future
from simpleflow.submittables import as_submittable, scoped


class FuncFuture(Future):
    """The future of a FuncGroup: done once the submittable that its function returned is."""

    __slots__ = ()

    def __init__(self, group: FuncGroup, executor: Executor) -> None:
        super().__init__(promise=FuncPromise(group.call, executor, self))


class FuncGroup(SubmittableContainer):
    """A submittable that ``func(*args, **kwargs)`` makes when its turn comes.

    The function may return anything that a group may hold; with ``_allow_none=True`` also None, if there is nothing to
    do. It may wait for futures. The result of the FuncGroup is that of the returned submittable.

    Raises InputError if ``func`` is not callable.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        /,
        *args: Any,
        raises_on_failure: bool | None = None,
        _allow_none: bool = False,
        **kwargs: Any,
    ) -> None:
        if not callable(func):
            raise InputError(f"a FuncGroup is made of a function, not of {func!r}")
        check_flag(raises_on_failure, "raises_on_failure of a FuncGroup")
        self.func = func
        self.args = list(args)
        self.kwargs = kwargs
        self.raises_on_failure = raises_on_failure
        self._allow_none = _allow_none
        self._captured = _captured_by(func)

    def __repr__(self) -> str:
        return f"FuncGroup({getattr(self.func, '__name__', self.func)!s})"

    def call(self) -> Submittable | None:
        """Call the function. Returns the submittable, or None if there is nothing to do. Raises NotSubmittable."""
        made = self.func(*self.args, **self.kwargs)
        if made is None and self._allow_none:
            return None
        submittable = as_submittable(
            made, f"the value that {getattr(self.func, '__name__', self.func)} returned to a FuncGroup"
        )
        if self.raises_on_failure is not None:
            submittable = scoped(submittable, "raises_on_failure", self.raises_on_failure)
        return submittable

    def propagate_attribute(self, attr: str, val: Any) -> None:
        if attr == "raises_on_failure":
            self.raises_on_failure = val

    def receive(self, value: Any) -> FuncGroup:
        twin = copy.copy(self)
        twin.args = [*self.args, value]
        return twin

    def calls(self) -> Sequence[Call]:
        """The call of the function, and those of submittables among its arguments. Its result is not known."""
        function, args, kwargs = self.func, [*self.args], {**self.kwargs}
        while isinstance(function, functools.partial):
            args, kwargs = [*function.args, *args], {**function.keywords, **kwargs}
            function = function.func
        name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"
        given = [each for each in (*args, *kwargs.values()) if isinstance(each, Submittable)]
        return [Call(name, function, args, kwargs, self._captured), *(call for each in given for call in each.calls())]

    def submit(self, executor: Executor) -> Future:
        return FuncFuture(self, executor)


def _captured_by(function: Any) -> dict[str, Any]:
    """The plain values of the variables around the function that it uses, by name, as they are now."""
    while isinstance(function, functools.partial):
        function = function.func
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # it has none yet
            continue
        if type(value) in _PLAIN:
            found[name] = value
    return found


_PLAIN = frozenset({str, int, float, bool, type(None), bytes, list, tuple, dict, set, frozenset, date, datetime})
