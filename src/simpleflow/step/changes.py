"""Changes since a step was done: its arguments, the code of its activities, or the workflow's file.

By default, a done step is skipped by its name, and a change is reported. ``RUN`` runs steps whose arguments or code
have changed.
"""

from __future__ import annotations

import inspect
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simpleflow.base import AbstractWorkflow, Call
from simpleflow.code_names import lasting_name
from simpleflow.constants import UNKNOWN
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.constants import ARGUMENTS, ARGUMENTS_CHANGED, CODE, CODE_CHANGED, FILE
from simpleflow.step.made_with import ALL, NOT_KEPT, OPAQUE, MadeWith, as_text, is_digest, same_arguments

TELL, RUN, IGNORE = "tell", "run", "ignore"
MODES = (TELL, RUN, IGNORE)
"""The values of ``step_changes`` and of the setting SIMPLEFLOW_STEP_CHANGES."""

_LONGEST = 60  # characters of a value
_SHOWN = 3  # differences that are named


class Change(NamedTuple):
    """One kind of change. Both texts are empty if it is not known what exactly has changed."""

    text: str  # "day='mon' (now 'tue')"
    reason: str  # "day 'mon' -> 'tue'"


class Changes(NamedTuple):
    """The changes of a step. Each is None if there is none of its kind."""

    arguments: Change | None = None
    code: Change | None = None
    file: Change | None = None
    unknown: bool = False  # the arguments hold the unknown result of a plan: they may have changed

    def texts(self) -> dict[str, str]:
        """The changes by kind, for the marker of the skipped step."""
        found = {ARGUMENTS: self.arguments, CODE: self.code, FILE: self.file}
        return {kind: change.text for kind, change in found.items() if change is not None}

    def reasons(self) -> list[str]:
        """The reasons for which the step runs, if changed steps do; a changed file is none."""
        found = []
        if self.arguments is not None or self.unknown:
            found.append(_reason(ARGUMENTS_CHANGED, self.arguments))
        if self.code is not None:
            found.append(_reason(CODE_CHANGED, self.code))
        return found


def check_mode(mode: object) -> str:
    """Return ``mode`` if it is one of ``MODES``. Raises InputError."""
    if isinstance(mode, str) and mode in MODES:
        return mode
    raise InputError(f"step_changes is {mode!r}; expected one of {', '.join(map(repr, MODES))}, or None")


def compare(before: MadeWith, now: MadeWith, calls: Sequence[Call]) -> Changes | None:
    """The changes between the inputs that a step was made with and those that it has now; None if there are none.

    ``calls`` are those that it makes now; the names of their parameters stand in the texts.
    """
    unknown = False
    arguments = code = file = None
    if not same_arguments(before.arguments, now.arguments):
        arguments, unknown = _arguments(before.arguments, now.arguments, calls)
    if before.activities != now.activities:
        code = _code(before.activities, now.activities)
    if None not in (before.file, now.file) and before.file != now.file:
        file = Change(f"{before.file} (now {now.file})", f"{before.file} -> {now.file}")
    found = Changes(arguments, code, file, unknown)
    return found if any(found) else None


# Code


def _code(before: Mapping[str, str], now: Mapping[str, str]) -> Change | None:
    if ALL in (*before, *now):
        return Change("", "")
    edited = [name for name, digest in now.items() if before.get(name, digest) != digest]
    gone = [name for name in before if name not in now]
    new = [name for name in now if name not in before]
    texts = as_text(edited)
    if gone or new:
        names = as_text([*gone, *new])  # in full where both have the same name in different modules
        was, is_ = _some(names[: len(gone)]) or "nothing", _some(names[len(gone) :]) or "nothing"
        return Change(
            _some([*texts, f"{was} (now {is_})"]),
            _some([*texts, f"{was} -> {is_}"]),
        )
    return Change(_some(texts), _some(texts))


# Arguments


class _Recorded(NamedTuple):
    """A call as it stands in ``MadeWith.arguments``."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    captured: dict[str, Any]


_ABSENT = object()


def _arguments(before: str, now: str, calls: Sequence[Call]) -> tuple[Change | None, bool]:
    """The change of the arguments, and True if unknown results stand where they may differ."""
    old, new = _read(before), _read(now)
    if old is None or new is None:
        return (None, UNKNOWN in now) if UNKNOWN in now or NOT_KEPT in now else (Change("", ""), False)
    if [each.name for each in old] == [each.name for each in new]:
        return _by_parameter(old, new, calls)
    gone, added = Counter(map(_as_call, old)), Counter(map(_as_call, new))
    was, is_ = _some(gone - added), _some(added - gone)
    if not {each.name for each in old} & {each.name for each in new}:
        return None, False  # other activities altogether: that is a change of the code
    return Change(f"{was or 'nothing'} (now {is_ or 'nothing'})", f"{was or 'nothing'} -> {is_ or 'nothing'}"), False


def _by_parameter(
    old: Sequence[_Recorded], new: Sequence[_Recorded], calls: Sequence[Call]
) -> tuple[Change | None, bool]:
    """The change where the same activities are called, in the same order: name each parameter that differs."""
    texts, reasons, unknown, differs = [], [], False, False
    every = list(dict.fromkeys(each.name for each in new))
    names = dict(zip(every, as_text(every), strict=True))
    for at, (one, other) in enumerate(zip(old, new, strict=True)):
        code = calls[at].code if at < len(calls) and lasting_name(calls[at].name) == other.name else None
        head = f"{names[other.name]}: " if len(new) > 1 else ""
        was, is_ = _bind(code, one), _bind(code, other)
        if one.captured and other.captured:  # else a mark of an earlier version says nothing of them
            was, is_ = {**one.captured, **was}, {**other.captured, **is_}
        for parameter in dict.fromkeys([*was, *is_]):
            a, b = was.get(parameter, _ABSENT), is_.get(parameter, _ABSENT)
            if _same(a, b):
                continue
            if b is not _ABSENT and (NOT_KEPT in (text := _canonical(b)) or UNKNOWN in text):
                unknown = unknown or UNKNOWN in text
                continue
            differs = True
            shown_a, shown_b = show(a), show(b)
            if shown_a == shown_b:
                shown_b = "another one that begins alike"
            texts.append(f"{head}{parameter}={shown_a} (now {shown_b})")
            reasons.append(f"{head}{parameter} {shown_a} -> {shown_b}")
    return (Change(_some(texts), _some(reasons)) if differs else None), unknown


def _read(text: str) -> list[_Recorded] | None:
    """The calls in a text of arguments; None if it is a digest."""
    if is_digest(text):
        return None
    try:
        every = ((name, args, *rest, {}, {}) for name, args, *rest in json.loads(text))
        return [_Recorded(name, args, dict(kwargs), dict(captured)) for name, args, kwargs, captured, *_ in every]
    except (ValueError, TypeError, RecursionError):
        return None


def _bind(code: Any, call: _Recorded) -> dict[str, Any]:
    """The arguments by the names of the parameters; by number where the function does not take them."""
    try:
        signature = inspect.signature(code.run if _is_workflow(code) else code)
        given = [None, *call.args] if _is_workflow(code) else call.args
        bound = signature.bind_partial(*given, **call.kwargs)
        bound.apply_defaults()
        found = dict(list(bound.arguments.items())[1 if _is_workflow(code) else 0 :])
    except (TypeError, ValueError, AttributeError):
        found = {f"argument {number}": each for number, each in enumerate(call.args, 1)} | call.kwargs
    return found


def _is_workflow(code: Any) -> bool:
    return isinstance(code, type) and issubclass(code, AbstractWorkflow)


def _same(a: Any, b: Any) -> bool:
    if a is _ABSENT or b is _ABSENT:
        return a is b
    return _canonical(a) == _canonical(b)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def show(value: Any) -> str:
    """A value as Python writes it, in one line, shortened."""
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, dict) and value.keys() == {OPAQUE}:
        return f"<{value[OPAQUE]}>"
    shown = repr(list(value) if isinstance(value, tuple) else value)  # the parameter ``*args``
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."


def _as_call(call: _Recorded) -> str:
    named = {**call.captured, **call.kwargs}
    shown = ", ".join([*map(show, call.args), *(f"{key}={show(each)}" for key, each in named.items())])
    whole = f"{call.name.rpartition('.')[2]}({shown})"
    return whole if len(whole) <= 2 * _LONGEST else whole[: 2 * _LONGEST - 3] + "..."


def _some(texts: Iterable[str]) -> str:
    found = list(texts)
    shown = ", ".join(found[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown} and {len(found) - _SHOWN} more"


def _reason(word: str, change: Change | None) -> str:
    return f"{word}: {change.reason}" if change is not None and change.reason else word
