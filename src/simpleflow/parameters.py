"""The parameters of a workflow's ``run``: their types, and arguments that ``run`` receives as values of these types.

Arguments are JSON in the history, so a date is a text there. ``run`` receives an argument that the command line gave
by name as a value of the parameter's type. The input holds the names of such parameters under ``TYPED``, so that every
evaluation of the history makes the same values, and other inputs stay as they are.
"""

from __future__ import annotations

import enum
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin

from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.values import text_tuple

TYPED = RESERVED + "typed"

ANY = inspect.Parameter.empty
"""The type of a parameter of which nothing is known."""


class Unsupported(Exception):
    """Values of this type cannot be made from JSON."""


def types_of(run: Callable[..., Any]) -> dict[str, Any]:
    """Return the type of each parameter of a function by name: its annotation, or ``ANY``.

    Without an annotation, a parameter whose default is a text has the type ``str``. An annotation that cannot be
    evaluated here, because its names exist for type checkers alone, is ``ANY``.
    """
    scope = getattr(inspect.unwrap(run), "__globals__", {})
    found = {}
    for name, parameter in inspect.signature(run).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, str):
            try:
                kind = eval(kind, dict(scope))
            except Exception:  # noqa: BLE001 (evaluating an annotation may raise anything)
                kind = ANY
        if kind is ANY and isinstance(parameter.default, str):
            kind = str
        found[name] = ANY if kind is Any or kind is object else kind
    return found


def convert(value: Any, kind: Any, lax: bool = False) -> Any:
    """Return a JSON value as a value of a type. With ``lax``, a text may stand for a number, a boolean or null.

    Raises Unsupported if that type cannot be made from JSON, ValueError if the value does not fit.
    """
    import msgspec  # here, so that a program that only defines workflows does not load it

    if (members := enum_of(kind)) is not None:
        return _member(value, kind, members)
    try:
        return msgspec.convert(value, kind, strict=not lax, str_keys=True, dec_hook=_path)
    except (TypeError, NotImplementedError) as error:
        raise Unsupported(str(error)) from error
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def to_json(value: Any) -> Any:
    """Return a value that ``convert`` has made as JSON. Raises Unsupported."""
    import msgspec

    try:
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_text)
    except (TypeError, NotImplementedError) as error:
        raise Unsupported(str(error)) from error


def enum_of(kind: Any) -> type[enum.Enum] | None:
    """Return the Enum class of a type that is one, or one or None; else None."""
    if get_origin(kind) in (Union, types.UnionType):
        others = [each for each in get_args(kind) if each is not type(None)]
        kind = others[0] if len(others) == 1 else None
    return kind if isinstance(kind, type) and issubclass(kind, enum.Enum) else None


def restored(
    run: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], names: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of ``run``, those of the parameters ``names`` as values of their types.

    ``run`` is a bound method, ``names`` the content of ``TYPED``. Raises InputError for a value that does not fit.
    """
    wanted = set(text_tuple(names))
    if not wanted:
        return list(args), dict(kwargs)
    kinds = types_of(run)
    inputs = [*zip(kinds, args, strict=False)]
    positional = [_restored(name, each, kinds) if name in wanted else each for name, each in inputs]
    return [*positional, *args[len(inputs) :]], {
        name: _restored(name, each, kinds) if name in wanted else each for name, each in kwargs.items()
    }


def _restored(name: str, value: Any, kinds: Mapping[str, Any]) -> Any:
    kind = kinds.get(name, ANY)
    if kind is ANY or value is None:
        return value
    try:
        return convert(value, kind)
    except Unsupported:
        return value
    except ValueError as error:
        raise InputError(f"parameter {name!r} of run is {value!r}: {error}") from error


def _path(kind: Any, value: Any) -> Any:
    import pathlib  # here: slow to load, and few workflows need it

    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath) and isinstance(value, str):
        return kind(value)
    raise NotImplementedError(kind)


def _text(value: Any) -> str:
    import pathlib

    if isinstance(value, pathlib.PurePath):
        return str(value)
    raise NotImplementedError(type(value))


def _member(value: Any, kind: Any, members: type[enum.Enum]) -> Any:
    """Return the member of an Enum with this value; msgspec does not know Enums whose values are of several types."""
    if value is None and kind is not members:
        return None
    for each in members:
        if each.value == value and isinstance(each.value, bool) == isinstance(value, bool):
            return each
    raise ValueError(f"there is no such member of {members.__name__}")
