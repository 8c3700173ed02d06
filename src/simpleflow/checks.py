"""Checks of values that several parts of the language take: names, and flags that are true or false."""

from __future__ import annotations

import re

from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError
from simpleflow.shown_text import with_article

_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


def check_name(name: object, label: str, limit: int = MAX_ID_LENGTH) -> str:
    """Return ``name`` if the service accepts it: text of 1 to ``limit`` characters without control characters.

    ``label`` says in error messages what the name is for, such as ``"timer id"``. Raises InputError.
    """
    if isinstance(name, str) and 0 < len(name) <= limit and name.isprintable():  # nearly always
        return name
    if not isinstance(name, str):
        raise InputError(f"{label} {name!r} is {with_article(type(name).__name__)}; expected text")
    if not name:
        raise InputError(f"{label} is empty; expected text")
    if len(name) > limit:
        raise InputError(f"{label} {name[:40] + '...'!r} has {len(name)} characters; expected {limit} at most")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{label} {name!r} holds bytes that are not UTF-8; expected plain text") from None
    if re.search(_CONTROL, name):
        raise InputError(f"{label} {name!r} holds a control character; expected plain text")
    return name


def check_flag(value: object, label: str) -> None:
    """Raise InputError, which names ``label``, unless the value is True, False or None (the same as False)."""
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{label} is {value!r}; expected True or False")
