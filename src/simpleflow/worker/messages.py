"""Messages between a worker process and its owner: pickled, each after its length, through two pipes.

``multiprocessing.connection`` does the same, but takes longer to import than the whole engine, and to pickle a task.

To *spin* is to check a pipe again and again instead of sleeping until it is readable. A task of a few microseconds ends
sooner than the kernel wakes a sleeping process, so both sides spin for a fraction of a millisecond before they sleep.
"""

from __future__ import annotations

import functools
import os
import pickle
import select
import time
from typing import Any

_LENGTH = 8  # bytes


class Channel:
    """One end of a channel. ``send`` and ``receive`` may be used by different threads, each by one at a time."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """The two ends of a new channel."""
        (reader, theirs), (other, writer) = os.pipe(), os.pipe()
        return cls(reader, writer), cls(other, theirs)

    def fileno(self) -> int:
        """The descriptor that is readable once there is a message, or the other end is closed."""
        return self._reader

    def send(self, message: Any) -> None:
        """Send a message. Raises OSError if the other end is closed."""
        self.write(packed(message))

    def write(self, data: bytes) -> None:
        """Send a message that was ``packed``. Raises OSError if the other end is closed."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._writer, rest) :]

    def receive(self, spin_seconds: float = 0) -> Any:
        """The next message. Waits for it, and spins for the first ``spin_seconds``.

        Raises EOFError or OSError if the other end is closed.
        """
        if spin_seconds:
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            spin(poll, spin_seconds)
        return pickle.loads(self._read(int.from_bytes(self._read(_LENGTH))))

    def ready(self, seconds: float) -> bool:
        """True if ``receive`` would return or raise at once, now or within so many seconds."""
        return bool(readable([self._reader], seconds))

    def close(self) -> None:
        """Close this end."""
        os.close(self._reader)
        os.close(self._writer)

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


def packed(message: Any) -> bytes:
    """The bytes of a message, with its length first."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_LENGTH) + data


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
