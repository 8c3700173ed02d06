"""A window on a log: some whole lines of it, with the places where those before and after begin.

A log may have millions of lines, and is read in windows. The last one is shown first, since it says how it ended.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder.logs import shown

WINDOW = 65_536
"""Bytes of a window, about."""

_LINE = 8_192  # characters of a line that are shown


class LogWindow(NamedTuple):
    """Some lines of a log."""

    lines: list[str]
    begin: int  # byte
    end: int  # byte after the last one
    size: int  # bytes of the whole log
    earlier: int | None  # where the window before begins; None if there is nothing before
    later: int | None  # where the window after begins; None if there is nothing after


def window_of(path: str, at: str | None) -> LogWindow | None:
    """The window that begins at a byte, or the last one; None if the log is gone. Raises InputError."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            begin = _line_after(file, size - WINDOW, size) if at is None else _number(at, size)
            file.seek(begin)
            data = file.read(WINDOW)
            earlier = _line_after(file, begin - WINDOW, begin) if begin > 0 else None
    except OSError:
        return None
    end = begin + len(data)
    if end < size and (cut := data.rfind(b"\n") + 1) > 0:  # a line that is longer goes on in the next window
        end, data = begin + cut, data[:cut]
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    later = end if end < size else None
    return LogWindow([_shown(line) for line in lines], begin, end, size, earlier, later)


def _line_after(file: BinaryIO, at: int, limit: int) -> int:
    """Where the first line begins at or after a byte; this byte if there is none before the limit."""
    if at <= 0:
        return 0
    file.seek(at - 1)
    found = at + file.read(limit - at).find(b"\n")
    return found if at <= found < limit else at


def _number(text: str, size: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InputError(f"at is {text!r}; expected a number of bytes")
    return min(int(text), size)


def _shown(line: bytes) -> str:
    text = shown(line)
    return text if len(text) <= _LINE else f"{text[:_LINE]} … {len(text) - _LINE} more characters"
