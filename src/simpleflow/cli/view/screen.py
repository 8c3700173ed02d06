"""A region at the bottom of a terminal that is redrawn while this process and its children print above it.

How it works: ``open`` replaces file descriptors 1 and 2 by one end of a pseudo-terminal and keeps the real terminal in
``_real``. Everything that is printed, also by programs and by worker processes, arrives at the other end, ``_ours``.
No output is lost or overwritten, and the workflow's ``run`` still sees a terminal with the right size.

A thread reads ``_ours``. Whole lines wait in ``_printed`` until the next frame. To draw, the thread moves the cursor up
by the rows of the last frame, writes the printed lines over it, and then writes the new frame below them. The cursor
thus stays at the start of the line below the frame. An unfinished line, such as a prompt, cannot be written there, so
``draw`` gets it and shows it as part of the frame. Frames are at least 0.1 s apart, more if drawing is expensive, and
0.5 s apart if only time has passed. Printed lines are written at once while there is no frame.

While the main thread forks a worker process, the thread does not run (``worker.forks``): it ends, and another one goes
on. A terminal that was stopped with Ctrl-S may keep it from ending in time. So it takes no lock that a child needs: it
imports nothing, and it writes to file descriptors, never to ``sys.stdout``. It also blocks the signals that must wake
the main thread.

If the process is killed, the terminal needs no repair: the cursor is never hidden, and no terminal mode is changed. If
the terminal goes away, writing stops and the run continues.
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

from simpleflow.worker import forks
from simpleflow.worker.forked import flush

MIN_FRAME_SECONDS = 0.1
"""Shortest time between two frames."""

IDLE_SECONDS = 0.5
"""Time between two frames if nothing has changed but the time, and before the first frame."""

PAUSE_PER_COST = 50
"""Shortest pause after a frame, as a multiple of its computing time: drawing takes at most 2 % of the time."""

_LONGEST_PAUSE = 0.5  # seconds that a fork waits for the end of the thread
_CHUNK = 65_536


class Screen:
    """Draws a region of lines at the bottom of the terminal.

    Args:
        draw: returns the lines for a width in columns, a number of rows, and the unfinished line of the printed text.
            Called in the thread.
        changed: returns True if there is something new to draw, apart from the time. Called in the thread.
        encoding: of the terminal.
    """

    def __init__(self, draw: Callable[[int, int, str], Sequence[str]], changed: Callable[[], bool], encoding: str):
        self._draw = draw
        self._changed = changed
        self._encoding = encoding
        self._real = -1  # file descriptor of the terminal
        self._ours = self._theirs = -1  # ends of the pseudo-terminal; what is printed to _theirs is read from _ours
        self._wake: tuple[int, int] = -1, -1  # pipe that wakes the thread to stop it
        self._thread: threading.Thread | None = None
        self._pausing = False  # the thread is to end
        self._paused = True  # there is no thread, or it has seen that it is to end
        self._pause_lock = threading.Lock()  # of these two
        self._stopping = False  # set by close
        self._due = self._drawn = 0.0  # monotonic time of the next frame at the earliest, and of the last one
        self._gone = False  # the terminal is gone: write no more
        self.rows = 24  # of the terminal
        self._rows = 0  # of the frame on the terminal
        self._size = b""  # of the terminal, as TIOCGWINSZ gives it
        self._printed = b""  # whole lines that are not written yet
        self._partial = b""  # the unfinished line

    def open(self) -> bool:
        """Redirect the output and start the thread. Returns False, and changes nothing, without a pseudo-terminal."""
        try:
            os.fstat(1)
            self._ours, self._theirs = os.openpty()
            self._real = os.dup(2)
        except OSError:
            return False
        tty.setraw(self._theirs)
        self._wake = os.pipe()
        self._due = self._drawn = time.monotonic() + IDLE_SECONDS
        self.resume()
        forks.add(self)
        flush()
        os.dup2(self._theirs, 1)
        os.dup2(self._theirs, 2)
        return True

    def close(self) -> bool:
        """Write the rest of the printed text, erase the frame, and restore standard output and standard error.

        Returns False if the screen was not open.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return False
        forks.remove(self)
        flush()
        os.dup2(self._real, 1)
        os.dup2(self._real, 2)
        self._stopping = True
        os.write(self._wake[1], b".")
        thread.join()
        for each in (self._real, self._ours, self._theirs, *self._wake):
            os.close(each)
        return True

    def pause(self) -> None:
        """End the thread for a moment, unless the terminal keeps it busy."""
        thread = self._thread
        if thread is not None:
            self._pausing = True
            os.write(self._wake[1], b".")
            end = time.monotonic() + _LONGEST_PAUSE
            thread.join(_LONGEST_PAUSE)
            # The system may know of a thread for a moment longer than Python does.
            while os.path.exists(f"/proc/self/task/{thread.native_id}") and time.monotonic() < end:
                time.sleep(0.0001)

    def resume(self) -> None:
        """Start the thread, or let it go on."""
        with self._pause_lock:
            self._pausing = False
            starts, self._paused = self._paused, False
        if starts:
            thread = threading.Thread(target=self._serve, name="screen", daemon=True)
            # Signals must wake the main thread. A new thread blocks what the one that starts it blocks.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            try:
                thread.start()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self._thread = thread

    # The methods below run in the thread.

    def _serve(self) -> None:
        self._measure()
        while not self._stopping:
            timeout = max(0.0, self._due - time.monotonic())
            ready, _, _ = select.select([self._ours, self._wake[0]], [], [], timeout)
            if self._wake[0] in ready and not self._stopping:
                os.read(self._wake[0], _CHUNK)
                with self._pause_lock:
                    if self._pausing:
                        self._paused = True
                        return
            if self._ours in ready:
                self._read()
            now = time.monotonic()
            if not self._rows or len(self._printed) > _CHUNK:
                self._write_printed()
            if now < self._due:
                continue
            self._due = now + MIN_FRAME_SECONDS
            if self._printed or self._changed() or now - self._drawn >= IDLE_SECONDS:
                cost = self._frame()
                self._drawn = time.monotonic()
                self._due = max(self._due, self._drawn + PAUSE_PER_COST * cost)
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
        """Draw a frame and return the computing time in seconds. While the terminal changes its size, draw nothing."""
        began = time.thread_time()
        before = self._size
        columns, rows = self._measure()
        if self._size != before:
            return 0.0
        partial = self._partial.rstrip(b"\r").rpartition(b"\r")[2].decode(errors="replace")
        try:
            lines = self._draw(columns, rows - 1 - rows // 6, partial)  # the rest keeps printed lines in sight
        except Exception:  # noqa: BLE001 (the thread must keep reading the output, or the run would block)
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
        """Return columns and rows of the terminal, and give the pseudo-terminal the same size."""
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
                self._gone = True  # the terminal is closed; the run goes on
