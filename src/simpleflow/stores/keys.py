"""Mapping of keys of marks to keys of S3 objects, and back. Pure functions.

The key of an object is the key of the mark, ``{prefix}/{name}``, without quoting. The existing library writes its marks
that way, and they must count.

Only a segment that would be changed on its way is written as ``%=`` and its quoted text:

- ``.``, ``..`` and an empty segment, since servers that keep files normalise them, and the mark would end up below
  another prefix;
- a segment with a backslash, which SeaweedFS reads as a slash;
- a segment with a control character, which XML cannot contain;
- a segment that begins with ``%=`` itself.
"""

from __future__ import annotations

import functools
import re

from simpleflow.stores.base import clean

SIGN = "%="

_CHANGED_ON_THE_WAY = r"(?s)\.\.?|.*[\\\x00-\x1f\x7f\ufffe\uffff].*"


def _segment(segment: str) -> str:
    if not segment or segment.startswith(SIGN) or re.fullmatch(_CHANGED_ON_THE_WAY, segment):
        from urllib.parse import quote  # here: slow to load, and seldom needed

        return SIGN + quote(segment, safe="")
    return segment


def _text(segment: str) -> str:
    from urllib.parse import unquote

    text = unquote(segment.removeprefix(SIGN))
    return text if segment.startswith(SIGN) and _segment(text) == segment else segment


@functools.lru_cache(maxsize=64)  # all steps of a run have the same prefix
def folder_key(prefix: str) -> str:
    """Return the beginning of the key of every object below ``prefix``."""
    prefix = clean(prefix)
    return "".join(f"{_segment(each)}/" for each in prefix.split("/")) if prefix else ""


def object_key(prefix: str, name: str) -> str:
    """Return the key of the mark's object."""
    return folder_key(prefix) + "/".join(map(_segment, name.split("/")))


def folder_keys(prefix: str) -> list[str]:
    """Return our ``folder_key``, then the one that the existing library uses, if it differs."""
    prefix = clean(prefix)
    return list(dict.fromkeys((folder_key(prefix), prefix and f"{prefix}/")))


def object_keys(prefix: str, name: str) -> list[str]:
    """Return our ``object_key``, then the one that the existing library uses, if it differs and can be a key."""
    prefix = clean(prefix)
    theirs = f"{prefix}/{name}" if prefix else name
    return list(dict.fromkeys((object_key(prefix, name), *([theirs] if name_of(theirs, "") else []))))


def name_of(key: str, start: str) -> str | None:
    """Return the name of the mark whose object has the key ``key``; ``start`` is the ``folder_key`` of its prefix.

    Returns None for the placeholder of a folder, which ends in a slash, and for a key that is not below ``start``.
    """
    if not key.startswith(start) or key.endswith("/"):
        return None
    rest = key[len(start) :]
    if SIGN not in rest:
        return rest
    return "/".join(map(_text, rest.split("/")))
