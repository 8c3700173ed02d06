"""The JSON form of values that JSON has no type for: dates, dataclasses, enums, paths, numbers of numpy, ...

Theory of operation
-------------------
``to_json`` is the hook of an encoder: it returns a value of a simpler kind, and the encoder looks into that one. Two
properties matter, since the text is recorded in the history, and compared with the text of a later evaluation:

- Equal values have equal text in each process. So the members of a set are sorted, and nothing depends on addresses.
- A value arrives whole or not at all. Values that would lose their meaning are refused: a missing time, a large array.

numpy, pandas and other libraries that are slow to load are looked up in ``sys.modules``. Where they were not imported,
there are no values of theirs.
"""

from __future__ import annotations

import datetime
import enum
import json
import os
import sys
import types
from typing import Any

MAX_ARRAY = 10_000
"""Members of an array that is encoded. A larger one belongs into a file."""


class NotJson(TypeError):
    """A value has no JSON form.

    Args:
        what: the kind of value, such as ``"a missing time"``.
        instead: the advice, with ``{give}`` for "return" or "pass".
    """

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(what)
        self.what = what
        self.instead = instead


def to_json(value: Any) -> Any:
    """Return the JSON form of a value that JSON has no type for. Raises TypeError or ValueError if it has none.

    A generator is used up by this.
    """
    kind = type(value)
    if (own := getattr(kind, "__json_value__", None)) is not None:
        return own(value)
    if isinstance(value, enum.Enum):
        return value.value
    if (wrapped := unwrapped(value)) is not value:
        return wrapped
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, datetime.date | datetime.time):
        return _time(value)
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, set | frozenset):
        return _sorted(value)
    if isinstance(value, types.GeneratorType):
        return list(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(kind, "__dataclass_fields__"):
        return _fields(value)
    if isinstance(value, _known("uuid", "UUID") + _known("decimal", "Decimal")):
        return str(value)
    if isinstance(value, _known("numpy", "generic")):
        return _scalar(value)
    if isinstance(value, _known("numpy", "ndarray")):
        return _array(value)
    raise TypeError


def unwrapped(value: Any) -> Any:
    """Return what a proxy, such as ``lazy_object_proxy.Proxy``, stands for; any other value as it is."""
    kind = type(value)
    return value.__wrapped__ if kind is not value.__class__ and hasattr(kind, "__wrapped__") else value


def _known(module: str, name: str) -> tuple[type, ...]:
    """The class of that name, if its module is loaded."""
    found = getattr(sys.modules.get(module), name, None)
    return () if found is None else (found,)


def _time(value: datetime.date | datetime.time) -> str:
    """The text that the existing library writes: milliseconds at most, and Z for UTC."""
    if value != value:
        raise NotJson("a missing time", "{give} None")
    if not isinstance(value, datetime.datetime | datetime.time):
        return value.isoformat()
    text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return text[:-6] + "Z" if isinstance(value, datetime.datetime) and text.endswith("+00:00") else text


def _fields(value: Any) -> dict[str, Any]:
    import dataclasses  # slow to load; a value that has come here has loaded it

    names = [each.name for each in dataclasses.fields(value)]
    try:
        return {name: getattr(value, name) for name in names}
    except AttributeError as error:
        raise NotJson(f"a dataclass without a value ({error})", "set all of its fields") from error


_MEMBER = json.JSONEncoder(default=to_json, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _sorted(values: set[Any] | frozenset[Any]) -> list[Any]:
    """Return the members of a set in an order that is always the same, so that its text is."""
    kinds = set(map(type, values))
    if kinds == {str} or kinds <= {int, float, bool}:
        return sorted(values)
    # By their texts first: where members cannot be ordered, or only some of them can (sets among them), that remains.
    pairs = sorted(((_MEMBER.encode(each), each) for each in values), key=lambda pair: pair[0])
    try:
        pairs = sorted(pairs, key=lambda pair: pair[1])
    except (TypeError, ValueError):
        pairs = sorted(pairs, key=lambda pair: (type(pair[1]).__name__, pair[0]))
    return [json.loads(text) for text, _ in pairs]


def _scalar(value: Any) -> Any:
    """A number, text or time of numpy as Python has it."""
    if value.dtype.kind in "mM":
        return _time_of_numpy(value)
    found = value.item()
    if type(found) is not type(value):
        return found
    if value.dtype.kind == "f":  # a number with more digits than Python has
        return float(value)
    raise TypeError


def _time_of_numpy(value: Any) -> Any:
    numpy = sys.modules["numpy"]
    if numpy.isnat(value):
        raise NotJson("a missing time", "{give} None")
    unit, _ = numpy.datetime_data(value.dtype)
    if value.dtype.kind == "M":
        precise = value.astype("datetime64[D]" if unit in ("Y", "M", "W", "D") else "datetime64[us]")
    elif unit in ("Y", "M", "generic"):
        raise NotJson("a duration without a length in seconds", "{give} a number")
    else:
        precise = value.astype("timedelta64[us]")
    found = precise.item()
    if isinstance(found, int):
        raise NotJson("a time beyond the years 1 to 9999", "{give} a number")
    return found


def _array(value: Any) -> Any:
    """An array of numpy as nested lists."""
    if value.size > MAX_ARRAY:
        raise NotJson(
            f"an array of {value.size} members, more than {MAX_ARRAY}", "save it to a file and {give} the file's path"
        )
    if value.dtype.kind in "mM" or value.dtype.char in "gG":  # ``tolist`` would give plain numbers, or no numbers
        return list(value) if value.ndim else value[()]
    return value.tolist()
