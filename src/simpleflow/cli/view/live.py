"""The live view of a run: a tree of its steps at the bottom of the terminal, which is redrawn while the run goes on.

How it works: two threads share the tree. The main thread drives the run. When events come, it only updates the tree,
which is cheap, and it adds lines for everything that the tree does not show. The thread of ``Screen`` draws the tree,
at most ten times per second. ``_lock`` guards the tree and the set of runs; both threads hold it only while they read
or change these.

Lines are written without the lock. Standard output and error are a pseudo-terminal whose other end the screen thread
reads. If its buffer is full, a write blocks until that thread reads, and that thread may be waiting for the lock. So a
write while holding the lock could wait forever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow.cli.terminal import Terminal
from simpleflow.cli.view.failures import ActivityFailure
from simpleflow.cli.view.follower import ENDS, end_text
from simpleflow.cli.view.live_frame import Frame
from simpleflow.cli.view.progress import Progress
from simpleflow.cli.view.screen import Screen
from simpleflow.cli.view.step_tree import Tree
from simpleflow.core import events as e
from simpleflow.core.work_time import WorkTime
from simpleflow.engines.clock import Clock
from simpleflow.engines.embedded import Run
from simpleflow.local import Beginning
from simpleflow.views.rows import StepRow

_FINAL_ROWS = 30  # most rows of the tree that stay on the terminal at the end


class Live(Progress):
    """Shows steps and child workflows in a tree at the bottom of the terminal, and everything else as lines above it.

    Between ``open`` and ``close``, standard output and standard error go through this view.
    """

    brief = False

    def __init__(self, terminal: Terminal, debug: bool = False) -> None:
        super().__init__(terminal, debug)
        self._tree = Tree()
        self._frame = Frame(terminal)
        self._drawn = 0  # version of the tree on the screen
        self._runs: dict[str, Run] = {}  # by run id: open runs, whose activities are shown
        self._lock = threading.Lock()  # held while the tree or the runs are read or changed
        self._clock = Clock()  # as that of the engine, which a jump of the wall clock does not move
        self._screen = Screen(self._draw, lambda: self._tree.version != self._drawn, terminal.encoding)

    def ask_signals(self, awaited: Callable[[str], Iterable[str]]) -> None:
        self._frame.tasks.awaited_signals = awaited

    def read_output(self, state: str, shows_latest: bool) -> None:
        super().read_output(state, shows_latest)
        if shows_latest:
            self._frame.latest_output = self.tail.latest

    def open(self) -> bool:
        """Take over the terminal. Returns False, and changes nothing, without a pseudo-terminal."""
        return self._screen.open()

    def close(self) -> None:
        """Give the terminal back, and leave the final tree on it."""
        if self._screen.close():
            rows = min(_FINAL_ROWS, max(10, self._screen.rows - 8))
            columns = self._terminal.columns
            self._terminal.write("".join(line + "\n" for line in self._frame.final(self._tree, rows, columns)))

    def begin(self, beginning: Beginning) -> None:
        with self._lock:
            for run in (beginning.run, *beginning.family):
                self._runs[run.run_id] = run
                self._tree.begin(run.workflow_id, run.history.events[0].time)
            self.add_beginning(beginning)
        self.flush()

    def observe(self, run: Run, events: Sequence[e.Event]) -> None:
        with self._lock:
            self._runs[run.run_id] = run
            self.fold(run, events)
        if self._lines:
            self.flush()

    def show_step(
        self, run: Run, row: StepRow, time: float, work: WorkTime | None, failures: Sequence[ActivityFailure]
    ) -> None:
        output = self.tail.lines(failures) if failures else ()
        self._tree.step(run.workflow_id, row, time, work, failures, output, self.views[run.run_id].pauses)
        self._lines += [failed.trace for failed in failures if failed.trace]

    def show_run(self, run: Run, event: type[e.Attributes], attributes: Any, time: float) -> None:
        if event is e.WorkflowExecutionStarted:
            self._tree.begin(run.workflow_id, time)
        elif event in ENDS:
            well = event is e.WorkflowExecutionCompleted
            self._tree.end(run.workflow_id, time, well, "" if well else end_text(run))
        else:
            super().show_run(run, event, attributes, time)

    def _draw(self, columns: int, rows: int, unfinished: str) -> list[str]:
        with self._lock:
            self._drawn = self._tree.version
            self._runs = {run_id: run for run_id, run in self._runs.items() if run.history.open}
            runs = self._runs.values()
            self._frame.expected_end = None if self.expected_end is None else self.expected_end.at()
            return self._frame.lines(self._tree, runs, self._clock(), columns, rows, unfinished, self.views)
