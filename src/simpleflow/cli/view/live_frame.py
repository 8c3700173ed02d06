"""The lines of the live view: the tree of steps, the running activities, and the number of waiting ones and timers."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.cli.terminal import BOLD, DIM, Terminal
from simpleflow.cli.view.follower import step_note
from simpleflow.cli.view.pauses import next_try, pauses
from simpleflow.cli.view.progress import line_prefixes, name_and_time, prefix_width
from simpleflow.cli.view.step_tree import ACTIVE, Node, Row, Tree
from simpleflow.cli.view.text_width import cut, width
from simpleflow.core import transitions
from simpleflow.engines.embedded import Run
from simpleflow.step.constants import FAILED
from simpleflow.step.report import duration, printable

_BAR_CELLS = 10


class Frame:
    """Makes the lines of the live view for one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._paint = terminal.paint
        self._prefixes = line_prefixes(terminal)
        self._prefix_width = prefix_width(terminal)
        self._full, self._empty, self._more = ("━", "─", "…") if terminal.symbols else ("#", "-", "...")

    def lines(
        self, tree: Tree, runs: Iterable[Run], now: float, columns: int, rows: int, unfinished: str = ""
    ) -> list[str]:
        """Return at most ``rows`` lines for ``now`` (epoch seconds), each narrower than ``columns``.

        ``unfinished`` is a line that the run has begun to print; it is the first line.
        """
        if not tree.runs:
            return []
        top = [self._cut(printable(unfinished), columns)] if unfinished else []
        top.append(self._headline(tree, now, columns))
        activities = self._activities(runs, now, columns, min(max(2, rows // 4), max(0, rows - 6)))
        room = max(1, rows - len(top) - len(activities))
        shown, hidden = tree.rows(room)
        if hidden and len(shown) == room:
            shown, hidden = tree.rows(room - 1)
        steps = [self._row(row, now, columns) for row in shown]
        if hidden:
            steps.append(self._dim(f"  ... and {hidden} more", columns))
        return [*top, *steps, *activities][:rows]

    def final(self, tree: Tree, limit: int, columns: int) -> list[str]:
        """Return the final tree in about ``limit`` lines, not cut. Up to 100 failed steps are always shown."""
        failed = sum(root.counts[FAILED] for root in tree.runs.values())
        limit = max(limit, min(100, failed))
        shown, hidden = tree.rows(limit)
        if hidden == 1:  # saying that one step is hidden would take a line too
            shown, hidden = tree.rows(limit + 1)
        lines = [self._row(row, None, columns) for row in shown]
        return [*lines, f"  ... and {hidden} more"] if hidden else lines

    def _headline(self, tree: Tree, now: float, columns: int) -> str:
        main, *_ = roots = list(tree.runs.values())
        text = self._cut(f"workflow {printable(main.name)}:", columns)
        rest = f" {duration(max(0.0, now - (main.began or now)))}"
        if total := sum(root.total for root in roots):
            active, failed = (sum(root.counts[kind] for root in roots) for kind in (ACTIVE, FAILED))
            rest += f", {sum(root.done for root in roots)} of {total} steps done, {active} under way"
            rest += f", {failed} failed" if failed else ""
        return self._paint(text, BOLD) + self._cut(rest, columns - width(text))

    def _row(self, row: Row, now: float | None, columns: int) -> str:
        """Return the line of a node. ``now`` is None at the end of the run, when lines are not cut."""
        node = row.node
        indent = "  " * row.depth
        seconds = node.seconds
        if node.running and node.began is not None and now is not None:
            seconds = max(0.0, now - node.began)
        begin = name_and_time(node.name, seconds, columns, self._prefix_width, len(indent))
        text = f"{begin}  {self._counts(node)}"
        text += step_note(node.report, node.failures) if node.report is not None else node.end_message
        text = text.rstrip()
        if now is not None:
            text = self._cut(text, columns - len(indent) - self._prefix_width)
        return indent + self._prefixes[node.state] + text

    def _counts(self, node: Node) -> str:
        """Return the bar of a group, how many of its steps are done, and how many failed."""
        if not node.children:
            return ""
        full = _BAR_CELLS * node.done // node.total
        failed = f", {node.counts[FAILED]} failed" if node.counts[FAILED] else ""
        return f"{self._full * full}{self._empty * (_BAR_CELLS - full)} {node.done}/{node.total}{failed}  "

    def _activities(self, runs: Iterable[Run], now: float, columns: int, limit: int) -> list[str]:
        """Return a line for each running activity, the oldest first, for each pause, and one that counts the others."""
        runs = list(runs)
        waiting = pauses(runs)
        started = []
        queued = timers = 0
        for run in runs:
            timers += run.history.open_timers
            for record in list(run.history.tasks.values()):
                if record.state == transitions.SCHEDULED or record.waits_again:
                    queued += 1
                elif record.state == transitions.STARTED and hasattr(record.scheduled, "activity_type"):
                    started.append((record.started_at, record.scheduled.activity_type.name, record.tries))
        lines = []
        for began, name, tries in sorted(started)[:limit]:
            indent = 2 - self._prefix_width
            begin = name_and_time(f"activity {name}", max(0.0, now - began), columns, self._prefix_width, indent)
            again = f"  try {tries}" if tries > 1 else ""
            lines.append(self._dim(f"  {begin}{again}", columns))
        for pause in waiting[: max(0, limit - len(lines))]:
            begin = name_and_time(
                f"{pause.kind} {pause.name}", None, columns, self._prefix_width, 2 - self._prefix_width
            )
            lines.append(self._dim(f"  {begin}  {next_try(pause, now)}", columns))
            timers -= 1
        more = max(0, len(started) - limit)
        others = [f"{more} more under way"] if more else []
        others += [f"{queued} waiting for a worker"] if queued else []
        others += [f"{timers} timer{'s' if timers > 1 else ''}"] if timers else []
        return [*lines, self._dim("  activities: " + ", ".join(others), columns)] if others else lines

    def _dim(self, text: str, columns: int) -> str:
        return self._paint(self._cut(text, columns), DIM)

    def _cut(self, text: str, columns: int) -> str:
        """Cut the text so that it is narrower than ``columns``, because some terminals wrap a line that is full."""
        room = max(0, columns - 1)
        if width(text) <= room:
            return text
        return cut(text, max(0, room - len(self._more))) + self._more[:room]
