"""The lines of the live view: the tree of steps, the running activities, and the number of waiting ones and timers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from simpleflow.cli.terminal import BOLD, DIM, Terminal
from simpleflow.cli.view.follower import step_note
from simpleflow.cli.view.open_tasks import Activity, Doing, OpenTasks, pauses
from simpleflow.cli.view.progress import STOPPED, line_prefixes, name_and_time, output_lines, prefix_width
from simpleflow.cli.view.step_tree import ACTIVE, Node, Row, Tree
from simpleflow.cli.view.text_width import cut, width
from simpleflow.engines.embedded import Run
from simpleflow.shown_text import count, duration, printable
from simpleflow.step.constants import FAILED, SCHEDULED, WAITING
from simpleflow.step.report import StepReport, why
from simpleflow.views.run_view import RunView
from simpleflow.views.waits import Pause, next_try

_BAR_CELLS = 10


class Frame:
    """Makes the lines of the live view for one terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._paint = terminal.paint
        self._prefixes = line_prefixes(terminal)
        self._prefix_width = prefix_width(terminal)
        self.tasks = OpenTasks()
        self.expected_end: float | None = None  # of the run, in epoch seconds
        self.latest_output: Callable[[str, str], str] | None = None  # of a running activity, by run id and its id
        self._full, self._empty, self._more = ("━", "─", "…") if terminal.symbols else ("#", "-", "...")

    def lines(
        self,
        tree: Tree,
        runs: Iterable[Run],
        now: float,
        columns: int,
        rows: int,
        unfinished: str = "",
        views: Mapping[str, RunView] = {},
    ) -> list[str]:
        """Return at most ``rows`` lines for ``now`` (epoch seconds), each narrower than ``columns``.

        ``runs`` are the open executions, and ``views`` their rows by run id. ``unfinished`` is a line that the run has
        begun to print; it is the first line.
        """
        if not tree.runs:
            return []
        top = [self._cut(printable(unfinished), columns)] if unfinished else []
        runs = list(runs)
        doing = self.tasks.read(runs, views)
        top.append(self._headline(tree, tree.mark_queued(doing.queued_steps), now, columns))
        activities = self._activities(doing, pauses(runs), now, columns, min(max(2, rows // 4), max(0, rows - 6)))
        room = max(1, rows - len(top) - len(activities))
        shown, hidden = tree.rows(room)
        if hidden and len(shown) == room:
            shown, hidden = tree.rows(room - 1)
        steps = [self._row(row, now, columns) for row in shown]
        if hidden:
            steps.append(self._dim(_more(tree, shown, hidden, columns - 1), columns))
        return [*top, *steps, *activities][:rows]

    def final(self, tree: Tree, limit: int, columns: int) -> list[str]:
        """Return the final tree in about ``limit`` lines, not cut. Up to 100 failed steps are always shown."""
        failed = sum(root.counts[FAILED] for root in tree.runs.values())
        limit = max(limit, min(100, failed))
        shown, hidden = tree.rows(limit)
        if hidden == 1:  # saying that one step is hidden would take a line too
            shown, hidden = tree.rows(limit + 1)
        main = next(iter(tree.runs.values()), None)
        over = main is not None and not main.running  # else the run goes on later
        lines = []
        for row in shown:
            lines.append(self._row(row, None, columns, over))
            lines += output_lines(self._terminal, row.node.output, 2 * row.depth)
        return [*lines, _more(tree, shown, hidden, 0)] if hidden else lines

    def _headline(self, tree: Tree, queued: int, now: float, columns: int) -> str:
        main, *_ = roots = list(tree.runs.values())
        text = self._cut(f"workflow {printable(main.name)}:", columns)
        rest = f" {duration(main.so_far(now) or 0.0)}"
        if total := sum(root.total for root in roots):
            active, failed = (sum(root.counts[kind] for root in roots) for kind in (ACTIVE, FAILED))
            done, under_way = sum(root.done for root in roots), active - queued - tree.waiting
            rest += f", {done} of {count(total, 'step')} done, {under_way} under way"
            rest += f", {queued} queued" if queued else ""
            rest += f", {tree.waiting} waiting for another run" if tree.waiting else ""
            rest += f", {failed} failed" if failed else ""
        if self.expected_end is not None and self.expected_end > now:
            rest += f", ends in about {duration(self.expected_end - now)}"
        return self._paint(text, BOLD) + self._cut(rest, columns - width(text))

    def _row(self, row: Row, now: float | None, columns: int, over: bool = False) -> str:
        """Return the line of a node. ``now`` is None when lines are not cut; ``over``: the run has ended."""
        node = row.node
        indent = "  " * row.depth
        seconds = node.seconds if now is None or not node.running else node.so_far(now)
        begin = name_and_time(node.name, seconds, columns, self._prefix_width, len(indent))
        text = f"{begin}  {self._counts(node, columns - len(indent) - self._prefix_width - width(begin) - 3)}"
        text += "  ".join(filter(None, ("queued" if node.queued else "", _note(row))))
        text = text.rstrip()
        if now is not None:
            text = self._cut(text, columns - len(indent) - self._prefix_width)
        is_stopped = over and node.state in (SCHEDULED, WAITING)
        return indent + self._prefixes[STOPPED if is_stopped else node.state] + text

    def _counts(self, node: Node, room: int) -> str:
        """Return the bar of a group, how many of its steps are done, and how many failed.

        Where the terminal is too narrow for all of it, the bar is shorter, so that the failures stay visible.
        """
        if not node.children:
            return ""
        failed = f", {node.counts[FAILED]} failed" if node.counts[FAILED] else ""
        counts = f"{node.done}/{node.total}{failed}"
        cells = _BAR_CELLS if not failed or room <= 0 else max(0, min(_BAR_CELLS, room - len(counts) - 1))
        full = cells * node.done // node.total
        return f"{self._full * full}{self._empty * (cells - full)} {counts}  ".lstrip()

    def _activities(self, doing: Doing, waiting: Sequence[Pause], now: float, columns: int, limit: int) -> list[str]:
        """Return a line for each running activity, pause, signal and timer, and one that counts the others."""
        lines = [self._activity(each, now, columns) for each in doing.running[:limit]]
        lines += [
            self._line(f"{each.kind} {each.name}", None, next_try(each, now), columns)
            for each in waiting[: limit - len(lines)]
        ]
        for name, end in doing.waits[: limit - len(lines)]:
            when = "" if end is None else f", {duration(max(0.0, end - now))} left"
            lines.append(self._dim(f"  waits for the {printable(name)}{when}", columns))
        more = max(0, len(doing.running) - limit)
        hidden = len(doing.running) + len(waiting) + len(doing.waits) - more - len(lines)
        others = [f"{more} more under way"] if more else []
        others += [f"{doing.queued} waiting for a worker"] if doing.queued else []
        others += [f"{hidden} more wait{'s' if hidden == 1 else ''}"] if hidden else []
        return [*lines, self._dim("  activities: " + ", ".join(others), columns)] if others else lines

    def _activity(self, activity: Activity, now: float, columns: int) -> str:
        again = f"try {activity.tries}" if activity.tries > 1 else ""
        printed = "" if self.latest_output is None else self.latest_output(activity.run_id, activity.id)
        note = "  ".join(filter(None, (again, printable(activity.owner), printed and f"| {printed}")))
        return self._line(f"activity {activity.name}", max(0.0, now - activity.began), note, columns)

    def _line(self, name: str, seconds: float | None, note: str, columns: int) -> str:
        begin = name_and_time(name, seconds, columns, self._prefix_width, 2 - self._prefix_width)
        return self._dim(f"  {begin}  {note}".rstrip(), columns)

    def _dim(self, text: str, columns: int) -> str:
        return self._paint(self._cut(text, columns), DIM)

    def _cut(self, text: str, columns: int) -> str:
        """Cut the text so that it is narrower than ``columns``, because some terminals wrap a line that is full."""
        room = max(0, columns - 1)
        if width(text) <= room:
            return text
        return cut(text, max(0, room - len(self._more))) + self._more[:room]


def _note(row: Row) -> str:
    """Return the text behind the name, time and counts of a row."""
    node = row.node
    if node.report is not None:
        report = replace(node.report, forced=False, reasons=()) if row.explained else node.report
        return step_note(report, node.failures)
    if row.open and not row.explained and node.common is not None and len(node.children) > 1:
        common = node.common
        return why(StepReport("", common.status, common.forced, common.reasons))
    return node.end_message


def _more(tree: Tree, shown: Sequence[Row], hidden: int, room: int) -> str:
    """Say how many steps the rows leave out, and how many of these have failed, if there is room (0: any length)."""
    text = f"  ... and {hidden} more"
    failed = sum(root.counts[FAILED] for root in tree.runs.values()) - sum(row.failed for row in shown)
    longer = f"{text}, {failed} of them failed" if failed else text
    return longer if not room or width(longer) <= room else text
