"""The progress of a run as lines, one for each event of a step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from simpleflow import shown_text, values
from simpleflow.cli.terminal import BOLD, CYAN, DIM, GREEN, RED, YELLOW, Terminal
from simpleflow.cli.view.failures import ActivityFailure
from simpleflow.cli.view.follower import RUN_EVENTS, Follower, step_note
from simpleflow.cli.view.open_tasks import waits_of
from simpleflow.cli.view.output_tail import OutputTail
from simpleflow.cli.view.text_width import justify
from simpleflow.core import events as e
from simpleflow.core import transitions
from simpleflow.core.work_time import WorkTime
from simpleflow.engines.embedded import Run
from simpleflow.local import REPLACED, RESUMED, Beginning
from simpleflow.shown_text import count as counted
from simpleflow.shown_text import short_run_id
from simpleflow.step.constants import COMPLETED, FAILED, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.report import StepReport
from simpleflow.values import arguments
from simpleflow.views.rows import StepRow

if TYPE_CHECKING:
    from simpleflow.cli.expected_end import ExpectedEnd

RETRYING = "retrying"
STOPPED = "stopped"  # the run has ended first
_NAME_AND_TIME, _MIN_NAME_AND_TIME = 41, 11  # cells that name and time take together
_MANY = 4  # steps that were scheduled for the same reasons share a line from this number on
_BAR_AND_COUNT = 23  # cells that are kept free for the bar and count of a group

# The symbol at the start of a line, and its colour. Without symbols the line begins with the status word.
_SYMBOLS = {
    WAITING: ("⧗", YELLOW),
    SCHEDULED: ("…", CYAN),
    COMPLETED: ("✓", GREEN),
    SKIPPED: ("↷", YELLOW),
    FAILED: ("✗", RED),
    RETRYING: ("↻", YELLOW),
    STOPPED: ("■", YELLOW),
}


def line_prefixes(terminal: Terminal) -> dict[str, str]:
    """Return the start of a line for each status of a step: a symbol or the status word."""
    if not terminal.symbols:
        return {status: f"{status:<10} " for status in _SYMBOLS}
    return {status: terminal.paint(symbol, color) + " " for status, (symbol, color) in _SYMBOLS.items()}


def prefix_width(terminal: Terminal) -> int:
    """Return how many cells these prefixes take."""
    return 2 if terminal.symbols else 11


def name_and_time(name: str, seconds: float | None, columns: int, head: int, indent: int = 0) -> str:
    """Return the name of a step, and its duration at the right end of the column.

    On a narrow terminal the column shrinks, so that the bar of a group has room. ``columns`` is the width of the
    terminal, or 0 if there is none. ``head`` is the number of cells before the column, without ``indent``.
    """
    room = min(_NAME_AND_TIME, max(_MIN_NAME_AND_TIME, columns - head - _BAR_AND_COUNT)) if columns else _NAME_AND_TIME
    if seconds is None and name.isascii() and name.isprintable():  # the name of a skipped step
        return name.ljust(room - indent)
    took = "" if seconds is None else shown_text.duration(seconds)
    return justify(shown_text.printable(name), took, room - indent)


def output_lines(terminal: Terminal, lines: Sequence[str], indent: int = 0) -> list[str]:
    """Return lines that an activity has printed as they stand under the line of its step."""
    begin = " " * (indent + prefix_width(terminal))
    return [begin + terminal.paint(f"| {line}", DIM) for line in lines]


class Progress(Follower):
    """Writes a line for each event of a step, each retry and failure, and the start and end of each child workflow."""

    brief = True  # whether the summary is brief too
    state = ""  # the state folder, which the first line names
    began_in = ""  # the folder in which the command was called
    expected_end: ExpectedEnd | None = None  # of the run
    tail = OutputTail()  # the last output of failed activities

    def __init__(self, terminal: Terminal, debug: bool = False) -> None:
        super().__init__(debug)
        self._terminal = terminal
        self._lines: list[str] = []  # not written yet
        self._prefixes = line_prefixes(terminal)
        self._prefix_width = prefix_width(terminal)
        self._alike: list[tuple[str, StepReport]] = []  # steps that were scheduled one after the other ...
        self._alike_note = ""  # ... for the same reasons, with their names as they are shown
        self._awaited_signals: Callable[[str], Iterable[str]] = lambda run_id: ()
        self._waits: dict[str, list[str]] = {}  # by run id: what it waited for when that was last said
        self._told: dict[str, tuple[bool, tuple[str, ...]]] = {}  # by name: the reasons that such a line has told

    def open(self) -> bool:
        """Begin to show a run. Returns False if this view does not work here. Called before the run starts."""
        return True

    def ask_signals(self, awaited: Callable[[str], Iterable[str]]) -> None:
        """Take the function that tells which signals an execution waits for, by its run id."""
        self._awaited_signals = awaited

    def read_output(self, state: str, shows_latest: bool) -> None:
        """Take the state folder, where the output of activities is: its end is shown under a failure.

        ``shows_latest``: a live view shows the latest line of each activity that runs.
        """
        self.tail = OutputTail(state)

    def close(self) -> None:
        """End the view. Called when the run has ended or was stopped; it may be called twice."""

    def begin(self, beginning: Beginning) -> None:
        """Show how the run begins, and count what a resumed run did before."""
        self.add_beginning(beginning)
        self.flush()

    def add_beginning(self, beginning: Beginning) -> None:
        """Do the same, but leave the writing to ``flush``."""
        if self.expected_end is not None:
            self.expected_end.begin(beginning.run.run_id, beginning.run.history.events[0].time)
        run = beginning.run
        place = self._place()
        if beginning.kind == RESUMED:
            self.catch_up(beginning)
            self._lines.clear()
            self._alike.clear()
            count = len(run.history.events)
            self.add_run_line(run, f"its process died; going on where it was ({counted(count, 'event')}){place}")
        elif beginning.kind == REPLACED:
            difference = _difference(beginning)
            died = f"its process died{difference and f', and {difference}'}"
            self.add_run_line(run, f"{died}: that run was closed, a new one begins{place}")
        else:
            self.add_run_line(run, f"started, run {short_run_id(run.run_id)}{place}")

    def _place(self) -> str:
        """Return where the run is kept: relative on a terminal, absolute in a log."""
        shown = self.state
        if self._terminal.columns:
            shown = shown.removeprefix(os.path.join(self.began_in or os.getcwd(), ""))
        return f" in {shown_text.printable(shown)}" if shown else ""

    def show_wait(self, text: str) -> None:
        """Show why a resumed run has to wait before it continues."""
        self._lines.append(text + "\n")
        self.flush()

    def observe(self, run: Run, events: Sequence[e.Event]) -> None:
        """Show new events of a run."""
        self.fold(run, events)
        if not run.history.tasks and run.history.decision == transitions.IDLE:  # nothing is under way
            self._add_waits(run)
        if self._lines or self._alike:
            self.flush()

    def _add_waits(self, run: Run) -> None:
        """Add a line that says for what the run waits, if it waits for anything, and for something new."""
        waits = [name for name, _ in waits_of(run, self._awaited_signals(run.run_id))] if run.history.open else []
        if waits != self._waits.get(run.run_id, []):
            self._waits[run.run_id] = waits
            if waits:
                self.add_run_line(run, f"waits for the {shown_text.printable(shown_text.names(waits))}")

    def add_run_line(self, run: Run, text: str) -> None:
        """Add a line about a run as a whole; ``flush`` writes it."""
        self._end_alike()
        self._lines.append(
            f"{self._terminal.paint(f'workflow {shown_text.printable(run.workflow_id)}:', BOLD)} {text}\n"
        )

    def flush(self) -> None:
        """Write the lines that were added."""
        self._end_alike()
        lines, self._lines = self._lines, []
        self._terminal.log("".join(lines))

    def show_step(
        self, run: Run, row: StepRow, time: float, work: WorkTime | None, failures: Sequence[ActivityFailure]
    ) -> None:
        found, seconds = row.report, None if work is None else work.seconds
        is_child = self.views[run.run_id].parent_id is not None
        name = f"{run.workflow_id}: {found.step}" if is_child else found.step
        if self._told and self._told.pop(name, None) == (found.forced, found.reasons):
            found = replace(found, forced=False, reasons=())
        note = step_note(found, failures)
        if self._alike and (found.status != SCHEDULED or note != self._alike_note):
            self._end_alike()
        if found.status == SCHEDULED and found.forced and found.reasons:
            self._alike.append((name, found))
            self._alike_note = note
        else:
            under = self.under(failures) if failures else ""
            self._lines.append(self._line(found.status, name, seconds, note, under))

    def _end_alike(self) -> None:
        """Add the lines of steps that were scheduled for the same reasons: one line, if there are many."""
        alike, self._alike = self._alike, []
        if len(alike) < _MANY:
            self._lines += [self._line(SCHEDULED, name, None, self._alike_note) for name, _ in alike]
            return
        self._told |= {name: (found.forced, found.reasons) for name, found in alike}
        names = shown_text.names([shown_text.printable(name) for name, _ in alike])
        self._lines.append(self._line(SCHEDULED, f"{len(alike)} steps", None, f"{self._alike_note}: {names}"))

    def show_failure(self, failed: ActivityFailure) -> None:
        self._end_alike()
        text = self.under([failed])
        self._lines.append(self._line(FAILED, f"activity {failed.name}", None, failed.message, text))

    def show_retry(self, failed: ActivityFailure, number: int, when: str) -> None:
        self._end_alike()
        note = f"{failed.message}; try {number}{when}"
        self._lines.append(self._line(RETRYING, f"activity {failed.name}", None, note, failed.trace))

    def show_run(self, run: Run, event: type[e.Attributes], attributes: Any, time: float) -> None:
        text = RUN_EVENTS[event](run, attributes)
        if text:
            self.add_run_line(run, text)

    def show_changed(self, run: Run, text: str) -> None:
        self.add_run_line(run, text)

    def under(self, failures: Sequence[ActivityFailure]) -> str:
        """Return the lines under the one of a failure: tracebacks, and the last lines that were printed."""
        if not failures:
            return ""
        traces = "".join(failed.trace for failed in failures)
        return traces + "".join(f"{line}\n" for line in output_lines(self._terminal, self.tail.lines(failures)))

    def _line(self, status: str, name: str, seconds: float | None, note: str, under: str = "") -> str:
        begin = name_and_time(name, seconds, self._terminal.columns, self._prefix_width)
        return f"{self._prefixes[status]}{begin}  {note}".rstrip() + "\n" + under


def _difference(beginning: Beginning) -> str:
    """Return how a run differs from the one that it replaces; an empty text if it does not."""
    new, old = beginning.run, beginning.replaced
    is_same = old is not None and values.are_same(new.history.started.input, old.history.started.input)
    if old is not None and is_same and _type(new) == _type(old):
        return ""
    if old is not None and _arguments(new) == _arguments(old) and _type(new) == _type(old):
        return "it had another --force, --skip, --only, --until, --changed or --keep-going"
    if old is not None and _type(new) != _type(old):
        return f"it was a run of {shown_text.printable(_type(old))}"
    return "it had another input"


def _arguments(run: Run) -> Any:
    return arguments(values.decode(run.history.started.input))


def _type(run: Run) -> str:
    return run.history.started.workflow_type.name
