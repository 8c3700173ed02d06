"""Mapping of keys of marks to paths of files, and back. Pure functions.

The key ``nightly/steps/load.users`` is the file ``nightly/steps/load.users.done``.

- Small ASCII letters, digits, ``-``, ``_`` and inner dots stay. Every other byte of the UTF-8 text becomes ``%XX``.
  That includes capital letters, so that ``A`` and ``a`` differ on file systems that ignore case, and dots at either
  end, so that ``..`` and hidden files cannot be written.
- File names of marks end in ``.done``; folder names never do (``x.done`` becomes ``x%2Edone``). So the marks ``a`` and
  ``a/b`` can exist side by side, and a stray ``notes.txt`` does not count as a done step.
- An empty segment becomes ``%-``.
- Thousands of claims may be open at once, and each is looked up by its step's name. So claims are spread over folders
  by a checksum of that name: ``.claims/steps/load.users.c0ffee00`` is in ``%2Eclaims/steps/%~/9c``.
- A file name can hold 255 bytes. A longer segment is cut into pieces of 240. All but the last are folders whose names
  end in a single ``%``. So the whole name stays in the path, where one atomic rename publishes it. A hash would need
  the name inside of the file, and listing would have to open every such file.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Sequence

from simpleflow.stores.base import CLAIMS, stem_of

SUFFIX = ".done"
SPREAD = "%~"  # the folder of the folders over which claims are spread
_CLAIMS = CLAIMS + "/"
is_spread_folder = re.compile(r"[0-9a-f]{2}").fullmatch

_PLAIN = re.compile(r"[a-z0-9_-](?:[a-z0-9_.-]*[a-z0-9_-])?")
# Matches the file of a mark whose name is plain. Nearly all entries of a listing need no other test.
is_plain_file = re.compile(_PLAIN.pattern + re.escape(SUFFIX)).fullmatch
_OTHER = re.compile(rb"^\.|\.\Z|[^a-z0-9_.-]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_LONGEST = 255
_PIECE = 240


def _escape(segment: str) -> str:
    if _PLAIN.fullmatch(segment):
        return segment
    if not segment:
        return "%-"
    return _OTHER.sub(lambda match: b"%%%02X" % ord(match[0]), segment.encode()).decode("ascii")


def _cut(text: str, suffix: str) -> list[str]:
    if len(text) + len(suffix) <= _LONGEST:
        return [text + suffix]
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    return [piece + "%" for piece in pieces[:-1]] + [pieces[-1] + suffix]


def _folder_text(segment: str) -> str:
    text = _escape(segment)
    return text[: -len(SUFFIX)] + "%2E" + SUFFIX[1:] if text.endswith(SUFFIX) else text


def _folders(segments: list[str]) -> list[str]:
    return [part for segment in segments for part in _cut(_folder_text(segment), "")]


def folder_of(prefix: str) -> str:
    """Return the relative path of the folder that holds the marks below ``prefix``; ``""`` for the whole store."""
    return _folder(prefix) if prefix else ""


@functools.lru_cache(maxsize=64)  # all steps of a run have the same prefix
def _folder(prefix: str) -> str:
    return "/".join(_folders(prefix.split("/")))


def file_of(key: str) -> str:
    """Return the relative path of the mark ``key``. It never leads out of the folder that it is joined to."""
    if is_spread(key):
        prefix, _, last = key.rpartition("/")
        return f"{_folder(prefix)}/{spread_folder_of(stem_of(last) or '')}/{_file(last)}"
    return file_that_is_not_spread(key)


def is_spread(key: str) -> bool:
    """True for claims, which are spread over folders."""
    return key.startswith(_CLAIMS)


def is_spread_path(path: str) -> bool:
    """True for the path of a folder over which claims are spread."""
    return path[-6:-2] == f"/{SPREAD}/"


def file_that_is_not_spread(key: str) -> str:
    """The same in a folder of an earlier release, which did not spread claims."""
    prefix, slash, last = key.rpartition("/")
    return f"{_folder(prefix)}/{_file(last)}" if slash else _file(last)


def spread_folder_of(stem: str) -> str:
    """Return the folder, below that of its prefix, that holds the claims on a step."""
    return f"{SPREAD}/{zlib.crc32(stem.encode()) & 255:02x}"


def _file(segment: str) -> str:
    return "/".join(_cut(_escape(segment), SUFFIX))


def _decode(parts: Sequence[str]) -> str | None:
    text = "".join(part[:-1] for part in parts[:-1]) + parts[-1]
    try:
        if text == "%-":
            return ""
        return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode()).decode()
    except UnicodeError:
        return None


def mark_of(pieces: tuple[str, ...], file: str) -> str | None:
    """Return the last segment of the key of the mark in ``file``; ``pieces`` are the folders of a name that was cut.

    Returns None for a name that this module would not write: the file is foreign.
    """
    segment = _decode([*pieces, file.removesuffix(SUFFIX)])
    if segment is None or "/" in segment or _cut(_escape(segment), SUFFIX) != [*pieces, file]:
        return None
    return segment


def segment_of(pieces: tuple[str, ...], folder: str) -> str | None:
    """The same for a folder, which is a segment of a prefix."""
    segment = _decode([*pieces, folder])
    if segment is None or "/" in segment or _folders([segment]) != [*pieces, folder]:
        return None
    return segment
