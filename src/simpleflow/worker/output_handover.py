"""What completed activities have printed, on its way into logs: the process that has time for it makes the log.

Theory of operation
-------------------
To make a file takes longer than to hand over a short activity. So a worker does not make the log of an activity that
has completed: before it sends the outcome, it puts what was printed into a pipe, of which it and its owner have both
ends. Whichever comes first takes it out and makes the log:

- the owner, when it would otherwise only wait for its workers;
- the worker, when no further task is there, with what it prints next, and at the latest with its next heartbeat;
- the one that is left when the other has died.

What is printed is in the pipe before the outcome is sent. A process that is killed while it makes a log takes that one
with it, and no other: each is taken out of the pipe when its turn has come.

Each text, with the ids of its activity, fills PIPE_BUF bytes: so the system writes it as a whole, and one read takes
one text, whichever process reads. Longer ones are not for this pipe.
"""

from __future__ import annotations

import marshal
import mmap
import os
import select
from collections.abc import Iterator
from typing import Any

from simpleflow.engines.base import ActivityTask
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder import logs
from simpleflow.state_folder.bounded import BoundedFile


class Printed(NamedTuple):
    """All that one attempt has printed."""

    run_id: str
    activity_id: str
    tries: int
    began: float  # epoch seconds
    data: bytes

    def keep(self, state: str, limit: int) -> None:
        """Make the log. Raises OSError."""
        opened, size = logs.open_log(state, self.run_id, self.activity_id, self.tries, self.began)
        if size:
            file = BoundedFile(opened, size, limit)
            try:
                file.write(self.data)
            finally:
                file.close()
            return
        try:
            data = self.data
            while data:
                data = data[os.write(opened, data) :]
        finally:
            os.close(opened)


class Handover:
    """The pipe. A worker and its owner have one in common, made before the fork. Raises OSError as ``os.pipe`` does.

    Args:
        shared: memory that both have.
        flag: which byte of it tells that there is something in the pipe.
    """

    def __init__(self, shared: mmap.mmap, flag: int) -> None:
        self._shared = shared
        self._flag = flag
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    @property
    def has_texts(self) -> bool:
        """True if there is something in the pipe, as far as both have said."""
        return self._shared[self._flag] != 0

    def put(self, task: ActivityTask, began: float, data: bytes) -> bool:
        """Leave the log of a task to the process that has time for it; returns False if the text is too long for that.

        ``began``: when the task began, in epoch seconds; ``data``: all that it has printed.
        """
        return self._put((task.run_id, task.activity_id, task.tries, began, data))

    def put_back(self, printed: Printed) -> None:
        """Leave a log to the other process."""
        self._put(tuple(printed))

    def _put(self, values: tuple[Any, ...]) -> bool:
        try:
            text = marshal.dumps(values)
            if len(text) > select.PIPE_BUF:
                return False
            os.write(self._writer, text.ljust(select.PIPE_BUF, b"\0"))
        except (OSError, ValueError):  # the pipe is full, or an id is of a class that is derived from ``str``
            return False
        self._shared[self._flag] = 1
        return True

    def take(self) -> Iterator[Printed]:
        """Take the texts out of the pipe, one after the other."""
        self._shared[self._flag] = 0
        while True:
            try:
                text = os.read(self._reader, select.PIPE_BUF)
            except BlockingIOError:
                return  # that was all, or the other process was quicker
            yield Printed._make(marshal.loads(text))  # it ignores what is beyond the values

    def close(self) -> None:
        """Close both ends in this process."""
        os.close(self._reader)
        os.close(self._writer)
