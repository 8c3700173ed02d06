"""The input from ``-p NAME=VALUE``: values by the names of the parameters of ``run``, converted by their annotations.

A text is tried in the ways in which it may be meant, and the first value that fits the annotation counts. Text that
begins like a JSON list or object is read as JSON first, and any other text as the value itself.
"""

from __future__ import annotations

import datetime
import inspect
import json
import os
import types
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from simpleflow import parameters, values
from simpleflow.cli import parameter_fields, suggestions
from simpleflow.cli.workflow_input import check_input, parse_json
from simpleflow.exceptions import InputError, NotEncodable
from simpleflow.parameters import ANY, Unsupported

if TYPE_CHECKING:
    from simpleflow.workflow import Workflow

_PLAIN = (str, int, float, bool, type(None))
_EXAMPLES = {
    "bool": "true",
    "date": "2026-11-23",
    "datetime": "2026-11-23T19:54:17",
    "time": "19:54:17",
    "timedelta": "PT90S",
    "Decimal": "1.50",
    "UUID": "12345678-1234-5678-1234-567812345678",
}
"""By the name of a type, since the modules of some are slow to load."""
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def complete_input(workflow_class: type[Workflow], given: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """Return the input with the parameters in ``texts`` added, each ``NAME=VALUE``.

    Raises InputError if ``run`` has no such parameter, if a value does not fit its annotation, if a parameter is given
    twice, or if ``run`` does not accept the arguments as a whole.
    """
    added: dict[str, Any] = {}
    typed = []
    for text in texts:
        name, value = _split(text)
        kind = _type_of(workflow_class, name)
        if name in added or name in given["kwargs"]:
            raise InputError(f"parameter {name!r} is given twice; give it once")
        found = _value(value, kind, f"-p {_shortened(text)}")
        added[name], is_typed = _recorded(found, f"-p {_shortened(text)}")
        if is_typed:
            typed.append(name)
    whole = {**given, "args": given["args"], "kwargs": given["kwargs"] | added}
    if typed:
        whole[parameters.TYPED] = sorted(typed)
    check_input(workflow_class, whole)
    return whole


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"-p {text!r} is no parameter; expected NAME=VALUE, such as day=mon")
    return name.strip(), value


def _type_of(workflow_class: type[Workflow], name: str) -> Any:
    """Return the type of a parameter of ``run``. Raises InputError if it has none of that name."""
    signature = list(inspect.signature(workflow_class.run).parameters.values())[1:]
    kinds = parameters.types_of(workflow_class.run)
    known = [each.name for each in signature if each.kind in _BY_NAME]
    if name in known:
        return kinds[name]
    others = [each.name for each in signature if each.kind is inspect.Parameter.VAR_KEYWORD]
    if others:
        return kinds[others[0]]
    has = f"it has {', '.join(known)}" if known else "it has none"
    raise InputError(f"{workflow_class.__name__}.run has no parameter {name!r}{suggestions.of(name, known)}; {has}")


def _value(text: str, kind: Any, what: str) -> Any:
    """Return the value of a type that a text stands for. ``what`` names the text in errors. Raises InputError."""
    if kind is ANY:
        return _any_value(text, what)
    why = ""
    try:
        for value, lax in _meanings(text, kind):
            try:
                found = parameters.convert(parameter_fields.checked(value, kind), kind, lax)
            except ValueError as error:
                why = _why(error, value) or why
                continue
            if lax and isinstance(found, datetime.datetime) and text.strip().lstrip("+-").replace(".", "").isdigit():
                continue  # a year is not meant as seconds since 1970
            return found
    except Unsupported:
        return _any_value(text, what)
    if text.lstrip()[:1] in ("[", "{"):
        parse_json(text, what)  # if it is no JSON, its error says where
    raise InputError(f"{what}: expected {_described(kind)}{why}")


def _meanings(text: str, kind: Any) -> Iterator[tuple[Any, bool]]:
    """Yield what a text may mean, and whether it may stand for a number, a boolean or null, the most likely first."""
    looks_like_json = text.lstrip()[:1] in ("[", "{") and kind is not str
    if looks_like_json:
        yield from _json(text)
    members = parameters.enum_of(kind)
    if members is not None:
        yield parameter_fields.named_member(text, members), False
    yield text, True
    for each in (datetime.datetime, datetime.time):
        if each in (kind, *get_args(kind)):
            try:  # more forms than RFC 3339 has: no seconds, a date alone
                yield each.fromisoformat(text).isoformat(), False
            except ValueError:
                pass
    if not looks_like_json:
        yield from _json(text)


def _json(text: str) -> Iterator[tuple[Any, bool]]:
    try:
        yield parse_json(text, ""), False
    except InputError:
        pass


def _any_value(text: str, what: str) -> Any:
    """Return a text as JSON, or as it is if it is no JSON and does not begin like some."""
    if text.lstrip()[:1] in ("[", "{", '"'):
        return parse_json(text, what)
    return next((value for value, _ in _json(text)), text)


def _recorded(value: Any, what: str) -> tuple[Any, bool]:
    """Return a value as JSON, and whether ``run`` has to receive it as a value of the parameter's type."""
    try:
        found = parameters.to_json(value)
        values.encode(found, what)
    except Unsupported as error:
        raise InputError(f"{what}: {error}") from error
    except NotEncodable as error:  # it names the text
        raise InputError(str(error)) from error
    return found, not _is_plain(value)


def _is_plain(value: Any) -> bool:
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _is_plain(each) for key, each in value.items())
    return type(value) in _PLAIN


def _described(kind: Any) -> str:
    name, hint = _name_and_hint(kind)
    return name + hint


def _name_and_hint(kind: Any) -> tuple[str, str]:
    """Return how messages call a type, and what to write for it."""
    if get_origin(kind) is Annotated:
        return _name_and_hint(get_args(kind)[0])
    members = parameters.enum_of(kind)
    if members is not None:
        return "one of " + ", ".join(str(each.value) for each in members), ""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind))), ""
    if get_origin(kind) in (Union, types.UnionType):
        others = [each for each in get_args(kind) if each is not type(None)]
        if len(others) == 1:
            name, hint = _name_and_hint(others[0])
            return f"{name} | None", hint
    if isinstance(kind, type) and issubclass(kind, tuple) and (named := getattr(kind, "_fields", None)):
        return kind.__name__, f" as a JSON list of {', '.join(named)}"
    if (fields := parameter_fields.fields_of(kind)) is not None:
        return kind.__name__, f" as JSON with the fields {', '.join(fields)}"
    if isinstance(kind, type) and kind.__name__ in _EXAMPLES:
        return kind.__name__, f", such as {_EXAMPLES[kind.__name__]}"
    return inspect.formatannotation(kind).replace("typing.", ""), _json_hint(kind)


def _json_hint(kind: Any) -> str:
    origin = get_origin(kind) or kind
    if origin in (list, tuple, set, frozenset):
        return f" as JSON, such as {_list_example(kind)}"
    return ' as JSON, such as {"key": 1}' if origin is dict else ""


def _list_example(kind: Any) -> str:
    """Return a JSON list that fits the type."""
    inner = get_args(kind)
    if get_origin(kind) is tuple and Ellipsis not in inner:
        return f"[{', '.join(map(_member_example, inner))}]"
    found = _member_example(inner[0]) if inner else "1"
    return "[1, 2]" if found == "1" else f"[{found}]"


def _member_example(kind: Any) -> str:
    """Return the JSON of a value that may be a member of such a list."""
    members = parameters.enum_of(kind)
    if members is not None:
        return json.dumps(next(iter(members)).value, default=str)
    if get_origin(kind) is Literal:
        return json.dumps(get_args(kind)[0])
    if kind is str or (isinstance(kind, type) and issubclass(kind, os.PathLike)):
        return '"a"'
    example = _EXAMPLES.get(kind.__name__) if isinstance(kind, type) else None
    return "1" if example is None else example if kind is bool else f'"{example}"'


def _why(error: ValueError, value: Any) -> str:
    """Return what does not fit inside a list or an object; the value as a whole is told by its type."""
    return f" ({error})" if isinstance(value, list | dict) else ""


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
