"""Lines of output on the terminal, each with its origin in front."""

from __future__ import annotations

import os
import select

from simpleflow.shown_text import timestamp
from simpleflow.state_folder.logs import shown

_ATOMIC = 4096  # bytes; several processes write to one pipe, and no more than these stay together
_LONGEST = 65_536  # bytes; a longer line is shown in parts


class OutputLines:
    """Shows what a worker prints, line by line, so that the lines of several workers do not mix.

    Args:
        descriptor: of the terminal, pipe or file to write to.
        stamps: each line begins with the time.
        encoding: of the text that is printed and shown.
    """

    def __init__(self, descriptor: int, stamps: bool, encoding: str) -> None:
        self._descriptor = descriptor
        self._stamps = stamps
        self._encoding = encoding
        self._head = ""
        self._rest = b""  # the unfinished line
        self._old_rest = b""  # the one that was there at the last call of ``end_old_line``
        self._works = True

    def begin(self, title: str) -> None:
        """The next lines are from something else."""
        self.end_line()
        self._head = f"{title} | "

    def write(self, data: bytes) -> None:
        """Show the lines that are whole; keep the beginning of the last one."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > _LONGEST:
            rest = rest[rest.rfind(b"\r", 0, -1) + 1 :]  # a progress bar
        if len(rest) > _LONGEST:
            lines.append(rest)
            rest = b""
        self._rest = rest
        self._show([self._head + shown(line, self._encoding) for line in lines])

    def end_line(self) -> None:
        """Show a line that was not ended."""
        if self._rest:
            self.write(b"\n")

    def end_old_line(self) -> None:
        """The same, if it has not changed since the last call: a question, or the sign of a long work."""
        if self._rest and self._rest == self._old_rest:
            self.write(b"\n")
        self._old_rest = self._rest

    def note(self, text: str) -> None:
        """Show a line that was not printed by an activity."""
        self.end_line()
        self._show([text])

    def close(self) -> None:
        """Close the descriptor, without writing anything."""
        os.close(self._descriptor)

    def _show(self, lines: list[str]) -> None:
        stamp = timestamp() + " " if self._stamps else ""
        together = b""
        for line in lines:
            data = f"{stamp}{line}\n".encode(self._encoding, "backslashreplace")
            if len(together) + len(data) > _ATOMIC:
                self._write(together)
                together = b""
            together += data
        self._write(together)

    def _write(self, data: bytes) -> None:
        while data and self._works:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:
                self._works = False  # the reader is gone
