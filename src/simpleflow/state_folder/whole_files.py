"""Writing a file as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress

READABLE = 0o666
"""The mode of a file for others too, as far as the umask allows."""


def write_whole(path: str, content: bytes, mode: int = READABLE) -> None:
    """Write a file in place of what was there; a reader sees the old file or the new one. Raises OSError.

    A pipe or a device is not replaced, but written. A link stays, and leads to the new file.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as special:
            special.write(content)
        return
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "wb") as file:
            file.write(content)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
