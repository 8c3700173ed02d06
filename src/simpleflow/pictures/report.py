"""The report of a run: one file that says what it did, what failed and how to go on, to keep or to send.

It needs no script, loads nothing, and stays small: of a large run it shows what matters, and says what it leaves out.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from simpleflow.constants import RELEASE
from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures import report_failures, report_steps
from simpleflow.pictures.dependencies import has_dependencies
from simpleflow.pictures.failures import ShownRun
from simpleflow.pictures.graph import graph_svg
from simpleflow.pictures.markup import number, text
from simpleflow.pictures.page import (
    arguments,
    card,
    command_text,
    facts,
    moment,
    page,
    pill,
    preformatted,
    run_text,
    value,
)
from simpleflow.pictures.sentence import sentence
from simpleflow.pictures.style import LOOKS, look
from simpleflow.pictures.timeline import timeline_svg
from simpleflow.pictures.timeline_rows import STEPS
from simpleflow.shown_text import duration, hide_passwords
from simpleflow.step.constants import SCHEDULED
from simpleflow.views import rows
from simpleflow.views.critical_path import Link, critical_path
from simpleflow.views.rows import AttemptRow
from simpleflow.views.run_view import RunView

_WIDE, _NARROW = 1_040, 351  # widths of the two timelines
_LINKS = 12  # of the critical path
_SHORTEST = 0.005  # of the whole path; shorter links are left out
_SLOWEST = 5
_LOGS = 30


class Log(NamedTuple):
    """The end of what an attempt has printed."""

    title: str  # step or activity
    text: str


class Command(NamedTuple):
    """A command for people to copy."""

    about: str
    line: str


LastLines = Callable[[str, str], list[str]]
"""Returns the last lines that an activity has printed, by its run id and activity id."""


def report_html(
    runs: Sequence[ShownRun],
    *,
    now: float | None = None,
    commands: Sequence[Command] = (),
    logs: Sequence[Log] = (),
    last_lines: LastLines = lambda run_id, activity_id: [],
    where: str = "",
    zone: datetime.tzinfo | None = None,
) -> str:
    """Return the report of a run as an HTML document.

    Args:
        runs: the run, and then its children.
        now: until when an open run has gone on, in epoch seconds. Default: its last event.
        commands: how to go on.
        logs: the ends of logs to show.
        last_lines: reads what a failed activity has printed last.
        where: the folder or domain of the run.
        zone: of the times; None: the local one.
    """
    run = runs[0]
    view = run.view
    now = view.last_time if now is None or view.closed else max(now, view.last_time)
    path = critical_path(view, run.events)
    failed = report_failures.failures(runs, last_lines, zone)
    seconds = {name: view.work_time(name, now).seconds or 0.0 for name, row in view.steps.items() if row.ran}
    body = [
        *_header(run, now),
        failed,
        _commands(commands, "To go on") if failed else "",
        _timeline(view, path, now, zone),
        '<div class="columns">',
        _summary(run, now, where, zone),
        _slowest(seconds),
        "</div>",
        _path(view, path),
        report_steps.steps(view, {link.row.event_id for link in path}, seconds),
        _graph(view),
        _logs(logs),
        _commands(commands, "Commands") if not failed else "",
        _footer(view, now, zone),
    ]
    return page(f"{view.workflow_id or 'run'}: {_state(view)}", (part for part in body if part))


def timeline_html(
    run: ShownRun, *, by: str = STEPS, under: str = "", now: float | None = None, zone: datetime.tzinfo | None = None
) -> str:
    """Return a page with the timeline of a run alone. The arguments are those of ``timeline_svg``."""
    view = run.view
    now = view.last_time if now is None or view.closed else max(now, view.last_time)
    path = critical_path(view, run.events)
    body = [*_header(run, now), _timeline(view, path, now, zone, by, under), _footer(view, now, zone)]
    return page(f"{view.workflow_id or 'run'}: timeline", (part for part in body if part))


def _state(view: RunView) -> str:
    return view.state if view.closed else "running"


def _header(run: ShownRun, now: float) -> Iterator[str]:
    view = run.view
    yield "<header>"
    yield pill(view.state if view.closed else rows.STARTED, _state(view).replace("_", " "))
    yield f"<h1>{text(view.workflow_id or 'A run')}</h1>"
    yield f'<p class="sentence">{run_text(sentence(view, now))}</p>'
    counts: dict[str, int] = {}
    for row in view.steps.values():
        state = view.state_of(row)
        name = look(rows.STARTED if state == SCHEDULED else state).name
        counts[name] = counts.get(name, 0) + 1
    if counts:
        yield _shares(counts)
    yield "</header>"


def _shares(counts: dict[str, int]) -> str:
    """A bar with the share of steps in each state. A legend of the colours is below it."""
    words = {"done": "ran"}
    whole, at = sum(counts.values()), 0.0
    bars, keys = [], []
    for each in LOOKS:
        if each.name not in counts:
            continue
        count = counts[each.name]
        share = count / whole * 100
        bars.append(f'<rect class="is-{each.name}" x="{at:.2f}" width="{max(share - 0.25, 0.25):.2f}" height="1"/>')
        at += share
        symbol = f'<span class="symbol" aria-hidden="true">{each.symbol}</span>'
        word = words.get(each.name, each.name)
        keys.append(f'<li><span class="state is-{each.name}">{symbol}{count:,} {word}</span></li>')
    bar = f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    return f'<div><div class="shares">{bar}</div><ul class="counts">{"".join(keys)}</ul></div>'


def _commands(commands: Sequence[Command], title: str) -> str:
    found = [
        f'<p class="about">{text(each.about)}</p>'
        f'<pre class="command" tabindex="0"><code>{command_text(hide_passwords(each.line))}</code></pre>'
        for each in commands
    ]
    return card(title, *found, key="commands")


def _timeline(
    view: RunView,
    path: Sequence[Link],
    now: float,
    zone: datetime.tzinfo | None,
    by: str = STEPS,
    under: str = "",
) -> str:
    if not view.rows:
        return ""
    given: dict[str, Any] = {"now": now, "critical": path, "zone": zone, "by": by, "under": under}
    wide = timeline_svg(view, width=_WIDE, key="wide", **given)
    narrow = timeline_svg(view, width=_NARROW, key="narrow", **given)
    return card(
        "When it worked",
        f'<div class="timeline-wide wide" tabindex="0" role="region" aria-label="Timeline">{wide}</div>',
        f'<div class="timeline-narrow">{narrow}</div>',
        key="timeline",
    )


def _summary(run: ShownRun, now: float, where: str, zone: datetime.tzinfo | None) -> str:
    view, first = run.view, run.events[0].attributes
    last: Any = run.events[-1].attributes
    started: Any = first if isinstance(first, e.WorkflowExecutionStarted) else None
    attempts = [row for row in view.attempts if not row.about_marks]
    tasks = {row.id for row in attempts}
    tries = f" in {len(attempts):,} tries" if len(attempts) > len(tasks) else ""
    workers = len({row.worker for row in view.attempts if row.worker})
    kind = started.workflow_type if started is not None else None
    tags = [tag for tag in (started.tag_list or ()) if tag] if started is not None else []
    parent = started.parent_workflow_execution if started is not None else None
    pairs = [
        ("type", run_text(f"{kind.name} {kind.version}") if kind is not None else ""),
        ("run", value(view.run_id)),
        ("in", run_text(where)),
        ("began", text(moment(view.began, zone))),
        ("ended" if view.closed else "as of", text(moment(view.last_time if view.closed else now, zone))),
        ("took", text(duration(max(0.0, now - (now if view.began is None else view.began))))),
        ("activities", f"{len(tasks):,}{tries}" if tasks else ""),
        ("workers", f"{workers:,}" if workers > 1 else ""),  # all processes of a local run have one name
        ("tags", run_text(", ".join(tags))),
        ("parent", run_text(parent.workflow_id) if parent is not None else ""),
        ("input", arguments(started.input) if started is not None else ""),
        ("result", value(last.result) if isinstance(last, e.WorkflowExecutionCompleted) else ""),
    ]
    return card("The run", facts(pairs), key="run")


def _slowest(seconds: Mapping[str, float]) -> str:
    times = [(took, name) for name, took in seconds.items() if took > 0]
    found = sorted(times, key=lambda each: (-each[0], each[1]))[:_SLOWEST]
    if not found:
        return ""
    lines = [
        f'<tr><td class="mono">{run_text(name)}</td><td>{_meter(took / found[0][0])}</td>'
        f'<td class="number">{text(duration(took))}</td></tr>'
        for took, name in found
    ]
    head = '<tr><th>step</th><th class="share">share</th><th class="number">took</th></tr>'
    return card("The slowest steps", f"<table>{head}{''.join(lines)}</table>", key="slowest")


def _path(view: RunView, path: Sequence[Link]) -> str:
    """The critical path: its longest links, in their order."""
    whole = sum(max(0.0, link.ended - link.began) for link in path)
    if not whole:
        return ""
    longest = sorted(path, key=lambda link: link.began - link.ended)[:_LINKS]
    kept = {id(link) for link in longest if link.ended - link.began >= _SHORTEST * whole}
    lines = []
    for link in path:
        if id(link) not in kept:
            continue
        row, took = link.row, max(0.0, link.ended - link.began)
        about_marks = isinstance(row, AttemptRow) and row.about_marks
        name = "the marks of steps" if about_marks else getattr(row, "step", None) or f"{row.kind} {row.name}"
        name += f", try {row.number}" if isinstance(row, AttemptRow) and row.number > 1 else ""
        queued = text(duration(link.queued)) if link.queued >= 0.05 else ""
        lines.append(
            f'<tr><td class="mono">{run_text(name)}</td><td class="number">{text(duration(took))}</td>'
            f'<td class="number">{queued}</td><td>{_meter(took / whole, link.queued / whole)}</td></tr>'
        )
    said = "What ended last before each task was scheduled: without these, the run would have ended sooner."
    more = len(path) - len(lines)
    said += f" {more:,} shorter {'one is' if more == 1 else 'ones are'} left out." if more else ""
    head = '<tr><th>step</th><th class="number">took</th><th class="number">queued</th>'
    head += '<th class="share">share</th></tr>'
    about = 'class="scroll" tabindex="0" role="region" aria-label="The critical path"'
    table = f"<div {about}><table>{head}{''.join(lines)}</table></div>"
    return card("The critical path", f'<p class="lead">{said}</p>', table, key="path")


def _meter(share: float, waited: float = 0.0) -> str:
    """A bar as long as its share; ``waited``, the part of the share that was spent waiting, is pale."""
    width = min(100.0, max(1.0, share * 100))
    pale = min(width, waited * 100)
    bars = f'<rect class="on" x="{number(pale)}" width="{number(width - pale)}" height="1"/>'
    if pale:
        bars = f'<rect class="on" width="{number(pale)}" height="1" opacity="0.3"/>{bars}'
    return (
        '<svg class="meter" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="1"/>{bars}</svg>'
    )


def _graph(view: RunView) -> str:
    if not has_dependencies(view):
        return ""
    said = "An arrow leads from a step to those that depend on it. A strong one: it has forced them in this run."
    drawn = graph_svg(view)
    return card(
        "What depends on what",
        f'<p class="lead">{said}</p>',
        f'<div class="wide" tabindex="0" role="region" aria-label="Graph">{drawn}</div>',
        key="graph",
    )


def _logs(logs: Sequence[Log]) -> str:
    shown = [
        f"<details><summary>{run_text(each.title)}</summary>{preformatted(each.text)}</details>"
        for each in logs[:_LOGS]
        if each.text.strip()
    ]
    more = len(logs) - _LOGS
    rest = f'<p class="about">and {more:,} more</p>' if more > 0 else ""
    return card("The ends of the logs", *shown, rest, key="logs") if shown else ""


def _footer(view: RunView, now: float, zone: datetime.tzinfo | None) -> str:
    as_of = "" if view.closed else f", which was open at {moment(now, zone)}"
    return f"<footer>Report of run {text(view.run_id)}{text(as_of)}. simpleflow {text(RELEASE)}</footer>"
