"""Plans for the page, each made by a process of its own; see ``cli.page_plan``.

Theory of operation
-------------------
The workflow's own code makes a plan, and the page must neither run it in its process nor wait for it. So a thread
starts one process at a time, and ends it after a limit. Meanwhile pages show the plan that was made before, or say that
it is being made.

A plan is kept until the marks or the files of the code have changed; this is looked at now and then, as it may cost a
request. Then it is made again, but not more often than a small share of the time: while a run goes on, marks change
all the time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO

import msgspec

from simpleflow.exceptions import InputError, StoreError
from simpleflow.named_tuple import NamedTuple
from simpleflow.steering import marks
from simpleflow.ui.made_plan import Answer, Making, SourceFile, Wanted

LIMIT = 120.0
"""Seconds that a plan may take."""

_KEPT = 16  # plans
_MOST_WAITING = 8  # plans; of more, those that were asked for first are left out
_LOOK_SECONDS = 2.0  # between two looks at whether a plan is out of date
_EVERY_SECONDS = 10.0  # between two plans that are made since something has changed
_REST = 20  # neither is done sooner than after so many times the time that it took
_PEEK_SECONDS = 0.5  # between two looks at whether there is a plan without an estimate
_LARGEST = 256 << 20  # bytes of an answer
_TAIL = 2_000  # bytes of what was printed, to tell why there is no answer


class Found(NamedTuple):
    """A plan, as far as there is one."""

    answer: Answer | None
    made_at: float  # epoch seconds
    pending: bool  # it is being made, perhaps again


class _Kept:
    """An answer, with what is known about its age."""

    def __init__(self, answer: Answer, made_at: float, took: float) -> None:
        self.answer, self.made_at, self.took = answer, made_at, took
        self.finished = self.looked = time.monotonic()
        self.look_took = 0.0
        self.outdated = False


class Planner:
    """Makes plans.

    Args:
        command: starts the process that makes a plan.
        making: the request to it; ``wanted`` is replaced.
        limit: seconds that a plan may take.
        clock: gives epoch seconds.
    """

    def __init__(
        self, command: Sequence[str], making: Making, limit: float = LIMIT, clock: Callable[[], float] = time.time
    ) -> None:
        self._command = list(command)
        self._making = msgspec.structs.replace(making, owner=os.getpid())
        self._limit = limit
        self._clock = clock
        self._lock = threading.Condition()
        self._kept: OrderedDict[Wanted, _Kept] = OrderedDict()  # the latest look last
        self._waiting: OrderedDict[Wanted, None] = OrderedDict()
        self._current: Wanted | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._others: Answer | None = None  # which says the types of all workflows
        self._began = self._made_at = 0.0  # monotonic time, and epoch seconds
        self.version = 0
        """Another number whenever a plan was made."""

    @property
    def workflows(self) -> tuple[str, ...]:
        """The workflows that plans are made of."""
        return self._making.workflows

    @property
    def has_input(self) -> bool:
        """True if all plans are made with an input of their own, and not that of the run."""
        return self._making.given is not None

    def makes(self, type: str) -> bool:
        """True if plans of workflows of this type are made, as far as it is known: the types are in the code."""
        others = self._others
        return others is None or type in others.types or _has_changed(others.files)

    def find(self, wanted: Wanted, newer: float = 0.0) -> Found:
        """The plan as it is known now. A thread makes it if it is not known, or out of date.

        ``newer``: a plan that was made before this time, in epoch seconds, is made again.
        """
        with self._lock:
            kept = self._kept.get(wanted)
            if kept is not None:
                self._kept.move_to_end(wanted)
        if kept is None or kept.made_at < min(newer, self._clock()) or self._must_renew(kept):
            self._ask(wanted)
        with self._lock:
            pending = wanted in self._waiting or wanted == self._current
        return Found(None, 0.0, pending) if kept is None else Found(kept.answer, kept.made_at, pending)

    def close(self) -> None:
        """End the thread, and the process that makes a plan."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lock.notify_all()
            process = self._process
        if process is not None:
            _kill(process)

    def _must_renew(self, kept: _Kept) -> bool:
        now = time.monotonic()
        if not kept.outdated and now - kept.looked > max(_LOOK_SECONDS, _REST * kept.look_took):
            kept.looked = now
            kept.outdated = _is_outdated(kept.answer)
            kept.look_took = time.monotonic() - now
        return kept.outdated and now - kept.finished > max(_EVERY_SECONDS, _REST * kept.took)

    def _ask(self, wanted: Wanted) -> None:
        with self._lock:
            if self._closed or wanted == self._current:
                return
            self._waiting[wanted] = None
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="plans", daemon=True)
                self._thread.start()
            self._lock.notify_all()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._current = None
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                wanted, _ = self._waiting.popitem(last=False)
                self._current = wanted
            self._began, self._made_at = time.monotonic(), self._clock()
            try:
                answer = self._make(wanted)
            except (OSError, MemoryError, msgspec.MsgspecError) as error:
                answer = Answer(problem=f"the plan could not be made: {error}")
            self._keep(wanted, answer)

    def _keep(self, wanted: Wanted, answer: Answer) -> None:
        self._others = answer if answer.types else self._others
        kept = _Kept(answer, self._made_at, time.monotonic() - self._began)
        with self._lock:
            self._kept[wanted] = kept
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            self.version += 1

    def _await(self, wanted: Wanted, process: subprocess.Popen[bytes], file: IO[bytes]) -> int | None:
        """Wait for the end of the process; returns its exit code, None if it takes too long. Keeps its first answer."""
        end = time.monotonic() + self._limit
        is_known = False
        while (left := end - time.monotonic()) > 0:
            try:
                return process.wait(min(left, _PEEK_SECONDS))
            except subprocess.TimeoutExpired:
                if not is_known and (found := _last_answer(file)) is not None:
                    is_known = True
                    self._keep(wanted, found)
        return None

    def _make(self, wanted: Wanted) -> Answer:
        """Let a process make the plan."""
        request = msgspec.structs.replace(self._making, wanted=wanted)
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
            given.write(msgspec.json.encode(request))
            given.seek(0)
            with self._lock:
                if self._closed:
                    return Answer()
                process = self._process = subprocess.Popen(
                    self._command, stdin=given, stdout=answer, stderr=subprocess.PIPE, start_new_session=True
                )
            printed = _Tail(process.stderr)
            code = self._await(wanted, process, answer)
            _kill(process)  # also what it has started
            with self._lock:
                self._process = None
            found = _last_answer(answer)
            if code == 0 and found is not None:
                return found
            why = f"it took more than {self._limit:g} s" if code is None else f"{_how(code)}{printed.last_line()}"
            if found is not None and found.made is not None:  # the plan was there, and its estimate was to follow
                return msgspec.structs.replace(found, made=msgspec.structs.replace(found.made, no_times=why))
            return Answer(problem=f"there is no plan: {why}")


def _last_answer(file: IO[bytes]) -> Answer | None:
    """The last answer that was written as a whole; None if there is none."""
    size = os.fstat(file.fileno()).st_size
    if size > _LARGEST:
        return None
    whole = os.pread(file.fileno(), size, 0).rpartition(b"\n")[0]  # the process writes where this descriptor stands
    return msgspec.json.decode(whole.rpartition(b"\n")[2], type=Answer) if whole else None


def _is_outdated(answer: Answer) -> bool:
    """True if the plan would perhaps be another one now."""
    if _has_changed(answer.files):
        return True
    if answer.made is None:
        return False
    try:
        return marks.stamp(answer.made.bucket, answer.made.path) != answer.made.marks
    except (StoreError, InputError):
        return False  # nothing better is to be had


def _has_changed(files: Iterable[SourceFile]) -> bool:
    for each in files:
        try:
            found = os.stat(each.path)
        except OSError:
            return True
        if (found.st_mtime_ns, found.st_size) != (each.modified, each.size):
            return True
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how(code: int) -> str:
    return f"its process ended {f'by signal {-code}' if code < 0 else f'with exit code {code}'}"


class _Tail:
    """Reads what a process prints, and keeps the end of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self._stream = stream
        self._last = b""
        self._thread = threading.Thread(target=self._read, name="printed", daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """The last line that was printed, for a message; empty if there was none."""
        self._thread.join(1.0)
        lines = self._last.decode(errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""

    def _read(self) -> None:
        with self._stream, suppress(OSError, ValueError):
            while part := self._stream.read1(65_536):  # type: ignore[attr-defined]
                self._last = (self._last + part)[-_TAIL:]
