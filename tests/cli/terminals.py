"""Commands on terminals of their own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte

from tests.cli.conftest import SIMPLEFLOW


class OwnTerminal:
    """A command that runs on a new terminal.

    Attributes:
        process: of the command.
        fd: the end of the terminal at which a user would sit: it is read, and keys are written to it.
    """

    def __init__(self, folder: Path, *args: str, columns: int = 200, rows: int = 30, **environment: str) -> None:
        self.fd, theirs = pty.openpty()
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [SIMPLEFLOW, *args],
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "LANG": "C.UTF-8", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal, as dragging the corner of a window does."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def read_to_end(self, seen: Callable[[bytes], None] = lambda shown: None) -> tuple[int, str]:
        """Read until the command ends. Returns its exit code, and all that was shown.

        ``seen`` is called with what was shown so far, whenever there is more.
        """
        shown = read_all(self.fd, seen)
        return self.process.wait(20), shown.decode().replace("\r\n", "\n")


class Screen:
    """A command on its own terminal, and the contents of that terminal."""

    def __init__(self, folder: Path, *args: str, columns: int = 100, rows: int = 30, **environment: str) -> None:
        self.terminal = OwnTerminal(folder, *args, columns=columns, rows=rows, **environment)
        self.process = self.terminal.process
        self.screen = pyte.HistoryScreen(columns, rows, history=5_000)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal, as dragging the corner of a window does."""
        self.terminal.resize(columns, rows)
        self.screen.resize(rows, columns)

    def read(self, seconds: float) -> bool:
        """Read the next output. Returns False at its end."""
        if not select.select([self.terminal.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal.fd, 65_536)
        except OSError:
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without empty ones."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    @property
    def everything(self) -> list[str]:
        """The lines on the screen and those that were scrolled away, without empty ones."""
        above = ["".join(line[at].data for at in range(self.screen.columns)) for line in self.screen.history.top]
        return [line.rstrip() for line in [*above, *self.screen.display] if line.strip()]

    def until(self, *patterns: str, gone: str = "never shown") -> list[str]:
        """Wait until the lines match all patterns and no line holds ``gone``, and return the lines."""

        def shown() -> bool:
            text = "\n".join(self.lines)
            return gone not in text and all(re.search(pattern, text, re.MULTILINE) for pattern in patterns)

        self.wait(shown, f"{patterns} did not appear")
        return self.lines

    def wait(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 30
        while not condition():
            assert self.read(0.05), f"{what}; it ended: {self.everything}"
            assert time.monotonic() < end, f"{what}: {self.lines}"

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        while self.read(30):
            pass
        return self.process.wait(20)

    def kill(self) -> None:
        """End the command, if it has not ended, with all that it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.terminal.fd)


def read_all(fd: int, seen: Callable[[bytes], None] = lambda shown: None) -> bytes:
    """Read a terminal until the last program on it has ended; closes it."""
    shown = b""
    while True:
        try:
            data = os.read(fd, 65_536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        shown += data
        seen(shown)
    os.close(fd)
    return shown
