"""Messages between a worker process and its owner: pickled, each after its length, through two pipes.

``multiprocessing.connection`` does the same. It takes longer to load than all of the engine, and to pickle a task.
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
    """One end. ``send`` and ``receive`` may be used by different threads, each by one at a time."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two ends of one channel."""
        (reader, theirs), (other, writer) = os.pipe(), os.pipe()
        return cls(reader, writer), cls(other, theirs)

    def fileno(self) -> int:
        """What can be read once there is a message, or nobody is going to send one."""
        return self._reader

    def send(self, message: Any) -> None:
        """Raises OSError if nobody listens any longer."""
        self.write(packed(message))

    def write(self, data: bytes) -> None:
        """Send a message that is ``packed``."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._writer, rest) :]

    def receive(self, spin_seconds: float = 0) -> Any:
        """The next message; waits for it, for so many seconds ``keenly``.

        Raises EOFError or OSError if nobody is going to send one.
        """
        if spin_seconds:
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            spin(poll, spin_seconds)
        return pickle.loads(self._read(int.from_bytes(self._read(_LENGTH))))

    def ready(self, seconds: float) -> bool:
        """Whether ``receive`` has something to return or to raise, now or within so many seconds."""
        return bool(readable([self._reader], seconds))

    def close(self) -> None:
        """Let go of this end."""
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
    """A message as it goes through the pipe."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_LENGTH) + data


def spin(poll: select.poll, seconds: float) -> bool:
    """Whether something can be read within so many seconds, in which the processor is kept awake.

    To wake it takes longer than a short task, and leaves its caches cold. Where there is but one, it is not held up.
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
    """Those of the descriptors that can be read, now or within so many seconds; an end counts too."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
