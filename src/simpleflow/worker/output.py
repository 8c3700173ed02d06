"""The output of activities in a worker process: it goes into a log for each attempt, and to the terminal with a name.

Theory of operation
-------------------
File descriptors 1 and 2 of a worker are the writing end of a pipe, from its start to its end. So everything that an
activity prints comes through the pipe, from C code and from programs that it starts, too. A file in place of the pipe
would need no reader. But if the disk was full, or the limit of file sizes (``ulimit -f``) was reached, printing would
fail, and with it the activity. Here, what cannot be kept is dropped, and the activity does not notice.

The worker reads the pipe itself:

- its watching thread, PAUSE_SECONDS after there is something. So two threads that take turns do not slow down an
  activity that prints a lot. And a process that prints something and dies at once dies before the thread has read it,
  so that the owner finds it in the pipe. While activities are so short that the main thread reads everything, the pause
  grows, and this thread leaves the pipe alone: for each look, both threads would hand the interpreter lock to and fro;
- its main thread, at the end of each activity: so nothing gets into the log of the next one. Output is shown before the
  outcome is sent. If the activity has failed, its log is made then, too, since the view shows the last lines. If it has
  completed, ``output_handover`` leaves a short log to the process that has time for it, and the worker makes a longer
  one while the owner decides what comes next.

``_lock`` is held by the one that reads. The log of an attempt is made when there is something to write, so an activity
that prints nothing costs one look at the pipe. It stays open until the next activity begins if it is made before the
activity ends; else it is closed at once. Threads and processes that an activity left behind write into its log, which
is opened again for them.

The owner of the worker has the reading end, too (``output_pipe``). It reads only where the worker cannot: when the
worker has died, and when the pipe is full while a call into C keeps the interpreter lock of the worker.

*One reader at a time.* A worker may become able to read just when its owner does. What two readers take out of a pipe
could get into the log in another order. So both share two bytes of memory (``Turns``). Each sets its own byte before
it looks at the other's: the worker from before it reads until what it has read is in the log, the owner likewise. If
both are set, the worker steps back. The owner keeps its byte set, so that the worker does not begin again, and looks
later. If the worker has not moved by then, a call into C has stopped it after it has read: between looking at the
owner's byte and reading, Python lets no other thread run. So what the worker has in hand comes first. The owner makes
room in the pipe, but keeps what it has read until the worker has written (up to a limit). No lock of the
kernel would do: the worker may be stopped while it holds it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import termios
import threading
import time
from collections.abc import Callable

from simpleflow.engines.base import ActivityTask
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import escaped
from simpleflow.state_folder import logs
from simpleflow.state_folder.bounded import BoundedFile
from simpleflow.worker.output_handover import Handover, Printed
from simpleflow.worker.output_lines import OutputLines

PAUSE_SECONDS = 0.005
"""How long the watching thread leaves output in the pipe, after it has read some."""

LONGEST_PAUSE_SECONDS = 0.05
"""How long it leaves output in the pipe where the main thread has read all before it, time after time."""

_CHUNK = 65_536  # bytes that are read at once; the capacity of a pipe
_NONE = bytes(4)
_NEARLY_FULL = 32_768  # bytes in a pipe
_LAST_SECONDS = 0.3  # how long a worker whose owner has died waits for the lock
_STEP_SECONDS = 0.001  # between two looks of the worker at whether its owner still reads

# The bytes of ``Turns``. A worker reads a new log of the same attempt when the third one has changed. The fourth one
# is about ``output_handover``.
WORKER, OWNER, WRITTEN, HANDED = range(4)

Turns = mmap.mmap
"""Memory that a worker and its owner share."""


class OutputTarget(NamedTuple):
    """Where the output of activities goes."""

    state: str  # absolute path of the state folder
    limit: int  # bytes of a log, at most
    title: Callable[[ActivityTask], str] | None  # gives the text in front of each line; None: lines are not shown
    stamps: bool = False  # each line that is shown begins with the time


class WorkerOutput:
    """The output of a worker, inside the worker."""

    def __init__(self, target: OutputTarget, reader: int, writer: int, turns: Turns, handover: Handover) -> None:
        self.reader = reader  # of the pipe
        self._handover = handover
        self._handed: ActivityTask | None = None  # the latest whose log is left to the process that has time for it
        self._turns = turns
        self._written = 0  # the byte WRITTEN when the log was opened
        self._target = target
        self._writer = writer  # kept open, so that the pipe has no end if an activity closes its standard output
        self._lock = threading.Lock()  # held by the thread that reads
        self.task: ActivityTask | None = None  # that is under way, or was last
        self._began = 0.0  # epoch seconds at which it began
        self._file: BoundedFile | None = None  # the log of the task
        self._fails = False  # there can be no log of the task
        self._is_silent = True  # the latest task has printed nothing
        self._owner = os.getppid()
        self._pending = b""  # was read and shown, and is not in the log
        self._titled: ActivityTask | None = None  # the task whose name stands before the lines
        self._lines: OutputLines | None = None
        try:
            self._lines = OutputLines(os.dup(2), target.stamps, getattr(sys.stderr, "encoding", None) or "utf-8")
        except OSError:
            pass  # standard error is closed: lines are not seen
        os.dup2(writer, 1)
        os.dup2(writer, 2)

    @property
    def is_filling(self) -> bool:
        """True if there is so much in the pipe that printing may soon have to wait."""
        return is_nearly_full(self.reader)

    def begin(self, task: ActivityTask) -> None:
        """A task begins: output from now on belongs to it."""
        if self._file is not None or self._fails:
            with self._lock:
                if self._file is not None:
                    self._file.close()
                self._file = None
                self._fails = False
        self.task = task
        self._began = time.time()

    def end(self, soon: bool = False) -> None:
        """A task ends: show all that it has printed, and have it in its log; with ``soon`` after a call of ``keep``."""
        if (
            self._is_silent
            and not self._lock.locked()
            and self._file is None
            and not self._turns[OWNER]
            and not _unread(self.reader)
        ):
            return
        self._is_silent = True
        with self._lock:
            while data := self._receive():
                self._is_silent = False
                self._show(data)
                self._pending += data
                if not soon or len(self._pending) > _CHUNK:
                    self._keep()
                if len(data) < _CHUNK:
                    break  # that was all
            if self._lines is not None:
                self._lines.end_line()
            if (
                self._pending
                and self._file is None
                and self.task is not None
                and not self._fails
                and not self._turns[HANDED]
                and len(self._pending) <= self._target.limit
            ):
                self._hand_over(self.task)

    def keep(self) -> None:
        """Have all that was shown in the log, or on its way there."""
        if self._pending:
            with self._lock:
                self._make_logs()  # the owner has had no time for it
                self._keep(is_all=True)

    @property
    def has_logs_to_make(self) -> bool:
        """True if ``make_logs`` has something to do."""
        return self._handover.has_texts

    def make_logs(self) -> None:
        """Make the logs that the owner has not made."""
        with self._lock:
            self._make_logs()

    def pump(self) -> bool:
        """Read the bytes in the pipe; returns True if there were some. Called by the watching thread."""
        with self._lock:
            return self._drain()

    def show_unfinished(self) -> None:
        """Show a line that was begun some time ago, such as a question. Called by the watching thread now and then."""
        if self._lines is not None and self._lock.acquire(blocking=False):
            try:
                self._lines.end_old_line()
            finally:
                self._lock.release()

    def save(self) -> None:
        """Put all that was printed into logs, without showing it: the owner has died, and this process ends next.

        The main thread goes on meanwhile. It finds the lock taken for ever: nobody would take what it hands over now.
        """
        if self._lock.acquire(timeout=_LAST_SECONDS):
            self._lines = None
            self._turns[OWNER] = 0
            self._make_logs()
            self._keep()
            self._drain()

    def leave(self) -> None:
        """In a process that an activity has forked: it only prints."""
        os.close(self.reader)
        os.close(self._writer)
        self._handover.close()
        if self._lines is not None:
            self._lines.close()

    def _receive(self) -> bytes:
        """The bytes in the pipe, up to a chunk, once the owner does not read; empty if there are none."""
        turns = self._turns
        while True:
            # From here to ``read`` no other thread may run: so there is no call of a function of Python in between.
            turns[WORKER] = 1
            if not turns[OWNER]:
                try:
                    data = os.read(self.reader, _CHUNK)
                except OSError:
                    data = b""
                if not data and not self._pending:
                    turns[WORKER] = 0
                return data
            self._keep()
            turns[WORKER] = 0
            time.sleep(_STEP_SECONDS)
            if os.getppid() != self._owner:
                turns[OWNER] = 0  # it has died

    def _drain(self) -> bool:
        found = False
        while data := self._receive():
            found = True
            self._pending += data
            self._keep()  # first, since showing may take long: a terminal can be stopped
            self._show(data)
        return found

    def _hand_over(self, task: ActivityTask) -> None:
        """Leave the log of a task that has completed to the process that has time for it, if it is short enough."""
        if self._handover.put(task, self._began, self._pending):
            self._handed = task
            self._pending = b""
            self._turns[WORKER] = 0

    def _make_logs(self) -> None:
        self._handed = None
        for printed in self._handover.take():
            try:
                printed.keep(self._target.state, self._target.limit)
            except OSError as error:
                self._tell_loss(printed.run_id, printed.activity_id, error)

    def _keep(self, is_all: bool = False) -> None:
        """Write the pending output into the log. ``is_all``: its task has ended."""
        try:
            self._add_to_log(is_all)
        finally:
            self._turns[WORKER] = 0

    def _add_to_log(self, is_all: bool) -> None:
        task, data, self._pending = self.task, self._pending, b""
        if task is None or self._fails or not data:
            return
        if self._handed is task:  # what a process prints that it has left behind comes later
            self._make_logs()
        try:
            if self._file is not None and self._written != self._turns[WRITTEN]:
                self._file.close()  # its size has changed
                self._file = None
            if self._file is None:
                target = self._target
                if is_all and len(data) <= target.limit:
                    Printed(task.run_id, task.activity_id, task.tries, self._began, data).keep(
                        target.state, target.limit
                    )
                    return
                self._written = self._turns[WRITTEN]
                self._file = opened_log(target, task, self._began)
            self._file.write(data)
        except OSError as error:
            self._fails = True  # what comes later would look as if nothing was missing
            self._tell_loss(task.run_id, task.activity_id, error)

    def _tell_loss(self, run_id: str, activity_id: str, error: OSError) -> None:
        if self._lines is not None:
            where = logs.folder_of(self._target.state, run_id)
            what = f"the output of activity {escaped(activity_id)} is not kept"
            self._lines.note(f"{what}: {error.strerror}: {escaped(where)}")

    def _show(self, data: bytes) -> None:
        task, title = self.task, self._target.title
        if self._lines is None or title is None:
            return
        if task is not None and task is not self._titled:
            self._titled = task
            self._lines.begin(title(task))
        self._lines.write(data)


def opened_log(target: OutputTarget, task: ActivityTask, began: float) -> BoundedFile:
    """Open the log of a task that began at ``began``, in epoch seconds. Raises OSError."""
    opened = logs.open_log(target.state, task.run_id, task.activity_id, task.tries, began)
    return BoundedFile(*opened, target.limit)


def read(descriptor: int) -> bytes:
    """The bytes in the pipe, up to a chunk; empty if the pipe is empty or has ended."""
    try:
        return os.read(descriptor, _CHUNK)
    except OSError:
        return b""


def is_nearly_full(descriptor: int) -> bool:
    return int.from_bytes(_unread(descriptor), sys.byteorder) >= _NEARLY_FULL


def _unread(descriptor: int) -> bytes:
    """How many bytes are in the pipe, as the system writes the number; nothing for 0."""
    found = fcntl.ioctl(descriptor, termios.FIONREAD, _NONE)
    return b"" if found == _NONE else found
