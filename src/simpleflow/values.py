"""Encoding of the values that pass between a workflow and its tasks: JSON, the same on every engine.

Theory of operation
-------------------
Arguments, results, details and marker contents are recorded in the history as text. Three properties matter:

- Encoding is deterministic. A workflow is evaluated again over its history, and the same value must give the same
  bytes each time. So sets, which have no order, are sorted; dicts keep the order of their keys. ``canonical`` goes
  further and sorts keys too, for digests of equal arguments.
- Encoding is strict. Besides JSON's own types it accepts those of ``json_values``, such as dates (as text), sets (as
  sorted lists) and objects with ``__json_value__``, such as futures (as their result). They come back as JSON's types.
  Anything else, NaN and the infinities raise NotEncodable, which names the offending part (``not_json``).
- Decoding is lenient. Another library may have written the text: text that is not JSON comes back as it is.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from simpleflow import not_json
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError, NotEncodable
from simpleflow.json_values import to_json, unwrapped
from simpleflow.shown_text import value_text

_ENCODER = json.JSONEncoder(default=to_json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ASCII_ENCODER = json.JSONEncoder(default=to_json, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
_CANONICAL = json.JSONEncoder(
    default=to_json, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True
)


_KEY_OF_ANOTHER_TYPE = re.compile(r'"(?:-?[0-9.]+(?:e[+-]?[0-9]+)?|true|false|null)":', re.IGNORECASE)
"""A key of an object in JSON text that may have been a number, a boolean or None."""


def _encode(encoder: json.JSONEncoder, value: Any, label: str) -> str:
    try:
        text = encoder.encode(unwrapped(value))  # the encoder takes the proxy of a text for a text
    except (TypeError, ValueError, RecursionError, UnicodeDecodeError) as error:
        give = "return" if label.startswith("result") else "pass"
        raise NotEncodable(f"{label} is not JSON: {not_json.culprit(value, give)}") from error
    # A walk over the value is slow, so only a text that may have lost a key is worth one.
    if _KEY_OF_ANOTHER_TYPE.search(text) is not None and (twice := not_json.key_given_twice(value)) is not None:
        raise NotEncodable(f"{label} would lose a value: {twice}")
    return text


_PLAIN = frozenset({str, int, bool, type(None)})
_LEAST, _MOST = 1e-4, 1e15  # between them, encoders write floats alike: without an exponent
_FEW = 16  # members: a walk over more of them in Python would take longer than it saves


def _is_plain(value: Any) -> bool:
    """True for a value of which every encoder of JSON makes the same text, and which is seen to be one at once."""
    kind = type(value)
    if kind is dict:
        if len(value) > _FEW:
            return False
        for key, each in value.items():
            if type(key) is not str or not (type(each) in _PLAIN or _is_plain(each)):
                return False
        return True
    if kind is float:
        return bool(_LEAST <= value < _MOST or _LEAST <= -value < _MOST or value == 0)
    if kind is list or kind is tuple:
        if _PLAIN.issuperset(map(type, value)):  # quickly, however many they are
            return True
        if len(value) > _FEW:
            return False
        for each in value:  # noqa: SIM110 (a generator takes longer)
            if not (type(each) in _PLAIN or _is_plain(each)):
                return False
        return True
    return kind in _PLAIN


@functools.cache
def _quick_encoder() -> Callable[[Any], bytes]:
    import msgspec  # here, see ``_decoder``

    return msgspec.json.Encoder().encode


def encode(value: Any, label: str) -> str:
    """Return the value as compact JSON text.

    ``label`` names the value in errors, such as ``"result of activity a.b"``. Raises NotEncodable, which says where in
    the value the offending part is, and its type.
    """
    try:
        if _is_plain(value):
            return _quick_encoder()(value).decode()
    except (OverflowError, ValueError, RecursionError):  # an integer of more than 64 bits, or of too many digits; half
        pass  # of a surrogate pair; a list inside itself
    text = _encode(_ENCODER, value, label)
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:  # half of a surrogate pair: UTF-8 cannot hold it, but its JSON escape can be stored
            return _encode(_ASCII_ENCODER, value, label)
    return text


def canonical(value: Any, label: str) -> str:
    """Return the value as JSON text that is equal for equal values: keys sorted, all but ASCII escaped."""
    return _encode(_CANONICAL, value, label)


def are_same(one: str | None, other: str | None) -> bool:
    """True if two JSON texts have the same value, whatever the order of the keys in their objects."""
    return one == other or (
        one is not None and other is not None and canonical(decode(one), "value") == canonical(decode(other), "value")
    )


@functools.cache
def _decoder() -> tuple[Callable[[str], Any], tuple[type[BaseException], ...]]:
    """Return a fast decoder, and the exceptions that it raises for text that it cannot decode."""
    import msgspec  # here, so that a program that only defines workflows does not load it

    return msgspec.json.Decoder[Any]().decode, (msgspec.MsgspecError, UnicodeEncodeError, RecursionError)


def decode(text: str | None) -> Any:
    """Return the value of a JSON text; the text itself if it is not JSON, since another library may have written it.

    Raises InputError if it is nested too deeply.
    """
    if text is None:
        return None
    quickly, errors = _decoder()
    try:
        return quickly(text)
    except errors:
        pass
    try:
        return json.loads(text)  # it accepts more: NaN, half of a surrogate pair
    except ValueError:
        return text
    except RecursionError:
        raise InputError(f"a JSON text of {len(text)} characters is nested too deeply: {text[:40]}...") from None


_BOTH = {"args", "kwargs"}
FOREIGN = {"__extra", "meta"}
"""Keys that the existing library named simpleflow writes beside these, for itself."""


def arguments(value: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments and keyword arguments in the decoded input of an execution or an activity.

    The input is ``{"args": [...], "kwargs": {...}}``, a list of arguments, or one argument; None means no arguments.
    Beside ``args`` or ``kwargs``, the keys in ``FOREIGN`` are dropped. The existing library writes the class of a
    workflow that it starts without arguments, and nothing else; that is dropped, too.
    Raises InputError if ``args`` is neither a list nor None, or ``kwargs`` neither a dict nor None.
    """
    if value is None:
        return [], {}
    if isinstance(value, list):
        return value, {}
    if isinstance(value, dict) and isinstance(extra := value.get("__extra"), dict) and "class" in extra:
        value = {key: each for key, each in value.items() if key != "__extra"}
    if isinstance(value, dict) and (value.keys() == _BOTH or _holds_arguments(value)):
        args, kwargs = value.get("args"), value.get("kwargs")
        if not isinstance(args, list | None) or not isinstance(kwargs, dict | None):
            raise InputError(f"the input is {value_text(value)}; expected a list as args and a dict as kwargs")
        return args or [], kwargs or {}
    return [value], {}


def check_keys(value: Any) -> None:
    """Raise InputError for an input with ``args`` or ``kwargs`` and other keys: one of them may be misspelt.

    ``arguments`` takes it as one argument, which it may be in the history of somebody else.
    """
    if isinstance(value, dict) and value.keys() & _BOTH and not _holds_arguments(value) and "__extra" not in value:
        others = sorted(key for key in value if key not in _BOTH)
        raise InputError(
            f"the input has args or kwargs and also {', '.join(map(repr, others[:3]))}; expected these two keys only; "
            "if it is one argument, put it in a list"
        )


def _holds_arguments(value: dict[str, Any]) -> bool:
    known = _BOTH | FOREIGN if value.keys() & _BOTH else _BOTH
    return all(key in known or key.startswith(RESERVED) for key in value)


def reserved(text: str | None) -> dict[str, Any]:
    """Return the values in an execution's input (JSON text) that are simpleflow's own, by key.

    Their keys begin with ``constants.RESERVED``.
    """
    if text is None or f'"{RESERVED}' not in text:
        return {}
    value = decode(text)
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if key.startswith(RESERVED)}


def text_or_none(value: object) -> str | None:
    """Return ``value`` if it is text, else None: for JSON that others may have written."""
    return value if isinstance(value, str) else None


def text_tuple(value: object) -> tuple[str, ...]:
    """Return the texts in ``value`` if it is a list, else nothing: for JSON that others may have written."""
    return tuple([each for each in value if isinstance(each, str)]) if value and isinstance(value, list) else ()


def digest(text: str) -> str:
    """The SHA-256 digest of a text, as 64 hex digits."""
    import hashlib  # slow to load, and few runs need it

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
