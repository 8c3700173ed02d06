"""How a process that polls is asked to stop: what it does is finished, what it waits for is not."""

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
_LONG_SECONDS = 1.0  # an answer that comes sooner is not that of a long poll: a next page, and the task is in hand
_LISTEN_SECONDS = 1.0  # after hanging up


@dataclass
class _Poll:
    """A request of one thread whose answer is waited for."""

    waits: FrameType | None = None  # the call that waits
    since: float = 0.0
    hung_up_at: float | None = None


class Stopping:
    """Asked by SIGTERM, or by the end of the process that started this one, to stop.

    A long poll that waits for its answer is hung up then, so that the service sees that nobody is there. An answer that
    is on its way is read to its end: no task is lost.

    Args:
        owner: process id of the parent, whose end asks too; None: nobody's does.

    It is made in the main thread, and replaces the handlers of SIGTERM, SIGINT and SIGALRM. Other threads may poll
    while that one calls ``tick`` often.
    """

    def __init__(self, owner: int | None = None) -> None:
        self._requested = False
        self._owner = owner
        self._main = threading.get_ident()
        self._polls: dict[int, _Poll] = {}  # by thread
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's business
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGALRM, self._on_signal)

    def requested(self) -> bool:
        """Whether somebody asked to stop."""
        return self._requested

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Inside, a request is made whose answer is not waited for once somebody asks to stop."""
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
        """For the main thread, if others poll: see whether somebody asks to stop, and end what they wait for."""
        self.check_owner()
        frames = sys._current_frames()
        for thread, poll in list(self._polls.items()):
            _watch(poll, frames.get(thread), self._requested)

    def nap(self, seconds: float) -> None:
        """Let time pass, unless somebody asks to stop."""
        if not self._requested:
            select.select([self._wake_reader], [], [], seconds)
            self.check_owner()

    def check_owner(self) -> None:
        """See whether the owner has ended."""
        if self._owner is not None and os.getppid() != self._owner:
            self._request()

    def _request(self) -> None:
        if not self._requested:
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
    """End the wait for an answer, if it is to be: first let the service know, then do not listen any longer.

    A task that was handed out before the service knew is still read in between.
    """
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
    """The call in which the interrupted code waits for an answer, and its connection, if nothing has come yet.

    Nobody else could tell: the connection belongs to a client library, several layers below the request, and is not in
    its pool while it is used.
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
        socket.socket.shutdown(connection, how)  # not that of TLS, which forgets its state
    except OSError:
        pass  # it is gone


_READS = socket.SocketIO.readinto.__code__
_WAITS = http.client.HTTPResponse._read_status.__code__  # type: ignore[attr-defined]
