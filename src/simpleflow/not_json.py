"""The sentence of an error about a value that is not JSON: which part, where, of what type, and what to do instead."""

from __future__ import annotations

import functools
import io
import json
import re
import sys
import types
from collections.abc import AsyncIterable, Awaitable
from typing import Any

from simpleflow.json_values import NotJson, to_json, unwrapped
from simpleflow.shown_text import with_article

_EXPECTED = "expected text, numbers, true/false, None, lists, dicts with text keys, dates, sets or UUIDs"

_CALLABLE = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType, functools.partial
)  # fmt: skip


_LEAVES = frozenset({str, int, float, bool, type(None)})


def culprit(value: Any, give: str) -> str:
    """Return a sentence that names the first part of the value that is not JSON.

    ``give``: the verb for the author of the value, "return" or "pass".
    """
    found = _find(value, "", set())
    if found is None:
        if (twice := key_given_twice(value)) is not None:
            return twice
        return (
            f"{_short(value)} (it contains itself, is nested too deeply, its keys cannot be ordered, or a generator in "
            "it yields such a value)"
        )
    path, bad, why, instead = found
    if len(path) > 80:
        path = "..." + path[-60:]
    location = f" at {path}" if path else ""
    return f"{_short(bad)}{location} is {why}; {_EXPECTED if instead is None else instead.format(give=give)}"


def key_given_twice(value: Any) -> str | None:
    """A sentence about two keys of a dict that are the same text in JSON, such as 1 and "1"; None if there are none."""
    if isinstance(value, dict):
        texts: dict[str, Any] = {}
        for key, each in value.items():
            text = key if isinstance(key, str) else json.dumps(key)
            if text in texts:
                return f"its keys {texts[text]!r} and {key!r} are both {json.dumps(text)} in JSON; use one of them"
            texts[text] = key
            if (found := key_given_twice(each)) is not None:
                return found
    elif isinstance(value, list | tuple):
        return next(filter(None, map(key_given_twice, value)), None)
    elif type(value) in _LEAVES:  # most values, so this saves half of the time
        return None
    elif hasattr(type(value), "__dataclass_fields__") or unwrapped(value) is not value:
        return key_given_twice(to_json(value))
    return None


_Found = tuple[str, Any, str, str | None]
"""Where a value is, the value, what it is, and what to do instead (None: nothing special)."""


def _find(value: Any, path: str, above: set[int]) -> _Found | None:
    if isinstance(value, str | bool) or value is None:
        return None
    if isinstance(value, int):
        try:
            int.__repr__(value)
        except ValueError:
            return path, value, f"an integer of more than {sys.get_int_max_str_digits()} digits", "{give} its text"
        return None
    if isinstance(value, float):
        finite = value == value and value not in (float("inf"), float("-inf"))
        return None if finite else (path, value, "a number that JSON cannot hold", "{give} None or text")
    if id(value) in above:
        return path, value, "inside itself", None
    if len(above) > 500:
        return path, value, "nested too deeply", None
    above = above | {id(value)}
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str | int | float | bool) and key is not None:
                return path, key, f"a key of type {_type_name(key)}", "make it text, such as str(key)"
            if (found := _find(each, f"{path}[{key!r}]", above)) is not None:
                return found
        return None
    if isinstance(value, list | tuple | set | frozenset):
        for index, each in enumerate(value):
            if (found := _find(each, f"{path}[{index}]", above)) is not None:
                return found
        return None
    try:
        simpler = to_json(value)
    except NotJson as error:
        return path, value, error.what, error.instead
    except (TypeError, ValueError):
        return path, value, with_article(_type_name(value)), _instead(value)
    if isinstance(value, types.GeneratorType):  # what it has yielded is gone
        return None
    return _find(simpler, path, above)


def _instead(value: Any) -> str | None:
    """The advice for this value, with ``{give}`` for the verb; None if there is no special advice."""
    kind = type(value)
    name = kind.__name__
    if isinstance(value, type):
        return "{give} its name or an instance" if value.__module__ != "builtins" else None
    if isinstance(value, _CALLABLE) or name == "Activity":
        return "call it and {give} its result, or {give} its name"
    if isinstance(value, types.ModuleType):
        return "{give} its name, or values from it"
    if isinstance(value, Awaitable):
        return "await it and {give} its result"
    if isinstance(value, AsyncIterable):
        return "{give} a list: [each async for each in ...]"
    if isinstance(value, io.IOBase) or hasattr(kind, "readline"):
        return "{give} its path or its contents"
    if name in ("DataFrame", "LazyFrame", "Table", "Dataset", "DataArray"):
        return "write it to a file and {give} the file's path, or {give} a few rows, such as value.to_dict('records')"
    if name in ("Period", "Interval", "Fraction") or kind.__module__ == "ipaddress":  # the first two are of pandas
        return "{give} str(value)"
    if name == "NAType":
        return "{give} None"
    if isinstance(value, bytes):
        return "write it to a file and {give} the file's path, or {give} base64.b64encode(value).decode()"
    if isinstance(value, bytearray | memoryview):
        return "{give} bytes(value)"
    if isinstance(value, complex):
        return "{give} [value.real, value.imag]"
    if isinstance(value, BaseException):
        return "raise it, or {give} str(value)"
    for attribute, call in _CALLS:
        if hasattr(kind, attribute):
            return f"{{give}} {call}"
    return None


_CALLS = (
    ("model_dump", "value.model_dump(mode='json')"),
    ("__attrs_attrs__", "attrs.asdict(value)"),
    ("__struct_fields__", "msgspec.structs.asdict(value)"),
    ("tolist", "value.tolist()"),
    ("keys", "dict(value)"),
    ("__iter__", "list(value)"),
)
"""How values of classes with such an attribute are made JSON."""


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _short(value: Any) -> str:
    try:
        text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # the address differs each time
    except Exception:  # noqa: BLE001 (a class's own repr may raise anything)
        return f"a value of type {_type_name(value)}"
    text = " ".join(text.split())  # an error is one line
    return text if len(text) <= 60 else text[:57] + "..."
