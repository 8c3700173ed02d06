"""The runs that viewers look at, folded into rows: each event is read and folded once for all viewers.

Theory of operation
-------------------
A run is folded from where it was left, within a budget of time. The rest, as at the first look at a long history, is
done by another thread in small pieces, while the page says how far it is. So a page comes at once, and nothing is
folded twice.

The rows of the runs looked at last are kept, up to so many rows; of other runs a summary stays, for the list of runs
and the earlier runs of a step. A result that a page computes from all rows of a run is kept until there are new events.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from simpleflow.constants import RESERVED_TIMER
from simpleflow.core import awaited
from simpleflow.core.events import Event
from simpleflow.core.transitions import OPEN
from simpleflow.engines.base import RunDescription
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.style import look
from simpleflow.step.constants import SCHEDULED
from simpleflow.step.mark import Mark
from simpleflow.ui.decisions import Decisions
from simpleflow.ui.priority import give_way
from simpleflow.ui.source import Source
from simpleflow.views import rows
from simpleflow.views.rows import StepRow, TimerRow
from simpleflow.views.run_view import RunView

MAX_ROWS = 250_000
"""Of all runs that are kept: about 120 MB."""

MAX_SUMMARIES = 250_000
"""Steps of all summaries."""

PATIENCE = 0.25
"""Seconds for which a request waits for a run to be folded."""

_CHUNK = 2_000  # events that are read at once
_SMALL = 4_000  # events of a run that is folded for its summary alone, and not kept
_KEPT = 16  # values computed from a run, such as its pictures
_SWF_SUMMARY = 5_000  # events of a run on Amazon SWF that are read for a list; each thousand costs a request
_GIVEN_SECONDS = 0.05  # for which the thread waits while requests are answered, between two pieces
_FRESH_SECONDS = 2.0  # the summary of an open run is as old as that

_T = TypeVar("_T")


class StepSummary(NamedTuple):
    """A step of a run, as its later runs show it."""

    state: str
    seconds: float | None  # how long it worked
    event_id: int  # of its latest marker


class Summary(NamedTuple):
    """The summary of a run, which stays when no viewer looks at it."""

    last_id: int
    closed: bool
    read_at: float  # monotonic
    counts: dict[str, int]  # steps by look; of a run without steps, its activities
    steps: dict[str, StepSummary]
    failed: tuple[str, ...]  # the names of the failed steps
    waits: tuple[str, ...]  # signals and timers for which an open run waits: "the signal approval"


class Folded:
    """A run that is folded as far as it was read. Hold ``lock`` while you read its rows."""

    def __init__(self, run: RunDescription) -> None:
        self.run = run
        self.view = RunView(run.run_id, run.workflow_id)
        self.decisions = Decisions()
        self.lock = threading.RLock()
        self.folding = threading.Lock()  # one thread folds
        self.last_id = 0  # of the history, as far as it is known
        self.preparing = False  # the thread reads a long history, and computes what pages show of it
        self.marks: dict[str, Mark | None] = {}  # by which steps were skipped, as far as they were sought
        self._keeping = threading.Lock()
        self._kept: dict[str, Any] = {}

    @property
    def complete(self) -> bool:
        """True if all events that are known to be there are folded."""
        return self.view.last_id >= self.last_id

    @property
    def ready(self) -> bool:
        """True if pages can show it at once."""
        return self.complete and not self.preparing

    def once(self, key: str, compute: Callable[[RunView], _T]) -> _T:
        """A value computed from the rows, kept until there are new events; of many values, the last ones."""
        found = self._kept.get(key)
        if found is None:
            found = compute(self.view)
            with self._keeping:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    del self._kept[next(iter(self._kept))]
        return cast(_T, found)

    def describe(self, run: RunDescription, in_folder: bool) -> None:
        """Take a new description of the run. In a folder, open tasks were stopped if no process drives the run."""
        self.run = run
        abandoned = in_folder and run.status == OPEN and not run.alive
        if abandoned != self.view.abandoned:
            self.view.abandoned = abandoned
            with self._keeping:
                self._kept.clear()

    def add(self, events: Sequence[Event]) -> None:
        """Fold the events."""
        with self.lock:
            self.view.extend(events)
            self.decisions.extend(events)
        with self._keeping:
            self._kept.clear()


class FoldedRuns:
    """The runs of a source, folded. Threads share it.

    Args:
        source: where the runs are.
        prepare: computes, with ``Folded.once``, what the pages show of a run whose history is long.
    """

    def __init__(self, source: Source, prepare: Callable[[Folded], object] = lambda folded: None) -> None:
        self.source = source
        self._prepare = prepare
        self._runs: OrderedDict[str, Folded] = OrderedDict()  # by run id, the latest look last
        self._summaries: OrderedDict[str, Summary] = OrderedDict()
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[str, RunDescription] | None] = queue.SimpleQueue()
        self._waiting: set[tuple[str, str]] = set()
        self._requests = 0  # that are being answered
        self._thread = threading.Thread(target=self._work, name="fold", daemon=True)
        self._thread.start()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a request is answered, the thread lets it have the interpreter."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        with self._lock:
            self._requests += more

    def run(self, run: RunDescription, seconds: float = PATIENCE) -> Folded:
        """The run, folded as far as that takes ``seconds``; a thread does the rest."""
        folded = self._entry(run)
        if not folded.preparing and not self._advance(folded, time.monotonic() + seconds):
            folded.preparing = folded.view.closed or folded.last_id - folded.view.last_id > _CHUNK
            self._later("rows", run)
        return folded

    def summary(self, run: RunDescription, deadline: float) -> Summary | None:
        """The summary of a run; None if it is not known yet. Folds until ``deadline`` (monotonic), then a thread does.

        An old summary of a run that goes on is better than none, and is read again meanwhile.
        """
        found = self._summaries.get(run.run_id)
        if found is not None and (found.closed or time.monotonic() - found.read_at < _FRESH_SECONDS):
            return found
        with self._lock:
            folded = self._runs.get(run.run_id)
        if folded is not None:
            folded.describe(run, self.source.folder is not None)
        if folded is not None and time.monotonic() < deadline and self._advance(folded, deadline):
            return self._summarise(folded)
        if folded is None and self.source.folder is not None and time.monotonic() < deadline:
            folded = Folded(run)
            folded.describe(run, in_folder=True)
            last = self.source.last_events(run, 1)
            if last and last[0].id <= _SMALL and self._advance(folded, deadline):
                return self._summarise(folded)
        self._later("summary", run)
        return found

    def known_summary(self, run_id: str) -> Summary | None:
        """The summary of a run if it is known."""
        return self._summaries.get(run_id)

    def close(self) -> None:
        """End the thread."""
        self._jobs.put(None)

    def _entry(self, run: RunDescription) -> Folded:
        with self._lock:
            folded = self._runs.get(run.run_id)
            if folded is None:
                folded = self._runs[run.run_id] = Folded(run)
            folded.describe(run, self.source.folder is not None)
            self._runs.move_to_end(run.run_id)
            kept = sum(len(each.view.rows) for each in self._runs.values())
            while kept > MAX_ROWS and len(self._runs) > 1:
                _, oldest = self._runs.popitem(last=False)
                kept -= len(oldest.view.rows)
            return folded

    def _advance(self, folded: Folded, deadline: float, most: int = sys.maxsize) -> bool:
        """Fold new events until the deadline; returns True if that was all.

        ``most``: a run with more events is not folded beyond these.
        """
        if folded.view.closed and folded.complete:
            return True
        if not folded.folding.acquire(blocking=False):  # another thread folds it
            self._count(-1)  # the thread need not give way to a request that waits for it
            try:
                if not folded.folding.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    return folded.complete and folded.view.last_id > 0
            finally:
                self._count(1)
        try:
            return self._fold(folded, deadline, most)
        finally:
            folded.folding.release()

    def _fold(self, folded: Folded, deadline: float, most: int) -> bool:
        run = folded.run
        last = self.source.last_events(run, 1)
        folded.last_id = max(folded.last_id, last[0].id if last else 0)
        while not folded.complete and folded.view.last_id < most:
            # Amazon SWF gives the last events from the end: those after an event are read in one piece.
            limit = _CHUNK if self.source.folder is not None else None
            events = self.source.events(run, folded.view.last_id, limit)
            if not events:
                break
            folded.add(events)
            folded.last_id = max(folded.last_id, events[-1].id)
            if time.monotonic() > deadline and not folded.complete:
                return False
        return True

    def _summarise(self, folded: Folded) -> Summary:
        with folded.lock:
            found = summary_of(folded.view)._replace(closed=folded.run.status != OPEN)
        with self._lock:
            self._summaries[folded.run.run_id] = found
            self._summaries.move_to_end(folded.run.run_id)
            kept = sum(len(each.steps) + 1 for each in self._summaries.values())
            while kept > MAX_SUMMARIES and len(self._summaries) > 1:
                _, oldest = self._summaries.popitem(last=False)
                kept -= len(oldest.steps) + 1
        return found

    def _later(self, kind: str, run: RunDescription) -> None:
        with self._lock:
            if (kind, run.run_id) in self._waiting:
                return
            self._waiting.add((kind, run.run_id))
        self._jobs.put((kind, run))

    def _work(self) -> None:
        give_way()
        while (job := self._jobs.get()) is not None:
            kind, run = job
            with self._lock:
                self._waiting.discard((kind, run.run_id))
            try:
                self._do(kind, run)
            except Exception:  # noqa: BLE001 (the next request for it says what is wrong; the thread has to go on)
                pass

    def _do(self, kind: str, run: RunDescription) -> None:
        folded = self._entry(run)
        most = sys.maxsize if kind == "rows" or self.source.folder is not None else _SWF_SUMMARY
        try:
            while not self._advance(folded, time.monotonic(), most):
                self._give_way()
            if folded.preparing:
                self._prepare(folded)
            self._summarise(folded)
        finally:
            folded.preparing = False

    def _give_way(self) -> None:
        """Let requests have the interpreter, for a moment."""
        end = time.monotonic() + _GIVEN_SECONDS
        time.sleep(0.0005)
        while self._requests > 0 and time.monotonic() < end:
            time.sleep(0.002)


def summary_of(view: RunView) -> Summary:
    """The summary of a run."""
    counts: Counter[str] = Counter()
    steps = {}
    for name, row in view.steps.items():
        state = state_of(view, row)
        counts[look(state).name] += 1
        steps[sys.intern(name)] = StepSummary(state, view.work_time(name).seconds, row.event_id)
    if not steps:
        last = {row.id: row for row in view.attempts if not row.about_marks}
        counts.update(look(view.state_of(row)).name for row in last.values())
    failed = tuple(row.name for row in view.failed_steps()[:20])
    waits = () if view.closed or view.abandoned else tuple(_waits(view))
    return Summary(view.last_id, view.closed, time.monotonic(), dict(counts), steps, failed, waits)


def _waits(view: RunView) -> Iterator[str]:
    for name in awaited.read(view.context):
        yield f"the signal {name}"
    for timer in view.of_kind(TimerRow):
        if not timer.end_id and not timer.id.startswith(RESERVED_TIMER):
            yield f"the timer {timer.id}"


def state_of(view: RunView, row: StepRow) -> str:
    """The state of a step, where one that is under way is ``started`` once one of its activities is."""
    state = view.state_of(row)
    return rows.STARTED if state == SCHEDULED and row.started is not None else state
