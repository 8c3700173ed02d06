"""The fields in a value of ``-p``: those of dataclasses and of TypedDicts, and members of Enums by their names."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from simpleflow import parameters
from simpleflow.cli import suggestions


def checked(value: Any, kind: Any, where: str = "$") -> Any:
    """Return a JSON value that is meant for a type, with the values of Enum members for their names.

    ``where`` is the path of the value in the whole. Raises ValueError for a field that the type does not have: it would
    be left out otherwise, and may be misspelt.
    """
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin in (Union, types.UnionType):
        inner = tuple(each for each in inner if each is not type(None))
        return checked(value, inner[0], where) if len(inner) == 1 else value
    if isinstance(value, list) and inner:
        kinds = inner if origin is tuple and Ellipsis not in inner else inner[:1] * len(value)
        pairs = zip(value, kinds, strict=False)
        found = [checked(each, kind, f"{where}[{number}]") for number, (each, kind) in enumerate(pairs)]
        return [*found, *value[len(found) :]]
    if isinstance(value, dict):
        if (fields := fields_of(origin)) is not None:
            return {key: checked(each, _kind(key, origin, fields), f"{where}.{key}") for key, each in value.items()}
        if origin is dict and len(inner) == 2:
            return {key: checked(each, inner[1], f"{where}[{key!r}]") for key, each in value.items()}
    if isinstance(value, str) and (members := parameters.enum_of(kind)) is not None:
        return named_member(value, members)
    return value


def named_member(text: str, members: Any) -> Any:
    """Return the value of the member of an Enum that has this name, unless the text is itself the value of one."""
    if text in members.__members__ and all(each.value != text for each in members):
        return members[text].value
    return text


def fields_of(kind: Any) -> Mapping[str, Any] | None:
    """Return the types of the fields of a dataclass or a TypedDict by name; None for another type."""
    is_dataclass = isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
    if not is_dataclass and not is_typeddict(kind):
        return None
    try:
        hints = get_type_hints(kind)
    except Exception:  # noqa: BLE001 (evaluating an annotation may raise anything)
        return None
    if not is_dataclass:
        return hints
    import dataclasses  # loaded already, by the module of the class

    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}


def _kind(name: str, owner: Any, fields: Mapping[str, Any]) -> Any:
    if name not in fields:
        raise ValueError(
            f"{owner.__name__} has no field {name!r}{suggestions.of(name, fields)}; it has {', '.join(fields)}"
        )
    return fields[name]
