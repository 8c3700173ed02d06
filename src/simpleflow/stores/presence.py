"""Noticing that a folder of marks was removed or moved while a run uses it.

A store makes its folder when it writes the first mark. So a folder that is removed in the middle of a run would come
into being again with the marks written since, and without the earlier ones: the run would complete, and the next one
would do work again that was done.

A run holds each folder open from its first use on. So the new folder cannot get the inode number of the old one, which
file systems give out again at once.
"""

from __future__ import annotations

import os
from types import TracebackType

from simpleflow.exceptions import StoreError

_watching: list[Presence] = []

_HOLD = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC


def keeps_marks(path: str) -> None:
    """Tell the runs of this process that the folder ``path`` is for marks of steps: others may come and go."""
    for presence in _watching:
        presence.expected.add(path)


def used(path: str) -> None:
    """Tell the runs of this process that a store in the folder ``path`` was used; the folder need not exist."""
    for presence in _watching:
        presence.used(path)


class Presence:
    """The folders in which activities about marks, in this process, kept marks inside the ``with`` block.

    Attributes:
        expected: the paths of these folders, which may not exist yet.
    """

    def __init__(self) -> None:
        self.expected: set[str] = set()
        self._held: dict[str, int] = {}  # file descriptors of folders, by path

    def __enter__(self) -> Presence:
        _watching.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _watching.remove(self)
        for descriptor in list(self._held.values()):
            os.close(descriptor)

    def used(self, path: str) -> None:
        """Hold the folder from now on, if it is for marks and exists."""
        if path in self.expected and path not in self._held:
            try:
                descriptor = os.open(path, _HOLD)
            except OSError:
                return  # it does not exist yet, or the store says what is wrong with it
            if self._held.setdefault(path, descriptor) != descriptor:  # another thread was quicker
                os.close(descriptor)

    def check(self) -> None:
        """Raise StoreError if a folder that was there when it was used is gone, or is another one."""
        for path, descriptor in list(self._held.items()):
            try:
                same = os.path.samestat(os.stat(path), os.fstat(descriptor))
            except OSError:
                same = False
            if not same:
                raise StoreError.for_good(
                    f"folder {path}: it was removed or moved while a run used it, and with it the done marks; put it "
                    "back, or start the run again"
                )
