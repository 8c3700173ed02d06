"""Lines of output on the terminal, each with its origin in front."""

from __future__ import annotations

import os
import select
import time

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
        self._second = 0  # epoch second of the stamp
        self._stamp = ""  # the time in front of a line, made once in a second

    def begin(self, title: str) -> None:
        """The next lines are from something else."""
        if self._rest:
            self.end_line()
        self._head = f"{title} | "

    def write(self, data: bytes) -> None:
        """Show the lines that are whole; keep the beginning of the last one."""
        if self._rest:
            data = self._rest + data
        if data.endswith(b"\n"):
            self._rest = b""
        else:
            data, rest = data[: (end := data.rfind(b"\n") + 1)], data[end:]
            if len(rest) > _LONGEST:
                rest = rest[rest.rfind(b"\r", 0, -1) + 1 :]  # a progress bar
            if len(rest) > _LONGEST:
                data += rest + b"\n"
                rest = b""
            self._rest = rest
        if data:
            self._show(data)

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
        head, self._head = self._head, ""
        self._show(text.encode(self._encoding, "backslashreplace") + b"\n")
        self._head = head

    def close(self) -> None:
        """Close the descriptor, without writing anything."""
        os.close(self._descriptor)

    def _front(self) -> str:
        """What stands before each line: the time, where lines have it, and the title."""
        if self._stamps and self._second != (second := int(time.time())):
            self._second, self._stamp = second, timestamp() + " "
        return self._stamp + self._head

    def _show(self, data: bytes) -> None:
        """Show whole lines."""
        front = self._front()
        text = data.decode("ascii") if data.isascii() else ""
        if text and text.replace("\n", "").isprintable():  # nearly always: nothing has to be escaped
            lines = text[:-1].replace("\n", "\n" + front)
        else:
            lines = ("\n" + front).join([shown(line, self._encoding) for line in data[:-1].split(b"\n")])
        data = f"{front}{lines}\n".encode(self._encoding, "backslashreplace")
        if len(data) <= _ATOMIC:
            self._write(data)
            return
        together = b""
        for each in data.splitlines(keepends=True):
            if len(together) + len(each) > _ATOMIC:
                self._write(together)
                together = b""
            together += each
        self._write(together)

    def _write(self, data: bytes) -> None:
        while data and self._works:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:
                self._works = False  # the reader is gone
