"""The content of logs on standard output: as it was printed for programs, and neutral on a terminal."""

from __future__ import annotations

import sys
import time

from simpleflow.cli.terminal import CYAN, Terminal, emit
from simpleflow.state_folder.logs import shown

_CHUNK = 1 << 20  # bytes that are read at once
_OPEN_SECONDS = 1.0  # a line that has no end for so long is shown as it is, such as a progress bar or a question
_AGAIN_SECONDS = 3.0  # between two states of it


class LogLines:
    """Writes the lines of logs to standard output.

    Args:
        color: as ``--color`` says.
        titled: each line begins with its origin.
    """

    def __init__(self, color: str, titled: bool) -> None:
        self._terminal = Terminal(sys.stdout, color)
        self.watched = sys.stdout is not None and sys.stdout.isatty()
        """Standard output is a terminal."""
        self._titled = titled
        self.ended = False  # the reader of standard output has enough

    def write(self, title: str, lines: list[bytes]) -> None:
        """Write lines, which have no line breaks at their ends."""
        if self.ended or not lines:
            return
        head = f"{self._terminal.paint(title, CYAN)} | ".encode() if self._titled else b""
        if self.watched:
            lines = [shown(line).encode(self._terminal.encoding, "backslashreplace") for line in lines]
        self.ended = not emit(b"".join(head + line + b"\n" for line in lines))

    def headline(self, title: str) -> None:
        """Write a line before the lines of something else."""
        if not self.ended:
            self.ended = not emit(f"==> {title} <==\n".encode())


class LogReader:
    """Reads a log from its beginning, and later the added lines.

    Args:
        path: of the log.
        last: read only so many of the lines that are there now; None: all.
    """

    def __init__(self, path: str, last: int | None = None) -> None:
        self._path = path
        self._last = last
        self._at = 0  # bytes that were read
        self._rest = b""  # a line that has no end yet
        self._shown = b""  # what ``unfinished`` has returned of it
        self._show_at = time.monotonic() + _OPEN_SECONDS  # when it returns more

    def lines(self, ends: bool = False) -> list[bytes]:
        """Return the whole lines that were added; with ``ends`` also the last one, if it has no end."""
        lines = self._read()
        if ends and self._rest:
            lines.append(self._rest)
            self._rest = b""
        if self._last is not None:
            lines = lines[max(0, len(lines) - self._last) :]
            self._last = None
        return lines

    def unfinished(self) -> list[bytes]:
        """Return the line that has no end yet, if it has been there for a while and has changed; else nothing.

        It stays unread: ``lines`` returns it once it has its end.
        """
        now = time.monotonic()
        if self._rest == self._shown or now < self._show_at:
            return []
        self._shown, self._show_at = self._rest, now + _AGAIN_SECONDS
        return [self._rest]

    def _read(self) -> list[bytes]:
        found: list[bytes] = []
        try:
            with open(self._path, "rb") as file:
                size = file.seek(0, 2)
                if size < self._at:  # its middle was removed: what comes next is at its end
                    self._at, self._rest = size, b""
                file.seek(self._at)
                while data := file.read(_CHUNK):
                    self._at += len(data)
                    *lines, self._rest = (self._rest + data).split(b"\n")
                    found += lines
                    if lines:
                        self._shown, self._show_at = b"", time.monotonic() + _OPEN_SECONDS
        except OSError:
            pass  # it was removed
        return found
