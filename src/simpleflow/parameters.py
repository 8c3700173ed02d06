"""The parameters of a workflow's ``run``: their types, and arguments that ``run`` receives as values of these types.

Arguments are JSON in the history, so a date is a text there. ``run`` receives an argument that the command line gave
by name as a value of the parameter's type. The input holds the names of such parameters under ``TYPED``, so that every
evaluation of the history makes the same values, and other inputs stay as they are.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from simpleflow import values
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError, NotEncodable
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

    msgspec refuses a type that holds an Enum whose values are of several types. Then the parts are converted one by
    one.
    """
    import msgspec  # here, so that a program that only defines workflows does not load it

    if (members := enum_of(kind)) is not None:
        return _member(value, kind, members)
    try:
        return msgspec.convert(value, kind, strict=not lax, str_keys=True, dec_hook=_path)
    except (TypeError, NotImplementedError) as error:
        return _by_parts(value, kind, lax, error)
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
        for known in (each.value, _as_json(each.value)):
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return each
    raise ValueError(f"there is no such member of {members.__name__}")


def _as_json(value: Any) -> Any:
    """Return the value of a member of an Enum as a history has it: a tuple is a list there, and a date is a text."""
    try:
        return values.decode(values.encode(value, "value"))
    except NotEncodable:
        return value


def _by_parts(value: Any, kind: Any, lax: bool, error: Exception) -> Any:
    """Convert a value part by part. ``error`` says why msgspec cannot. Raises as ``convert`` does."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is Annotated:
        return convert(value, inner[0], lax)
    if origin in (Union, types.UnionType):
        return _alternative(value, inner, lax, error)
    if hasattr(origin, "__dataclass_fields__"):
        return _dataclass(value, kind, lax, error)
    if is_typeddict(origin):
        return _fields(value, _hints(origin, error), origin.__required_keys__, lax)
    if not inner:
        raise Unsupported(str(error)) from error
    if origin in (dict, collections.abc.Mapping, collections.abc.MutableMapping) and len(inner) == 2:
        _check(value, dict, "object")
        return {_key(key, inner[0]): _part(each, inner[1], lax, repr(key)) for key, each in value.items()}
    if origin is tuple and Ellipsis not in inner:
        _check(value, list, "array")
        if len(value) != len(inner):
            raise ValueError(f"Expected `array` of length {len(inner)}, got {len(value)}")
        return tuple(_part(each, of, lax, at) for at, (each, of) in enumerate(zip(value, inner, strict=True)))
    made = list if origin in (collections.abc.Sequence, collections.abc.Iterable) else origin
    if made in (list, set, frozenset, tuple):
        _check(value, list, "array")
        return made(_part(each, inner[0], lax, at) for at, each in enumerate(value))
    raise Unsupported(str(error)) from error


def _part(value: Any, kind: Any, lax: bool, at: object) -> Any:
    try:
        return value if kind is Any else convert(value, kind, lax)
    except ValueError as error:
        raise ValueError(f"{error} - at {at}") from error


def _key(text: str, kind: Any) -> Any:
    """Return the key of an object, which is a text, as a value of a type."""
    members = enum_of(kind)
    if members is None:
        return convert(text, kind, lax=True)
    for each in members:
        if text == str(_as_json(each.value)):
            return each
    raise ValueError(f"there is no such member of {members.__name__}: {text!r}")


def _alternative(value: Any, kinds: Sequence[Any], lax: bool, error: Exception) -> Any:
    """Return the value as the one type of several that it fits. Raises Unsupported if that is not one."""
    if value is None and type(None) in kinds:
        return None
    fitting = []
    failed: ValueError | None = None
    for kind in kinds:
        try:
            fitting.append(convert(value, kind, lax))
        except ValueError as wrong:
            failed = None if kind is type(None) else wrong
    if not fitting and failed is not None and len(kinds) == 2 and type(None) in kinds:
        raise failed
    if not fitting:
        raise ValueError(f"Expected {' or '.join(getattr(kind, '__name__', str(kind)) for kind in kinds)}")
    if len(fitting) > 1:
        raise Unsupported(str(error)) from error
    return fitting[0]


def _dataclass(value: Any, kind: Any, lax: bool, error: Exception) -> Any:
    import dataclasses  # loaded already, by the module of the class

    fields = [each for each in dataclasses.fields(kind) if each.init]
    hints = _hints(kind, error)
    required = {
        each.name
        for each in fields
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    }
    return kind(**_fields(value, {each.name: hints[each.name] for each in fields}, required, lax))


def _fields(value: Any, kinds: Mapping[str, Any], required: Collection[str], lax: bool) -> dict[str, Any]:
    """Return the fields of an object as values of their types. Others are left out, as msgspec does."""
    _check(value, dict, "object")
    for name in kinds:
        if name in required and name not in value:
            raise ValueError(f"Object missing required field `{name}`")
    return {name: _part(value[name], kind, lax, f"`{name}`") for name, kind in kinds.items() if name in value}


def _hints(kind: Any, error: Exception) -> dict[str, Any]:
    try:
        return get_type_hints(kind)
    except Exception:  # noqa: BLE001 (evaluating an annotation may raise anything)
        raise Unsupported(str(error)) from error


def _check(value: Any, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise ValueError(f"Expected `{name}`, got `{type(value).__name__}`")
