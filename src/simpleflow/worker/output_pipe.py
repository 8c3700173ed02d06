"""The pipe with the output of one worker, as its owner has it. See ``output`` for the theory of operation."""

from __future__ import annotations

import mmap
import os
import time

from simpleflow.engines.base import ActivityTask
from simpleflow.worker.output import (
    HANDED,
    OWNER,
    WORKER,
    WRITTEN,
    OutputTarget,
    Turns,
    WorkerOutput,
    is_nearly_full,
    opened_log,
    read,
)
from simpleflow.worker.output_handover import Handover

_STUCK_SECONDS = 0.5  # after which a worker that does not step back cannot
_READS = 64  # reads before the owner turns to other things
_LATER = 1 << 22  # bytes that the owner keeps in memory for a worker that cannot write what it has in hand


class OutputPipe:
    """The pipe of one worker, as its owner has it. Raises OSError if there are too many open files."""

    def __init__(self, target: OutputTarget) -> None:
        self._target = target
        self._turns = Turns(-1, mmap.PAGESIZE)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        try:
            self._handover = Handover(self._turns, HANDED)
        except OSError:
            self.close_writer()
            os.close(self._reader)
            raise
        self._makes_logs = True  # until it has failed to
        self._read: list[bytes] = []  # what the worker could not read, and is not in the log
        self._size = 0  # of that
        self._of: tuple[ActivityTask, float] | None = None  # the task that printed it, and its monotonic begin
        self._since = 0.0  # monotonic time since which the worker has had something in hand

    def close_writer(self) -> None:
        """In the owner: close the writing end once the worker was forked."""
        if self._writer != -1:
            os.close(self._writer)
            self._writer = -1

    def close(self) -> None:
        """Close what this process has of the pipe."""
        self.close_writer()
        os.close(self._reader)
        self._handover.close()
        self._turns.close()

    def redirect(self) -> WorkerOutput:
        """In the worker: send output from now on through the pipe."""
        return WorkerOutput(self._target, self._reader, self._writer, self._turns, self._handover)

    @property
    def has_logs_to_make(self) -> bool:
        """True if ``make_logs`` has something to do."""
        return self._handover.has_texts and self._makes_logs

    def make_logs(self) -> None:
        """In the owner: make the logs that the worker has handed over."""
        for printed in self._handover.take():
            try:
                printed.keep(self._target.state, self._target.limit)
                self._count_written()
            except OSError:
                self._makes_logs = False
                self._handover.put_back(printed)  # the worker tries, and tells about it
                return

    @property
    def is_reading(self) -> bool:
        """True: ``relieve`` has begun something that another call has to finish."""
        return self._turns[OWNER] != 0

    def relieve(self, task: ActivityTask, began: float) -> None:
        """In the owner: read from a pipe that is nearly full, of a worker that has been silent.

        For the arguments see ``rescue``. Call it again while ``is_reading``, also once the worker is silent no longer.
        """
        turns = self._turns
        if not turns[OWNER]:
            if not is_nearly_full(self._reader):
                return
            self._since = time.monotonic()
            self._of = task, began
            turns[OWNER] = 1
        if not turns[WORKER]:
            self._take()
        elif time.monotonic() - self._since >= _STUCK_SECONDS:
            self._take()
            if self._size <= _LATER:
                return
        else:
            return
        self._write()
        turns[OWNER] = 0

    def rescue(self, task: ActivityTask | None, began: float) -> None:
        """In the owner: add what a worker that has died could not read to the log of its task, or print it.

        ``task``: the last one that it began, or None; ``began``: when that was, in monotonic time.
        """
        self.make_logs()
        if self._of is not None:
            task, began = self._of
        self._of = None if task is None else (task, began)
        self._take()
        self._write()

    def _take(self) -> None:
        for _ in range(_READS):
            if not (data := read(self._reader)):
                break
            self._read.append(data)
            self._size += len(data)

    def _count_written(self) -> None:
        """Tell the worker that a log which it may have open is longer now."""
        self._turns[WRITTEN] = (self._turns[WRITTEN] + 1) % 256

    def _write(self) -> None:
        data, of = b"".join(self._read), self._of
        self._read, self._size, self._of = [], 0, None
        if not data:
            return
        try:
            if of is None:
                os.write(2, data)
                return
            task, began = of
            file = opened_log(self._target, task, time.time() - (time.monotonic() - began))
            try:
                file.write(data)
            finally:
                file.close()
                self._count_written()
        except OSError:
            pass  # nothing can be kept: the run does not fail for that
