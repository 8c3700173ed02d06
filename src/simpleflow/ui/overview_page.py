"""A run at a glance: how it ended and where, what failed first, what waits for what, what took long, how to go on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import SimpleflowError
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.sentence import sentence
from simpleflow.pictures.style import Look, look
from simpleflow.source.source_lines import own_frame
from simpleflow.ui import failures, run_values
from simpleflow.ui.commands import commands_of
from simpleflow.ui.folded import Folded, state_of
from simpleflow.ui.links import link
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, abandoned, end_of, run_page
from simpleflow.ui.texts import counts_text
from simpleflow.views.critical_path import Link, critical_path
from simpleflow.views.rows import AttemptRow, ChildRow, Row, SignalRow, TaskRow
from simpleflow.views.run_view import RunView
from simpleflow.views.waits import CLAIM, waits_in
from simpleflow.views.waits import Wait as RunWait
from simpleflow.views.waits import sentence as waiting_for

_WAITS = 8  # lines about what waits
_WAITS_NAMED = 3  # in the sentence
_SLOWEST = 3
_PATH = 12  # parts of the critical path that are shown
_CHILDREN = 12
_DEEPEST = 8  # children inside each other


class Wait(NamedTuple):
    """A task that waits or works."""

    what: str
    href: str | None
    text: str
    since: float | None


class Slow(NamedTuple):
    """A step or an activity that took long."""

    name: str
    href: str
    seconds: float
    share: float  # of the slowest
    look: Look


class PathPart(NamedTuple):
    """A part of the critical path."""

    name: str
    detail: str
    href: str | None
    seconds: float
    queued: float
    share: float  # of the whole path
    look: Look

    @property
    def waited(self) -> float:
        """The share of its time in which the run waited for a worker."""
        return self.queued / self.seconds if self.seconds else 0.0


def page(visit: Visit, id: str) -> Page:
    """The overview of a run."""

    def values(folded: Folded, view: RunView) -> dict[str, Any]:
        run = folded.run
        counts = folded.once("counts", counts_of)
        failure, through = folded.once("failure", lambda view: _failure(visit, run, view))
        reason, trace = failures.run_reason(visit.source, run, view)
        waits, more_waits = _waits(visit, run, view)
        path, whole = _path(folded, view)
        children = folded.once("children", _children)
        return {
            "sentence": _sentence(visit, folded, view),
            "counts": counts,
            "failure": failure,
            "through": through,
            "failed": [row.name for row in view.failed_steps()],
            "failure_title": _failure_title(view),
            "reason": "" if _says_the_same(failure, reason) else reason,
            "reason_where": own_frame(trace)[0],
            "reason_traceback": trace if failure is None or failure.traceback != trace else "",
            "working": _working(run, view),
            "waits": waits,
            "more_waits": more_waits,
            "slowest": _slowest(visit, folded, view),
            "path": path,
            "path_seconds": whole,
            "children": children[:_CHILDREN],
            "more_children": max(0, len(children) - _CHILDREN),
            "commands": commands_of(visit, run, view, failure),
            **run_values.ends(visit, run, view),
        }

    return run_page(visit, id, "overview", "overview.html", values)


def _children(view: RunView) -> list[ChildRow]:
    """The child workflows, each by its last start: one may have been refused before."""
    return list({child.id: child for child in view.of_kind(ChildRow)}.values())


def prepare(folded: Folded) -> None:
    """Compute what takes long in a long history."""
    folded.once("counts", counts_of)
    folded.once("seconds", seconds_of)
    path_of(folded)


def counts_of(view: RunView) -> dict[str, int]:
    """The steps of a run by look."""
    return dict(Counter(look(state_of(view, row)).name for row in view.steps.values()))


def _failure(
    visit: Visit, run: RunDescription, view: RunView
) -> tuple[failures.Failure | None, list[tuple[str, str, str]]]:
    """The first failure; of a child that failed, the one inside of it. With it, the children on the way to it.

    Of each of these: the name of the step, the workflow id and the address.
    """
    found = failures.first_failure(visit.source, run, view)
    way: list[tuple[str, str, str]] = []
    while found is not None and isinstance(found.task, ChildRow) and found.task.run_id and len(way) < _DEEPEST:
        try:
            child = visit.source.find(found.task.run_id)
            folded = visit.runs.run(child)
            with folded.lock:
                inner = failures.first_failure(visit.source, child, folded.view) if folded.complete else None
        except SimpleflowError:  # it was removed, or cannot be read: the run knows why it failed
            break
        if inner is None:
            break
        way.append((found.step or found.task.name, child.workflow_id, link("run", child.run_id)))
        found = inner._replace(run=child)
    return found, way


def _failure_title(view: RunView) -> str:
    failed = len(view.failed_steps())
    if not failed and not view.closed:
        return "What failed; the run goes on" if not view.abandoned else "What failed so far"
    return "Failed first" if failed > 1 else "What failed"


def _says_the_same(failure: failures.Failure | None, reason: str) -> bool:
    """True if the reason of the run is that of the failure, with more words."""
    if failure is None:
        return False
    task = failure.task.name if failure.task is not None else ""
    return bool(failure.reason and failure.reason in reason) or (
        task != "" and reason.startswith(f"Workflow execution error in {task}")
    )


def _sentence(visit: Visit, folded: Folded, view: RunView) -> str:
    """The run in one sentence."""
    run = folded.run
    said = folded.once("sentence", sentence) if view.closed else sentence(view, end_of(visit, run, view))
    if abandoned(visit, run):
        said = f"open, but no process drives it; {counts_text(counts_of(view))}"
    elif not view.closed and not any(isinstance(task, AttemptRow) and task.started for task in view.open.values()):
        waits = waiting_for(waits_in(view, failures.event_of(visit.source, run)), visit.now, _WAITS_NAMED)
        said += f". It waits for {waits}" if waits else ""
    return said[:1].upper() + said[1:]


def _waits(visit: Visit, run: RunDescription, view: RunView) -> tuple[list[Wait], int]:
    """The waits of tasks, the longest first, and how many more there are. None if no process drives the run."""
    if view.is_over:
        return [], 0
    found = []
    for task in view.open.values():
        what = task.step or task.name
        if isinstance(task, ChildRow) and task.run_id is not None:
            text = f"waits for child workflow {task.id}"
            found.append(Wait(what, link("run", task.run_id), text, task.started or task.scheduled))
        elif task.started is None:
            where = f" of list {task.task_list}" if task.task_list and visit.source.folder is None else ""
            text = f"{task.name} waits for a worker{where}"
            found.append(Wait(what, link("run", run.run_id, "activity", task.event_id), text, task.scheduled))
    found += [_for(run, view, each, visit.now) for each in waits_in(view, failures.event_of(visit.source, run))]
    found.sort(key=lambda wait: wait.since or 0.0)
    return found[:_WAITS], max(0, len(found) - _WAITS)


def _for(run: RunDescription, view: RunView, wait: RunWait, now: float) -> Wait:
    """A wait for a signal, a timer, the next try of a task, or another run."""
    row = view.steps.get(wait.step or "")
    href = None if row is None else link("run", run.run_id, "step", row.name)
    if wait.kind == CLAIM and row is not None and row.report.waits_for is not None:
        href = link("run", row.report.waits_for)
    since = row.begin if wait.kind == CLAIM and row is not None else None
    return Wait("the run" if row is None else row.name, href, f"waits for {wait.text(now)}", since)


def _working(run: RunDescription, view: RunView) -> list[Wait]:
    """The activities that workers perform, the longest first."""
    if view.closed:
        return []
    tasks = [task for task in view.open.values() if isinstance(task, AttemptRow) and task.started is not None]
    tasks.sort(key=lambda task: task.started or 0.0)
    found = []
    for task in tasks[:_WAITS]:
        href = link("run", run.run_id, "activity", task.event_id)
        found.append(Wait(task.step or task.name, href, task.name, task.started or task.scheduled))
    return found


def _slowest(visit: Visit, folded: Folded, view: RunView) -> list[Slow]:
    run, end = folded.run, end_of(visit, folded.run, view)
    by_step = folded.once("seconds", seconds_of)
    under_way = {task.step for task in view.open.values() if task.step is not None and task.started is not None}
    by_step = by_step | {name: view.work_time(name, end).seconds or 0.0 for name in under_way}
    found = []
    for name, seconds in sorted(by_step.items(), key=lambda each: -each[1])[:_SLOWEST]:
        found.append((name, link("run", run.run_id, "step", name), seconds, look(state_of(view, view.steps[name]))))
    if not view.steps:
        tasks = folded.once("longest", lambda view: _longest(view, end))
        for task in tasks:
            href = link("run", run.run_id, "activity", task.event_id)
            took = (task.ended or end) - (task.started or task.scheduled)
            found.append((task.name, href, took, look(view.state_of(task))))
    longest = found[0][2] if found else 0.0
    return [Slow(name, href, took, took / (longest or 1.0), looks) for name, href, took, looks in found]


def _longest(view: RunView, end: float) -> list[AttemptRow]:
    started = [task for task in view.attempts if task.started is not None and not task.about_marks]
    return sorted(started, key=lambda task: (task.started or 0.0) - (task.ended or end))[:_SLOWEST]


def seconds_of(view: RunView) -> dict[str, float]:
    """How long each step worked that has worked, by name."""
    found = {}
    for name, row in view.steps.items():
        if row.ran:
            seconds = view.work_time(name, view.last_time).seconds
            if seconds:
                found[name] = seconds
    return found


def _path(folded: Folded, view: RunView) -> tuple[list[PathPart], float]:
    """The critical path: its longest parts, in order, and how long the whole is."""
    links = path_of(folded)
    whole = sum(each.ended - each.began for each in links)
    shown = sorted(range(len(links)), key=lambda at: links[at].began - links[at].ended)[:_PATH]
    parts = []
    for at in sorted(shown):
        part = links[at]
        seconds = part.ended - part.began
        name, href = _what(folded.run, part.row)
        detail = part.row.name if name != part.row.name else part.row.kind
        if isinstance(part.row, AttemptRow) and part.row.number > 1:
            detail += f", try {part.row.number}"
        looks = look(view.state_of(part.row)) if isinstance(part.row, TaskRow) else look("completed")
        parts.append(PathPart(name, detail, href, seconds, part.queued, seconds / (whole or 1.0), looks))
    if len(links) > len(parts):
        rest = whole - sum(part.seconds for part in parts)
        name = f"{len(links) - len(parts):,} shorter parts"
        parts.append(PathPart(name, "", None, rest, 0.0, rest / (whole or 1.0), look("skipped")))
    return parts, whole


def path_of(folded: Folded) -> list[Link]:
    """The critical path of a run."""
    return folded.once("path", lambda view: critical_path(view, folded.decisions))


def _what(run: RunDescription, row: Row) -> tuple[str, str | None]:
    """The label of a row, and the address of its page."""
    if isinstance(row, ChildRow):
        return row.step or row.id, link("run", row.run_id) if row.run_id else None
    if isinstance(row, TaskRow):
        name = "reading and writing marks" if isinstance(row, AttemptRow) and row.about_marks else row.step or row.name
        return name, link("run", run.run_id, "activity", row.event_id)
    return (f"signal {row.name}" if isinstance(row, SignalRow) else f"timer {row.name}"), None
