"""Messages between a worker process and its owner: each after its length, through two pipes.

``multiprocessing.connection`` does the same, but takes longer to import than the whole engine, and to pickle a task.

Nearly all messages are tasks and outcomes, tuples of texts and numbers. ``marshal`` writes and reads them in a third of
the time of ``pickle``, which all others go through. A pickle begins with another byte than they do.

The worker's end blocks. The owner's end never does: it keeps bytes that a worker has not read yet, and the part of a
message that has arrived. So a worker that was stopped or has died in the middle of a message does not hold up its
owner.

To *spin* is to check a pipe again and again instead of sleeping until it is readable. A task of a few microseconds ends
sooner than the kernel wakes a sleeping process, so the owner spins for a fraction of a millisecond before it sleeps. A
worker does not: the decision that comes before its next task takes longer, and the processor would work twice.
"""

from __future__ import annotations

import fcntl
import functools
import marshal
import os
import select
import sys
import termios
import time
from typing import Any

from simpleflow.engines.base import ActivityTask
from simpleflow.worker.dispatch import Outcome

_LENGTH = 8  # bytes
_CHUNK = 65_536  # bytes that are read at once; the capacity of a pipe
_KINDS: tuple[Any, ...] = (ActivityTask, Outcome)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_PICKLE = 0x80  # the first byte of a pickle
_READS = 16  # reads before the owner turns to other workers


def pair() -> tuple[OwnerEnd, WorkerEnd]:
    """The two ends of a new channel. Raises OSError if there are too many open files."""
    reader, theirs = os.pipe()
    try:
        other, writer = os.pipe()
    except OSError:
        os.close(reader)
        os.close(theirs)
        raise
    return OwnerEnd(reader, writer), WorkerEnd(other, theirs)


class _End:
    """The common part of both ends."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    def fileno(self) -> int:
        """The descriptor that is readable once a message arrives, or the other end is closed."""
        return self._reader

    def close(self) -> None:
        """Close this end."""
        os.close(self._reader)
        os.close(self._writer)


class WorkerEnd(_End):
    """The worker's end. ``send`` and ``receive`` may be used by different threads, each by one at a time."""

    def send(self, message: Any) -> None:
        """Send a message. Raises OSError if the other end is closed."""
        rest = memoryview(packed(message))
        while rest:
            rest = rest[os.write(self._writer, rest) :]

    def receive(self) -> Any:
        """The next message. Waits for it. Raises EOFError or OSError if the other end is closed."""
        return _unpacked(self._read(int.from_bytes(self._read(_LENGTH))))

    def ready(self) -> bool:
        """True if ``receive`` would return or raise now."""
        return bool(readable([self._reader], 0))

    def _read(self, size: int) -> bytes:
        data = os.read(self._reader, size)
        if len(data) == size:
            return data
        parts = [data]
        size -= len(data)
        while size:
            if not data:
                raise EOFError
            data = os.read(self._reader, size)
            size -= len(data)
            parts.append(data)
        return b"".join(parts)


class OwnerEnd(_End):
    """The owner's end, which never blocks."""

    def __init__(self, reader: int, writer: int) -> None:
        super().__init__(reader, writer)
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._unsent = bytearray()  # bytes that did not fit into the pipe
        self._arrived = bytearray()  # the beginning of a message
        self.ended = False  # the worker's end is closed, and everything from it was received

    @property
    def writer(self) -> int:
        """The descriptor that is writable once ``flush`` can write more."""
        return self._writer

    @property
    def unsent(self) -> bool:
        """True if ``flush`` has something to write."""
        return bool(self._unsent)

    def write(self, data: bytes) -> None:
        """Send a message that was ``packed``, or keep what does not fit. Raises OSError if the other end is closed."""
        self.add(data)
        self.flush()

    def add(self, data: bytes) -> None:
        """Keep a message that was ``packed``, until the next ``write`` or ``flush`` sends it."""
        self._unsent += data

    def flush(self) -> None:
        """Write what can be written now. Raises OSError if the other end is closed."""
        while self._unsent:
            try:
                written = os.write(self._writer, self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:written]

    def unread(self) -> int:
        """How many bytes were written that the worker has not read; also after it has died."""
        try:
            count = int.from_bytes(fcntl.ioctl(self._writer, termios.FIONREAD, bytes(4)), sys.byteorder)
        except OSError:
            count = 0
        return count + len(self._unsent)

    def receive(self) -> list[Any]:
        """The messages that have arrived whole. Sets ``ended`` once no more can come."""
        for _ in range(_READS):
            try:
                data = os.read(self._reader, _CHUNK)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self._arrived += data
            if not data:
                self.ended = True
            if len(data) < _CHUNK:
                break
        messages = []
        while len(self._arrived) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._arrived[:_LENGTH])
            if len(self._arrived) < end:
                break
            with memoryview(self._arrived) as view, view[_LENGTH:end] as content:
                messages.append(_unpacked(content))
            del self._arrived[:end]
        return messages

    def receive_all(self) -> list[Any]:
        """The messages that a dead worker has sent whole. Processes that it has started may hold its end open."""
        messages = []
        while not self.ended:
            before = len(self._arrived)
            found = self.receive()
            messages += found
            if not found and len(self._arrived) == before:
                break
        return messages


def packed(message: Any) -> bytes:
    """The bytes of a message, with its length first."""
    number = _NUMBERS.get(type(message))
    data = None
    if number is not None:
        try:
            data = marshal.dumps((number, *message))
        except ValueError:
            pass  # a value is of a class that is derived from ``str``
    if data is None:
        import pickle  # in functions: most runs do without it

        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_LENGTH) + data


def _unpacked(data: bytes | memoryview) -> Any:
    if data[0] != _PICKLE:
        number, *values = marshal.loads(data)
        return _KINDS[number]._make(values)
    import pickle

    return pickle.loads(data)


def spin(poll: select.poll, seconds: float) -> bool:
    """Spin until something can be read, or for so many seconds; returns True if something can.

    Sleeping costs more than a short task: the processor takes time to wake up, and its caches are cold then. On a
    machine with one processor this returns False at once, since the other process needs it.
    """
    end = time.monotonic() + seconds if _processors() > 1 else 0
    while time.monotonic() < end:
        if poll.poll(0):
            return True
        os.sched_yield()
    return False


@functools.cache
def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def readable(descriptors: list[int], seconds: float) -> list[int]:
    """The descriptors that can be read, or whose other end is closed, now or within so many seconds."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
