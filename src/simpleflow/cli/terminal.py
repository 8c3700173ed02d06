"""Writing to a terminal or a pipe: colours, symbols, error messages, and standard output that holds only results."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from simpleflow.exceptions import SimpleflowError
from simpleflow.shown_text import timestamp

RED, GREEN, YELLOW, CYAN, BOLD, DIM = "31", "32", "33", "36", "1", "2"

AUTO, ALWAYS, NEVER = "auto", "always", "never"

_CLOSED_BY_READER = (errno.EPIPE, errno.ECONNRESET)
"""The reader of a pipe or socket has enough: that is no error."""


class OutputError(SimpleflowError):
    """Standard output could not be written: a part of the result is lost."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output could not be written: {error.strerror}; the output is not complete")


class Terminal:
    """A stream for messages, and its abilities."""

    def __init__(self, stream: TextIO | None, color: str = AUTO) -> None:
        terminal = stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
        self._stream = stream  # None: write nothing
        self._stamps = stream is not None and not stream.isatty()
        self.moves = terminal  # whether the cursor can be moved
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        # Lines begin with symbols instead of words.
        self.symbols = (terminal or color == ALWAYS) and _can_write("✓↷✗…↻⧗━─", stream)
        # NO_COLOR is a convention of many programs: https://no-color.org
        self.colored = color == ALWAYS or (color == AUTO and terminal and not os.environ.get("NO_COLOR"))

    @property
    def columns(self) -> int:
        """The width of the terminal now; 0 if this is not a terminal or the width is unknown."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns if self.moves and self._stream else 0
        except (OSError, ValueError):
            return 0

    def paint(self, text: str, code: str) -> str:
        """Return the text in a colour, or unchanged if the stream has no colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colored else text

    def write(self, text: str) -> None:
        """Write the text and flush. If the stream is closed, stop writing to it: a closed pipe must not stop a run."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            _drop_buffered(self._stream)
            self._stream = None

    def log(self, text: str) -> None:
        """Write lines about a run. If the stream is not a terminal, each line begins with the time."""
        if text and self._stamps:
            stamp = timestamp()
            text = "".join(f"{stamp} {line}\n" for line in text.removesuffix("\n").split("\n"))
        self.write(text)

    def error(self, message: str) -> None:
        """Write an error message as one line."""
        self.write(f"{self.paint('error:', RED)} {message}\n")


def _can_write(text: str, stream: TextIO | None) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def echo(text: str) -> None:
    """Write a line to standard output. A closed pipe is no error. Raises OutputError if the line cannot be written."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        _drop_buffered(sys.stdout)
        if error.errno not in _CLOSED_BY_READER:
            raise OutputError(error) from error


def emit(data: bytes) -> bool:
    """Write bytes to standard output. Returns False if its reader has enough. Raises OutputError for other errors."""
    if sys.stdout is None:
        return False
    try:
        sys.stdout.flush()
        number = sys.stdout.fileno()
        while data:
            data = data[os.write(number, data) :]
    except OSError as error:
        _drop_buffered(sys.stdout)
        if error.errno not in _CLOSED_BY_READER:
            raise OutputError(error) from error
        return False
    return True


def _drop_buffered(stream: TextIO) -> None:
    """Drop what a stream still holds after an error. Python would try to write it once more at its exit, and fail."""
    try:
        number = stream.fileno()
        kept, null = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    except (OSError, ValueError):
        return
    try:
        os.dup2(null, number)
        stream.flush()
    except OSError:
        pass
    finally:
        os.dup2(kept, number)
        os.close(kept)
        os.close(null)


@contextmanager
def results_only() -> Iterator[Callable[[str], None]]:
    """Keep standard output for results.

    Inside this context, everything that user code and its child processes print to standard output goes to standard
    error. The context yields a function that writes a line to the real standard output, in UTF-8. A closed pipe is no
    error; the function raises OutputError if the line cannot be written for another reason.
    """
    try:
        sys.stdout.flush()
        real = os.dup(1)
        _kept.add(real)
        os.dup2(2, 1)
    except (OSError, AttributeError):  # one of the two streams is closed
        yield lambda line: None
        return
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)

    def write(line: str) -> None:
        data = (line + "\n").encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(real, data) :]
        except OSError as error:
            if error.errno not in _CLOSED_BY_READER:
                raise OutputError(error) from error

    try:
        yield write
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # standard error is lost, and with it what user code has printed
            _drop_buffered(sys.stdout)
        if real in _kept:  # else this process was forked inside
            _kept.remove(real)
            os.dup2(real, 1)
            os.close(real)


_kept: set[int] = set()
"""Descriptors of the real standard output."""


def _close_kept() -> None:
    """In a process that was forked: a program that reads the results must not wait for its end."""
    while _kept:
        os.close(_kept.pop())


os.register_at_fork(after_in_child=_close_kept)
