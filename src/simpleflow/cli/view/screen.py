"""A region at the bottom of a terminal that is drawn again and again, below whatever is printed meanwhile.

What this process and its children print to standard output and error goes through a pseudo-terminal of ours, so nothing
of it is lost or drawn over, and who prints still sees a terminal. A thread passes it on and draws.

The thread takes no lock that a forked child could miss, imports nothing, and writes to file descriptors only. The
cursor is never hidden and no mode is changed: when the process is killed there is nothing to restore.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import threading
import time
import traceback
import tty
from collections.abc import Callable, Sequence

from simpleflow.worker.process import flush

EVERY_SECONDS = 0.1
"""Between frames, at least."""

IDLE_SECONDS = 0.5
"""Between frames where only time passes; and before the first one."""

SHARE = 50
"""How many times what a frame has cost passes before the next one: it takes 2 % of the time at most."""

_CHUNK = 65_536


class Screen:
    """Draws the lines that ``draw`` gives for (columns, rows of room, the unfinished line of what was printed).

    ``changed`` says whether there is more to show than that time has passed.
    """

    def __init__(self, draw: Callable[[int, int, str], Sequence[str]], changed: Callable[[], bool], encoding: str):
        self._draw = draw
        self._changed = changed
        self._encoding = encoding
        self._real = self._ours = self._theirs = -1
        self._wake: tuple[int, int] = -1, -1
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._gone = False
        self.rows = 24  # of the terminal
        self._rows = 0  # of the frame on the screen
        self._size = b""
        self._printed = b""  # whole lines, not written yet
        self._partial = b""

    def open(self) -> bool:
        """Begin; returns False, with nothing changed, where there is no pseudo-terminal to be had."""
        try:
            os.fstat(1)
            self._ours, self._theirs = os.openpty()
            self._real = os.dup(2)
        except OSError:
            return False
        tty.setraw(self._theirs)
        self._wake = os.pipe()
        thread = threading.Thread(target=self._serve, name="screen", daemon=True)
        thread.start()
        self._thread = thread
        flush()
        os.dup2(self._theirs, 1)
        os.dup2(self._theirs, 2)
        return True

    def close(self) -> bool:
        """Write all that was printed, take the frame away, and give standard output and error back.

        Returns False if it was not open.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return False
        flush()
        os.dup2(self._real, 1)
        os.dup2(self._real, 2)
        self._stopping = True
        os.write(self._wake[1], b".")
        thread.join()
        for each in (self._real, self._ours, self._theirs, *self._wake):
            os.close(each)
        return True

    # In the thread

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # they are to wake the main thread
        self._measure()
        due = drawn = time.monotonic() + IDLE_SECONDS
        while not self._stopping:
            ready, _, _ = select.select([self._ours, self._wake[0]], [], [], max(0.0, due - time.monotonic()))
            if self._ours in ready:
                self._read()
            now = time.monotonic()
            if not self._rows or len(self._printed) > _CHUNK:
                self._write_printed()
            if now < due:
                continue
            due = now + EVERY_SECONDS
            if self._printed or self._changed() or now - drawn >= IDLE_SECONDS:
                cost = self._frame()
                drawn = time.monotonic()
                due = max(due, drawn + SHARE * cost)
        while select.select([self._ours], [], [], 0)[0] and self._read():
            pass
        self._printed += self._partial + (b"\n" if self._partial else b"")
        self._partial = b""
        self._write(self._erasure() + self._printed)

    def _read(self) -> bool:
        try:
            data = os.read(self._ours, _CHUNK)
        except OSError:
            return False
        whole, newline, self._partial = (self._partial + data).rpartition(b"\n")
        self._printed += whole + newline
        if len(self._partial) > _CHUNK:
            self._printed, self._partial = self._printed + self._partial + b"\n", b""
        return bool(data)

    def _write_printed(self) -> None:
        if self._printed:
            self._write(self._erasure() + self._printed)
            self._printed = b""

    def _frame(self) -> float:
        """Draw; returns the seconds of computing that it took. Not while the size changes."""
        began = time.thread_time()
        before = self._size
        columns, rows = self._measure()
        if self._size != before:
            return 0.0
        partial = self._partial.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        try:
            lines = self._draw(columns, rows - 1 - rows // 6, partial)  # what is printed stays in sight for a while
        except Exception:  # noqa: BLE001 (what is printed must go on being passed on, or the run would stop)
            self._printed += traceback.format_exc().encode()
            self._draw = lambda columns, rows, partial: []
            lines = []
        data = ("".join(line + "\x1b[K\n" for line in lines) + "\x1b[J").encode(self._encoding, "replace")
        if self._printed:
            data = self._erasure() + self._printed + b"\x1b[0m" + data
            self._printed = b""
        elif self._rows:
            data = f"\r\x1b[{self._rows}A".encode() + data
        self._rows = len(lines)
        self._write(data)
        return time.thread_time() - began

    def _erasure(self) -> bytes:
        rows, self._rows = self._rows, 0
        return f"\r\x1b[{rows}A\x1b[J".encode() if rows else b""

    def _measure(self) -> tuple[int, int]:
        """Columns and rows of the terminal; those who print through ours see the same."""
        try:
            size = fcntl.ioctl(self._real, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return 80, 24
        if size != self._size:
            self._size = size
            fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, size)
        rows, columns = struct.unpack("4H", size)[:2]
        self.rows = rows or 24
        return columns or 80, self.rows

    def _write(self, data: bytes) -> None:
        while data and not self._gone:
            try:
                data = data[os.write(self._real, data) :]
            except BlockingIOError:
                select.select([], [self._real], [])
            except OSError:
                self._gone = True  # the terminal is; the run goes on
