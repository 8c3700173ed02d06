"""The part of a report with all steps, as a tree of their names that can be unfolded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from simpleflow.pictures.markup import text
from simpleflow.pictures.name_tree import OPEN, STEP, Item, Line, folded_lines
from simpleflow.pictures.page import card, pill, run_text
from simpleflow.shown_text import duration
from simpleflow.step.constants import FAILED, SCHEDULED, SKIPPED
from simpleflow.step.report import why
from simpleflow.views import rows
from simpleflow.views.rows import StepRow
from simpleflow.views.run_view import RunView

_MOST = 1_000  # lines
_DEEPEST = 6  # level of a name that is drawn further in than the one around it
_ALL_OPEN = 60  # lines of a tree that is unfolded at first


def steps(view: RunView, critical: Collection[int], seconds: Mapping[str, float]) -> str:
    """Return the part with the steps of a run; empty if it has none.

    Args:
        view: the rows of the run.
        critical: ids of the rows on the critical path.
        seconds: how long each step worked that ran.
    """
    items = [_item(row, critical, seconds) for row in view.steps.values()]
    if not items:
        return ""
    lines = folded_lines(items, _MOST)
    body = "".join(_rows(view, lines, len(lines) <= _ALL_OPEN))
    left_out = sum(line.size for line in lines if line.kind not in (STEP, OPEN))
    note = f'<p class="about">{left_out:,} steps are in folded groups.</p>' if left_out else ""
    return card(f"The steps ({len(items):,})", f'<div class="steps">{body}</div>', note, key="steps")


def _item(row: StepRow, critical: Collection[int], seconds: Mapping[str, float]) -> Item[StepRow]:
    on_path = any(task.event_id in critical for task in row.tasks)
    return Item(row.name, row, row.state == FAILED and not row.report.optional, on_path, seconds.get(row.name, 0.0))


def _rows(view: RunView, lines: Sequence[Line[StepRow]], all_open: bool) -> Iterator[str]:
    depth = 0
    for at, line in enumerate(lines):
        while depth > line.depth:
            yield "</details>"
            depth -= 1
        if line.kind == OPEN:
            inside = _inside(lines, at)
            is_open = " open" if all_open or any(item.failed for item in inside) else ""
            own = line.items[0] if line.items else None
            cells = _step_cells(view, own, line.label) if own is not None else _group_cells(line.label, inside, view)
            yield f'<details class="{_in(line)}"{is_open}><summary>{cells}</summary>'
            depth += 1
        elif line.kind == STEP:
            item = line.items[0]
            bad = " is-bad" if item.failed else ""
            yield f'<div class="step {_in(line)}{bad}">{_step_cells(view, item, line.label)}</div>'
        else:
            yield f'<div class="step {_in(line)}">{_group_cells(line.label, line.items, view)}</div>'
    yield "</details>" * depth


def _in(line: Line[StepRow]) -> str:
    return f"in-{min(line.depth, _DEEPEST)}"


def _inside(lines: Sequence[Line[StepRow]], at: int) -> list[Item[StepRow]]:
    found = list(lines[at].items)
    for line in lines[at + 1 :]:
        if line.depth <= lines[at].depth:
            break
        found += line.items
    return found


def _step_cells(view: RunView, item: Item[StepRow], label: str) -> str:
    row = item.value
    state = view.state_of(row)
    took = duration(item.weight) if row.ran and item.weight else ""
    tries = view.tries_of(row.name)
    reasons = why(row.report)
    if tries > 1:
        reasons = f"{tries} tries" + (f"; {reasons}" if reasons else "")
    shown = (
        pill(rows.STARTED, "under way") if state == SCHEDULED else pill(state, "ran" if state == "completed" else "")
    )
    return (
        f'<span class="name" title="{run_text(row.name)}">{run_text(label)}</span><span>{shown}</span>'
        f'<span class="took number">{text(took)}</span><span class="why">{run_text(reasons)}</span>'
    )


def _group_cells(label: str, items: Sequence[Item[StepRow]], view: RunView) -> str:
    counts = Counter(view.state_of(item.value) for item in items)
    words = {"completed": "ran", SCHEDULED: "under way", SKIPPED: "skipped"}
    said = ", ".join(f"{count:,} {words.get(state, state)}" for state, count in counts.most_common())
    return (
        f'<span class="name">{run_text(label)}</span><span></span><span class="took"></span>'
        f'<span class="why">{run_text(said)}</span>'
    )
