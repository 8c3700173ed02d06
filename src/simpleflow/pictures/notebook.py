"""Runs and plans in a notebook: parts of a page that bring their own style and leave that of the notebook alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from simpleflow.engines.run import Run
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures import page, shapes
from simpleflow.pictures.failures import ShownRun, failures_of
from simpleflow.pictures.markup import text
from simpleflow.pictures.page import pill, run_text
from simpleflow.pictures.sentence import sentence
from simpleflow.pictures.timeline import timeline_svg
from simpleflow.step.constants import SKIPPED, WAITING
from simpleflow.views import rows
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView

_WIDTH = 760
_MOST_STEPS = 200  # of a plan
_MOST_FAILURES = 5
_VERDICTS = {"run": rows.STARTED, "skip": SKIPPED, "unknown": WAITING, "not run": rows.STOPPED}
_WORDS = {"run": "would run", "skip": "would be skipped", "unknown": "not known", "not run": "would not be reached"}
_OWN_STYLE = """
& { padding: 0.75rem 1rem; background: var(--paper); color: var(--ink); font: 14px/1.5 var(--sans); border-radius: 8px }
& .title { font-size: 18px; font-weight: 650 }
& p { margin: 0.25rem 0 0.5rem }
& table { width: auto; min-width: 50% }
& th, & td { text-align: left; padding: 0.2rem 1.25rem 0.2rem 0; background: none }
& .error { color: var(--failed); font-weight: 550 }
"""


class Planned(NamedTuple):
    """A step of a plan."""

    step: str
    verdict: str  # run, skip, unknown or not run
    forced: bool
    why: str
    workflow_id: str


def run_html(runs: Sequence[Run]) -> str:
    """Return a run as HTML for a notebook: a sentence, what failed, and the timeline.

    ``runs``: the run, and then its children.
    """
    shown_runs = []
    for run in runs:
        view = RunView(run.run_id, run.workflow_id)
        view.extend(run.history.events)
        shown_runs.append(ShownRun(view, run.history.events))
    view, events = shown_runs[0]
    state = view.state if view.closed else rows.STARTED
    head = f'{pill(state, state.replace("_", " "))} <span class="title">{run_text(view.workflow_id)}</span>'
    parts = [f"<p>{head}</p>", f"<p>{run_text(sentence(view))}</p>"]
    failed = [(one.view, failure) for one in shown_runs for failure in failures_of(*one)]
    for owner, failure in failed[:_MOST_FAILURES]:
        name = failure.step or (failure.task.name if failure.task is not None else "")
        name += f" in {owner.workflow_id}" if owner is not view else ""
        parts.append(f'<p><strong>{run_text(name)}</strong> <span class="error">{run_text(failure.error)}</span></p>')
        parts.append(page.preformatted(failure.traceback))
    if len(failed) > _MOST_FAILURES:
        parts.append(f"<p>and {len(failed) - _MOST_FAILURES:,} more failures</p>")
    if view.rows:
        path = critical_path(view, events)
        parts.append(timeline_svg(view, width=_WIDTH, critical=path, key=f"run-{_letters(view.run_id)}"))
    return _scoped(parts)


def plan_html(steps: Sequence[Planned], lines: Iterable[str]) -> str:
    """Return a plan as HTML for a notebook: how many steps would run, and each with its reasons.

    ``lines``: warnings and notes.
    """
    counts = Counter(each.verdict for each in steps)
    said = ", ".join(f"{counts[verdict]:,} {words}" for verdict, words in _WORDS.items() if counts[verdict])
    children = len({each.workflow_id for each in steps}) > 1
    titles = ["step", "verdict", "forced", *(["workflow"] if children else []), "why"]
    parts = [f'<p><span class="title">{text(said or "no steps")}</span></p>']
    if steps:
        head = "".join(f"<th>{title}</th>" for title in titles)
        body = "".join(_row(each, children) for each in steps[:_MOST_STEPS])
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    if len(steps) > _MOST_STEPS:
        parts.append(f"<p>and {len(steps) - _MOST_STEPS:,} more steps</p>")
    parts += [f"<p>{run_text(line)}</p>" for line in lines]
    return _scoped(parts)


def _row(step: Planned, children: bool) -> str:
    cells = [
        run_text(step.step),
        pill(_VERDICTS.get(step.verdict, rows.STOPPED), step.verdict),
        "yes" if step.forced else "",
        *([run_text(step.workflow_id)] if children else []),
        run_text(step.why),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _scoped(parts: Iterable[str]) -> str:
    """The parts in an element whose style is for it alone: the rules are nested in one for its class."""
    style = (shapes.whole_stylesheet() + _OWN_STYLE).replace(":root", "&")
    inside = "\n".join(part for part in parts if part)
    return f'<div class="simpleflow-shown">\n<style>.simpleflow-shown {{\n{style}}}</style>\n{inside}\n</div>'


def _letters(value: str) -> str:
    return "".join(each for each in value if each.isalnum() and each.isascii())[:16]
