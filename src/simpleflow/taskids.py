"""Task ids: where a task stands in the structure of its workflow, in the characters that SWF allows."""

from __future__ import annotations

import re
from typing import Any

from simpleflow import values
from simpleflow.base import Scope
from simpleflow.constants import MAX_ID_LENGTH

_FORBIDDEN = re.compile(r"[%:/|\x00-\x1f\x7f-\x9f]")


def task_id(prefix: str, name: str, suffix: str) -> str:
    """``prefix-name-suffix`` as an id: forbidden characters escaped, at most 256 characters."""
    return fit(clean(f"{prefix}-{name}-{suffix}"))


def clean(text: str) -> str:
    """The text with what SWF forbids in ids (``:``, ``/``, ``|``, control characters) as ``%`` and two hex digits.

    ``%`` too, so that different texts stay different.
    """
    return _FORBIDDEN.sub(lambda found: f"%{ord(found[0]):02X}", text)


def fit(id: str) -> str:
    """The id itself, or its beginning and a digest of the whole if it is too long."""
    if len(id) <= MAX_ID_LENGTH:
        return id
    return f"{id[:223]}-{_digest(id)}"


def position_suffix(scope: Scope, name: str) -> str:
    """Which submission of ``name`` in ``scope`` this is."""
    number = scope.count(name)
    return f"{scope.path}-{number}" if scope.path else str(number)


def arguments_suffix(args: list[Any], kwargs: dict[str, Any], label: str) -> str:
    """A digest that equal arguments share, whatever the order of keys and sets."""
    return _digest(values.canonical({"args": args, "kwargs": kwargs}, label))


def _digest(text: str) -> str:
    import hashlib  # slow to load, and most ids need none

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
