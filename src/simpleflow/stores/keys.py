"""Keys of marks as keys of S3 objects, and back: pure.

An object's key is the mark's own, ``{prefix}/{name}``, without quoting: the existing library writes its marks
so, and they must count. Only a segment that something on the way would change is written as ``%=`` and its
quoted text: ``.``, ``..`` and an empty one (servers that keep files normalise them: a mark would land below
another prefix), one with a backslash (SeaweedFS takes it for a slash) or with a control character (XML has
none), and one that begins with the sign itself.
"""

from __future__ import annotations

import functools
import re
from urllib.parse import quote, unquote

from simpleflow.stores.base import clean

SIGN = "%="

_CHANGED_ON_THE_WAY = re.compile(r"\.\.?|.*[\\\x00-\x1f\x7f\ufffe\uffff].*", re.DOTALL)


def _segment(segment: str) -> str:
    if not segment or segment.startswith(SIGN) or _CHANGED_ON_THE_WAY.fullmatch(segment):
        return SIGN + quote(segment, safe="")
    return segment


def _text(segment: str) -> str:
    text = unquote(segment.removeprefix(SIGN))
    return text if segment.startswith(SIGN) and _segment(text) == segment else segment


@functools.lru_cache(maxsize=64)  # every step of a run has the same one
def folder_key(prefix: str) -> str:
    """What the key of every object below ``prefix`` begins with."""
    prefix = clean(prefix)
    return "".join(f"{_segment(each)}/" for each in prefix.split("/")) if prefix else ""


def object_key(prefix: str, name: str) -> str:
    """The key of the mark's object."""
    return folder_key(prefix) + "/".join(map(_segment, name.split("/")))


def folder_keys(prefix: str) -> list[str]:
    """Ours, then what the existing library uses, if that differs."""
    prefix = clean(prefix)
    return list(dict.fromkeys((folder_key(prefix), prefix and f"{prefix}/")))


def object_keys(prefix: str, name: str) -> list[str]:
    """Ours, then what the existing library uses, if that differs and can be one."""
    prefix = clean(prefix)
    theirs = f"{prefix}/{name}" if prefix else name
    return list(dict.fromkeys((object_key(prefix, name), *([theirs] if name_of(theirs, "") else []))))


def name_of(key: str, start: str) -> str | None:
    """The name of the mark whose object is ``key``; ``start`` is its ``folder_key``.

    None for the placeholder of a folder, which ends in a slash, and for what is not below ``start``.
    """
    if not key.startswith(start) or key.endswith("/"):
        return None
    rest = key[len(start) :]
    if SIGN not in rest:
        return rest
    return "/".join(map(_text, rest.split("/")))
