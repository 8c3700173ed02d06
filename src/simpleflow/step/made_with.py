"""The inputs that a step was made with: its arguments, the code of its activities, and the workflow's file.

A mark remembers them, so that a later run can tell whether it would do the same work. ``changes`` compares two.

Inputs count as they are known before the work begins. The work of a ``FuncGroup`` is not known then: its function and
arguments count instead. A future inside an argument, a generator and any other value that is not JSON count by their
type alone, since looking into them could wait, use them up, or give another text each time.
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from simpleflow import json_values, values
from simpleflow.activity import Activity
from simpleflow.base import Call
from simpleflow.code_names import lasting_name
from simpleflow.constants import RESERVED, UNKNOWN
from simpleflow.futures import Future, NotKept
from simpleflow.named_tuple import NamedTuple
from simpleflow.source import code_digest, source_file

OPAQUE = RESERVED + "opaque"
"""Key of the JSON object that stands for a value that is not JSON; its value is the name or the type of that value."""

NOT_KEPT = f"{NotKept.__module__}.{NotKept.__qualname__}"
"""What stands there for the value of a skipped step that is not known: it is taken for what it was."""

ALL = "*"
"""The name that stands for all activities, where they are too many to be named."""

MAX_ARGUMENTS = 4_096
"""Characters of arguments that a mark keeps as text; of longer ones it keeps the digest."""

MAX_MARKER_ARGUMENTS = 500
"""The same for the marker ``scheduled``, which is written for each step."""

_PLAIN = frozenset({str, int, bool, type(None)})  # types that every encoder writes alike
_quick_encode = msgspec.json.Encoder().encode
_DIGEST = "sha256:"
_MAX_ACTIVITIES = 20  # of which each is named


class MadeWith(NamedTuple):
    """The inputs of a step."""

    arguments: str
    """The calls that are known beforehand, as canonical JSON: a list of ``[name, args]``, ``[name, args, kwargs]``, or
    ``[name, args, kwargs, values that the function captures]``. Or its digest."""

    activities: Mapping[str, str]
    """The digest of the code of each activity, child workflow or function, by its name."""

    file: str | None = None
    """The file that defines the workflow (``source_file``); None if it has none."""

    def in_short(self) -> MadeWith:
        """The same as a mark keeps it: long arguments are given by their digest."""
        if len(self.arguments) <= MAX_ARGUMENTS:
            return self
        return self._replace(arguments=shortened(self.arguments, MAX_ARGUMENTS))

    def to_json(self, longest: int = MAX_ARGUMENTS) -> dict[str, Any]:
        """The content of a mark or marker; arguments of more than ``longest`` characters are given by their digest."""
        found: dict[str, Any] = {"arguments": shortened(self.arguments, longest), "activities": self.activities}
        if self.file is not None:
            found["file"] = self.file
        return found


def of_calls(calls: Sequence[Call], file: str | None) -> MadeWith:
    """The inputs of work that makes these calls."""
    call = calls[0] if len(calls) == 1 else None
    if call is not None and not (call.kwargs or call.captured) and _PLAIN.issuperset(map(type, call.args)):  # quickly
        try:
            name = lasting_name(call.name)
            text = _quick_encode([[name, call.args]]).decode()
            return MadeWith(text, {} if call.code is None else _activity(name, call.code), file)
        except (UnicodeEncodeError, OverflowError, TypeError):
            pass  # half of a surrogate pair, a large number, a function that cannot be a key
    text = _encode([_content(each) for each in calls]) or _encode([_content(_known(each)) for each in calls]) or "[]"
    activities = {lasting_name(each.name): _code(each.code) for each in calls if each.code is not None}
    if len(activities) > _MAX_ACTIVITIES:
        digests = json.dumps(activities, sort_keys=True)
        activities = {ALL: values.digest(digests)[:16]}
    return MadeWith(text, activities, file)


def parse(content: object) -> MadeWith | None:
    """The inputs in a mark or marker; None if it does not say them all."""
    if not isinstance(content, Mapping):
        return None
    arguments, activities, file = content.get("arguments"), content.get("activities"), content.get("file")
    if not isinstance(arguments, str) or not isinstance(activities, Mapping):
        return None
    if not all(isinstance(each, str) for each in activities.values()):
        return None
    return MadeWith(arguments, activities, file if isinstance(file, str) else None)


def check_known(calls: Iterable[Call]) -> None:
    """Raise ResultNotKept if a call needs the value of a skipped step that is not known."""
    for call in calls:
        for each in (*call.args, *call.kwargs.values()):
            if isinstance(each, NotKept):
                each.__json_value__()


def shortened(arguments: str, longest: int) -> str:
    """The arguments, or their digest if they are long."""
    if len(arguments) <= longest or is_digest(arguments):
        return arguments
    if UNKNOWN in arguments or NOT_KEPT in arguments:  # these parts are looked for
        return arguments
    return _DIGEST + values.digest(arguments)


def is_digest(arguments: str) -> bool:
    """True if the arguments are given by their digest."""
    return arguments.startswith(_DIGEST)


def same_arguments(one: str, other: str) -> bool:
    """True if two texts of arguments, each of which may be a digest, stand for the same arguments."""
    if one == other:
        return True
    if is_digest(one) == is_digest(other):
        return False
    return shortened(one, 0) == shortened(other, 0)


@functools.lru_cache(maxsize=4_096)
def _activity(name: str, code: Any) -> dict[str, str]:
    return {name: _code(code)}


def _code(code: Any) -> str:
    known = isinstance(code, type | types.FunctionType | types.MethodType | types.BuiltinFunctionType)
    return _code_digest(code if known else type(code))  # type: ignore[arg-type]


@functools.lru_cache(maxsize=1_024)
def file_of(workflow_class: type) -> str | None:
    """The file that defines a workflow class, see ``source_file``."""
    return source_file.of_class(workflow_class)


@functools.lru_cache(maxsize=4_096)
def _code_digest(code: Hashable) -> str:
    return code_digest.of_callable(code)  # type: ignore[arg-type]


def _encode(value: Any) -> str | None:
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return None


def _content(call: Call) -> list[Any]:
    captured = {key: each for key, each in call.captured.items() if _is_plain(each)}
    rest = [call.kwargs, captured] if captured else [call.kwargs] if call.kwargs else []
    return [lasting_name(call.name), call.args, *rest]


def _is_plain(captured: Any) -> bool:
    """True if a value that a function captures is told by its JSON. A list of steps is not: they have marks."""
    text = _encode(captured)
    return text is not None and OPAQUE not in text


def _known(call: Call) -> Call:
    """The call, where an argument as a whole counts by its type if it is not JSON."""
    return call._replace(
        args=[each if _encode(each) is not None else _opaque(each) for each in call.args],
        kwargs={str(key): each if _encode(each) is not None else _opaque(each) for key, each in call.kwargs.items()},
    )


def _default(value: Any) -> Any:
    """A value that JSON has no type for: as ``values`` encodes it, if that has no effect and is always the same."""
    if isinstance(value, types.GeneratorType | Future | NotKept):
        return _opaque(value)
    try:
        return json_values.to_json(value)
    except Exception:  # noqa: BLE001 (a class's own ``__json_value__`` may raise anything)
        return _opaque(value)


def _opaque(value: Any) -> dict[str, str]:
    if isinstance(value, Activity):
        return {OPAQUE: value.name}
    named = value if isinstance(value, type | types.FunctionType) else type(value)
    return {OPAQUE: f"{named.__module__}.{named.__qualname__}"}


_ENCODER = json.JSONEncoder(
    default=_default, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
)


def as_text(activities: Iterable[str]) -> list[str]:
    """The names of activities as people write them: without their modules, unless two would be alike."""
    names = list(activities)
    short = {name: name.rpartition(".")[2] for name in names}
    counts = list(short.values())
    return [short[name] if counts.count(short[name]) == 1 and short[name] else name for name in names]
