"""Files that a command writes: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from simpleflow.exceptions import StateError


def write_file(path: str, content: Iterable[str], what: str) -> None:
    """Write text into a file, in place of what was there. Folders that do not exist are made.

    If the command dies meanwhile, the old file is still whole. A pipe or a device is written directly.

    Args:
        path: of the file.
        content: pieces of text.
        what: names the content in errors, such as ``the report``.

    Raises StateError if the file cannot be written.
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            if os.path.isdir(path):
                raise IsADirectoryError(21, "it is a folder")
            _write(path, content)
            return
        real = os.path.realpath(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        temporary = os.path.join(os.path.dirname(real), f".{os.path.basename(real)[:100]}.{os.getpid()}")
        try:
            _write(temporary, content)
            os.replace(temporary, real)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StateError(f"{what} cannot be written to {path!r}: {reason}; name another file") from error


def _write(path: str, content: Iterable[str]) -> None:
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.writelines(content)
