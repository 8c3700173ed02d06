"""Noticing that a folder of marks was removed or moved while a run uses it.

A store makes its folder when it writes the first mark. So a folder that is removed in the middle of a run would come
into being again with the marks written since, and without the earlier ones: the run would complete, and the next one
would do work again that was done.
"""

from __future__ import annotations

import os

from simpleflow import stores
from simpleflow.exceptions import StoreError


class Presence:
    """The folders in which a run keeps marks. Folders that only earlier runs of this process used do not count."""

    def __init__(self) -> None:
        self._uses_before = stores.folders()
        self._seen: dict[str, tuple[int, int]] = {}  # device and inode by path

    def check(self) -> None:
        """Raise StoreError if a folder that was there at an earlier check is gone, or is another one."""
        for path, uses in stores.folders().items():
            if uses == self._uses_before.get(path, 0):
                continue
            try:
                status = os.stat(path)
                found = (status.st_dev, status.st_ino)
            except OSError:
                found = None
            before = self._seen.get(path)
            if before is not None and found != before:
                raise StoreError.for_good(
                    f"folder {path}: it was removed or moved while a run used it, and with it the done marks; put it "
                    "back, or start the run again"
                )
            if found is not None:
                self._seen[path] = found
