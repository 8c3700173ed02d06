"""Stop a process that polls: it finishes its task, and does not wait for another one.

Theory of operation
-------------------
A long poll waits for up to a minute inside a client library. To stop sooner without losing a task that the service is
just handing out, the poll is hung up in two steps:

1. The sending side of its connection is shut down. The service sees that, and hands out no task to it. A task that was
   handed out before is still read.
2. After a second without an answer, the receiving side is shut down, too, and the poll fails.

An answer of which a part has arrived is read to its end. So is an answer that is not that of a long poll: one for which
the process has waited for less than a second, such as a further page of a history.

The connection belongs to the client library, several layers below the call, and is not in its pool while it is in use.
So it is found on the stack of the thread that polls: the frame in which ``http.client`` waits for the status line.

The main thread, if it polls itself, is interrupted by a timer signal (SIGALRM) every 0.2 s; the handler looks at the
interrupted frame. If other threads poll, the main thread calls ``tick`` that often.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_TICK_SECONDS = 0.2
_LONG_SECONDS = 1.0  # a wait that is shorter may be for the next page of a task that was handed out
_LISTEN_SECONDS = 1.0  # between the two steps of hanging up


@dataclass
class _Poll:
    """A poll of one thread. Times are monotonic."""

    waits: FrameType | None = None  # the call that waits for its answer
    since: float = 0.0  # when that call was first seen
    hung_up_at: float | None = None  # when the sending side was shut down


class Stopping:
    """A stop is requested by SIGTERM, or by the end of the process that started this one.

    Args:
        owner: process id of the parent, whose end requests a stop too; None: only SIGTERM does.

    Attributes:
        requested_at: monotonic time of the request; None without one.

    Create it in the main thread. It replaces the handlers of SIGTERM, SIGINT and SIGALRM. Other threads may poll if the
    main thread calls ``tick`` often.
    """

    def __init__(self, owner: int | None = None) -> None:
        self._requested = False
        self.requested_at: float | None = None
        self._owner = owner
        self._main = threading.get_ident()
        self._polls: dict[int, _Poll] = {}  # by thread
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the owner handles Ctrl-C
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_signal)

    def requested(self) -> bool:
        """True if a stop was requested."""
        return self._requested

    @contextmanager
    def polling(self) -> Iterator[None]:
        """A block with a poll, which is hung up once a stop is requested."""
        thread = threading.get_ident()
        self._polls[thread] = _Poll()
        if thread == self._main:
            signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)
        try:
            yield
        finally:
            del self._polls[thread]
            if thread == self._main:
                signal.setitimer(signal.ITIMER_REAL, 0)

    def tick(self) -> None:
        """For the main thread, if others poll: hang up their polls if a stop was requested."""
        self.check_owner()
        frames = sys._current_frames()
        for thread, poll in list(self._polls.items()):
            _watch(poll, frames.get(thread), self._requested)

    def nap(self, seconds: float) -> None:
        """Sleep for so many seconds, or until a stop is requested."""
        if not self._requested:
            select.select([self._wake_reader], [], [], seconds)
            self.check_owner()

    def check_owner(self) -> None:
        """Request a stop if the owner has ended."""
        if self._owner is not None and os.getppid() != self._owner:
            self._request()

    def _request(self) -> None:
        if not self._requested:
            self.requested_at = time.monotonic()
            self._requested = True
            os.write(self._wake_writer, b".")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            self._request()
        self.check_owner()
        poll = self._polls.get(self._main)
        if poll is not None:
            _watch(poll, frame, self._requested)


def _watch(poll: _Poll, frame: FrameType | None, requested: bool) -> None:
    """Hang up the poll that waits at ``frame``, if a stop was requested; see the theory of operation."""
    frame, connection = _waiting_call(frame)
    now = time.monotonic()
    if frame is None or connection is None:
        poll.waits = poll.hung_up_at = None
        return
    if poll.waits is not frame:
        poll.waits, poll.since, poll.hung_up_at = frame, now, None
    if not requested or now - poll.since < _LONG_SECONDS:
        return
    if poll.hung_up_at is None:
        poll.hung_up_at = now
        _shut_down(connection, socket.SHUT_WR)
    elif now - poll.hung_up_at >= _LISTEN_SECONDS:
        _shut_down(connection, socket.SHUT_RDWR)


def _waiting_call(frame: FrameType | None) -> tuple[FrameType | None, socket.socket | None]:
    """The call in which the code at ``frame`` waits for an answer, and its connection; (None, None) if it does not.

    It does not wait if a part of the answer has arrived.
    """
    reads: FrameType | None = None
    while frame is not None:
        if frame.f_code is _READS:
            reads = frame
        elif frame.f_code is _WAITS and reads is not None:
            connection = reads.f_locals["self"]._sock
            try:
                return (None, None) if select.select([connection], [], [], 0)[0] else (reads, connection)
            except (TypeError, ValueError, OSError):  # another thread has just closed it
                return None, None
        frame = frame.f_back
    return None, None


def _shut_down(connection: socket.socket, how: int) -> None:
    try:
        socket.socket.shutdown(connection, how)  # not the method of TLS sockets, which drops the TLS state
    except OSError:
        pass  # the connection is closed


_READS = socket.SocketIO.readinto.__code__
_WAITS = http.client.HTTPResponse._read_status.__code__  # type: ignore[attr-defined]
