"""Listings of a folder of marks: which names, with which contents, and what killed processes have left there.

Theory of operation
-------------------
A listing takes the longer the more files there are. That is what a run wants to know of its marks, once. Claims are
looked up for each step, while those of thousands of steps may be open. So ``look_for`` reads only the folders that can
hold the wanted ones: that of the prefix, where an earlier release put claims, and those over which they are spread
(``filenames``).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection

from simpleflow.stores.base import stem_of
from simpleflow.stores.filenames import (
    SPREAD,
    SUFFIX,
    is_plain_file,
    is_spread_folder,
    mark_of,
    segment_of,
    spread_folder_of,
)

_TEMPORARY = re.compile(r"\.[0-9a-f]{16}\.tmp")
_ABANDONED_SECONDS = 3_600.0  # a temporary file that is older belongs to a process that was killed
_CHUNK = 4_096  # bytes that are read at once; most marks have fewer


class Listing:
    """What was found in folders. A folder below the top that vanishes while it is listed holds no mark any more.

    Args:
        reads: also read the contents of the marks.
    """

    def __init__(self, reads: bool = False) -> None:
        self.names: list[str] = []
        self.bodies: dict[str, bytes] = {}
        self._reads = reads
        self._temporary: list[str] = []  # paths

    def walk(self, folder: str, done: str = "", pieces: tuple[str, ...] = ()) -> None:
        """Add the marks below ``folder``, each with ``done`` in front of its name. Raises OSError.

        ``pieces`` are the folders of a long name that was cut into pieces; ``folder`` is the last of them.
        """
        for name in self._files(folder, done, pieces):
            below = f"{folder}/{name}"
            try:
                if name == SPREAD and not pieces:
                    for inner in filter(is_spread_folder, os.listdir(below)):
                        self._walk_if_there(f"{below}/{inner}", done)
                elif name.endswith("%"):
                    self.walk(below, done, (*pieces, name))
                elif (segment := segment_of(pieces, name)) is not None:
                    self.walk(below, f"{done}{segment}/")
            except FileNotFoundError:
                continue

    def look_for(self, folder: str, done: str, stems: Collection[str]) -> None:
        """Add the marks in ``folder`` whose names are one of ``stems`` (no slashes), a dot and text without dots."""
        there = Listing()
        for name in there._files(folder, "", ()):
            if name.endswith("%"):
                there._walk_if_there(f"{folder}/{name}", "", (name,))
        for spread in dict.fromkeys(map(spread_folder_of, stems)):
            there._walk_if_there(f"{folder}/{spread}", "")
        self.names += [f"{done}{each}" for each in there.names if stem_of(each) in stems]
        self._temporary += there._temporary

    def remove_abandoned(self) -> None:
        """Remove the temporary files of processes that were killed while they wrote a mark."""
        for path in self._temporary:
            try:
                if time.time() - os.stat(path).st_mtime > _ABANDONED_SECONDS:
                    os.unlink(path)
            except OSError:
                pass  # another process was first, or the folder is read-only: the file does no harm

    def _files(self, folder: str, done: str, pieces: tuple[str, ...]) -> list[str]:
        """Add the marks in ``folder`` itself; returns the names of the folders in it."""
        inner: list[str] = []
        found, reads = self.names, self._reads
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(SUFFIX):
                    plain = not pieces and is_plain_file(name)
                    segment = name[: -len(SUFFIX)] if plain else mark_of(pieces, name)
                    if segment is not None and entry.is_file(follow_symlinks=False):
                        found.append(done + segment)
                        if reads and (mark := _read_quickly(f"{folder}/{name}")) is not None:
                            self.bodies[done + segment] = mark
                elif name.endswith(".tmp") and _TEMPORARY.fullmatch(name):
                    self._temporary.append(f"{folder}/{name}")
                elif entry.is_dir(follow_symlinks=False):
                    inner.append(name)
        return inner

    def _walk_if_there(self, folder: str, done: str, pieces: tuple[str, ...] = ()) -> None:
        try:
            self.walk(folder, done, pieces)
        except FileNotFoundError:
            pass


def _read_quickly(path: str) -> bytes | None:
    """The content alone, with as few calls of the system as a small file needs."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        body = os.read(descriptor, _CHUNK)
        if len(body) < _CHUNK:
            return body
        return body + os.read(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
