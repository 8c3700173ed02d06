"""One step: every verdict on it in the runs of the workflow, with the reasons; its changes; its activities."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from simpleflow import values as json_values
from simpleflow.core.events import Event
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.graph import graph_svg
from simpleflow.pictures.style import Look, look
from simpleflow.state_folder import logs
from simpleflow.steering.marks import read_marks
from simpleflow.step import changes, made_with, report, rules
from simpleflow.step.mark import Mark
from simpleflow.step.report import StepReport, why
from simpleflow.ui import plan_page, plans
from simpleflow.ui.failures import Failure, event_of, of_task
from simpleflow.ui.folded import Folded, state_of
from simpleflow.ui.links import link
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, end_of, run_page
from simpleflow.ui.steps_page import earlier_runs
from simpleflow.ui.texts import pretty
from simpleflow.views.rows import StepRow, TaskRow
from simpleflow.views.run_view import RunView
from simpleflow.views.waits import waits_in

VERDICTS = 20
"""Runs on a page."""

_TASKS = 100  # activities on a page
_SECONDS = 0.2  # for the summaries of earlier runs
_MARK_SECONDS = 0.2  # for the mark
_MARK_AGE = 5.0  # seconds; a mark may cost a request
_NAMES = 40  # of steps that it forces, or is forced by
_LONGEST = 2_000  # characters of arguments in a comparison


class VerdictLine(NamedTuple):
    """A verdict on the step in a run."""

    run: RunDescription
    state: str
    look: Look
    forced: bool
    why: str
    seconds: float | None
    href: str
    is_this: bool


class Difference(NamedTuple):
    """An input that the step was made with, in two runs."""

    what: str
    before: str
    now: str


def page(visit: Visit, id: str, name: str) -> Page:
    """The page of a step."""

    def values(folded: Folded, view: RunView) -> dict[str, Any]:
        run, row = folded.run, view.steps.get(name)
        if row is None:
            raise UnknownResource(f"run {run.run_id} of workflow {run.workflow_id!r} has no step {name!r}")
        tasks = view.tasks_of(name)
        failed = view.first_failure(name)
        failure: Failure | None = None
        if failed is not None and row.report.error is not None:
            failure = of_task(visit.source, run, view, failed, name)
        verdicts, more, unread = _verdicts(visit, run, name)
        plan = plans.plan_of(visit, run)
        return {
            "name": name,
            "row": row,
            "state_of_step": state_of(view, row),
            "why": why(row.report),
            "work": view.work_time(name, end_of(visit, run, view)),
            "tries": view.tries_of(name),
            "waits": _waits(visit, run, view, row),
            "failure": failure,
            "verdicts": verdicts,
            "unread": unread,
            "more_verdicts": more,
            "differences": _differences(visit, run, row, verdicts),
            "forces": _forced(view, row)[:_NAMES],
            "forced_by": _forcing(view, row)[:_NAMES],
            "graph": _graph(folded, row),
            "inner": row.inner[:_NAMES],
            "outer": row.outer,
            "tasks": [_task(visit, run, view, task) for task in tasks[:_TASKS]],
            "more_tasks": max(0, len(tasks) - _TASKS),
            "mark": _mark(visit, folded, name),
            "knows_marks": view.listed is not None,
            "plan": plan,
            "verdict_now": plan_page.verdict_text(plan, run.workflow_id, name),
            "pending": plan.pending and plan.plan is None,
        }

    return run_page(visit, id, "steps", "step.html", values, name)


def _verdicts(visit: Visit, run: RunDescription, name: str) -> tuple[list[VerdictLine], str | None, bool]:
    """The verdicts in this run and those before it, the address with earlier ones, and True if some are unread."""
    before = visit.query.get("before") or None
    found, unread = earlier_runs(visit, run, VERDICTS, _SECONDS, before)
    lines = []
    for each, steps in found[:VERDICTS]:
        summary = steps.get(name)
        if summary is None:
            continue
        event = visit.source.event(each, summary.event_id)
        found_report = report.read(getattr(event.attributes, "details", None))
        if found_report is None:
            continue
        lines.append(
            VerdictLine(
                each,
                summary.state,
                look(summary.state),
                found_report.forced,
                _because(found_report),
                summary.seconds,
                link("run", each.run_id, "step", name),
                each.run_id == run.run_id,
            )
        )
    more = None
    if len(found) > VERDICTS:
        more = link("run", run.run_id, "step", name, query={"before": found[VERDICTS - 1][0].run_id})
    return lines, more, unread


def _waits(visit: Visit, run: RunDescription, view: RunView, row: StepRow) -> list[str]:
    """For what the step waits: the next tries of its activities, and other runs."""
    if row.end is not None:
        return []
    return [each.text(visit.now) for each in waits_in(view, event_of(visit.source, run)) if each.step == row.name]


def _because(found_report: StepReport) -> str:
    text = why(found_report)
    if text:
        return text
    return {"completed": "it was not done", "scheduled": "it was not done"}.get(found_report.status, "")


def _differences(
    visit: Visit, run: RunDescription, row: StepRow, verdicts: list[VerdictLine]
) -> tuple[RunDescription | None, list[Difference]]:
    """Another run in which the step ran, and the differences of its inputs there and in this run.

    The other run is that of the query ``with``, or else the latest one before this run.
    """
    mine = _inputs(visit, run, row.name)
    others = [each.run for each in verdicts if not each.is_this and each.run.started <= run.started]
    wanted = visit.query.get("with")
    if wanted:
        others = [visit.source.find(wanted)]
    if mine is None:
        return None, []
    for other in others[:VERDICTS]:
        theirs = _inputs(visit, other, row.name)
        if theirs is not None:
            return other, _compared(theirs, mine)
    return None, []


def _inputs(visit: Visit, run: RunDescription, name: str) -> Mapping[str, Any] | None:
    """The inputs that the step was run with, as the marker says; None if it did not run in that run."""
    summary = visit.runs.known_summary(run.run_id)
    if summary is None or name not in summary.steps:
        return None
    latest = visit.source.event(run, summary.steps[name].event_id)
    found = _with_inputs(latest)
    if found is not None:
        return found
    # The marker of the end says less than that of the begin, which is some events before it.
    after = max(0, latest.id - 5_000)
    for event in reversed(visit.source.events(run, after, latest.id - after)):
        found = _with_inputs(event, name)
        if found is not None:
            return found
    return None


def _with_inputs(event: Event, name: str | None = None) -> Mapping[str, Any] | None:
    details = getattr(event.attributes, "details", None)
    if not isinstance(details, str) or '"made_with"' not in details:
        return None
    found = json_values.decode(details)
    if isinstance(found, dict) and name in (None, found.get("step")):
        return found
    return None


def _compared(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    found = []
    one, other = made_with.parse(before.get("made_with")), made_with.parse(now.get("made_with"))
    if one is not None and other is not None:
        found_report = changes.compare(one, other, ())
        if found_report is not None:
            if found_report.arguments is not None:
                found.append(Difference("arguments", _arguments(one.arguments), _arguments(other.arguments)))
            if found_report.code is not None:
                found.append(Difference("code", _code(one.activities, other), _code(other.activities, one)))
            if found_report.file is not None:
                found.append(Difference("file", one.file or "", other.file or ""))
    was, is_ = before.get("fingerprint"), now.get("fingerprint")
    if was != is_:
        found.append(Difference("fingerprint", str(was or "none"), str(is_ or "none")))
    return found


def _arguments(text: str) -> str:
    """Arguments for people: ``load(3, path='x')``."""
    try:
        calls = json.loads(text)
        said = [
            f"{name.rpartition('.')[2]}({', '.join([*map(changes.show, args), *_named(rest)])})"
            for name, args, *rest in calls
        ]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return text[:_LONGEST]
    return "\n".join(said)[:_LONGEST]


def _named(rest: list[Any]) -> list[str]:
    return [f"{key}={changes.show(value)}" for each in rest for key, value in each.items()]


def _code(activities: Mapping[str, str], other: made_with.MadeWith) -> str:
    differing = {name: digest for name, digest in activities.items() if other.activities.get(name) != digest}
    return "\n".join(f"{name.rpartition('.')[2]} {digest[:12]}" for name, digest in differing.items()) or "none"


def _graph(folded: Folded, row: StepRow) -> Markup:
    """The step with those around it, as a picture; nothing if it is connected with none."""
    view, run = folded.view, folded.run
    if not (_forced(view, row) or _forcing(view, row)):
        return Markup("")

    def href(kind: str, key: str) -> str | None:
        return link("run", run.run_id, "step", key) if kind == "step" else None

    drawn = folded.once(f"graph {row.name}", lambda view: graph_svg(view, around=row.name, href=href))
    return Markup(drawn)


def _forced(view: RunView, row: StepRow) -> list[str]:
    """The steps of this run that this one forces when it runs."""
    return [
        name
        for name, other in view.steps.items()
        if name != row.name
        and (
            any(rules.covers(pattern, name) for pattern in row.forces)
            or any(rules.covers(pattern, row.name) for pattern in other.after)
        )
    ]


def _forcing(view: RunView, row: StepRow) -> list[str]:
    """The steps of this run that force this one when they run."""
    return [
        name
        for name, other in view.steps.items()
        if name != row.name
        and (
            any(rules.covers(pattern, row.name) for pattern in other.forces)
            or any(rules.covers(pattern, name) for pattern in row.after)
        )
    ]


class TaskLine(NamedTuple):
    """An activity or a child of the step."""

    row: TaskRow
    state: str
    look: Look
    seconds: float | None
    href: str | None
    log: bool  # it has printed something


def _task(visit: Visit, run: RunDescription, view: RunView, task: TaskRow) -> TaskLine:
    state = view.state_of(task)
    seconds = None
    if task.started is not None:
        seconds = (task.ended if task.ended is not None else end_of(visit, run, view)) - task.started
    if task.kind == "child":
        child = getattr(task, "run_id", None)
        return TaskLine(task, state, look(state), seconds, link("run", child) if child else None, False)
    printed = visit.source.folder is not None and bool(logs.logs_of(visit.source.folder, run.run_id, task.id))
    return TaskLine(task, state, look(state), seconds, link("run", run.run_id, "activity", task.event_id), printed)


def _mark(visit: Visit, folded: Folded, name: str) -> Mark | None:
    """The mark of the step as it is now, or was a moment ago; None if there is none, or it is not known."""

    def read(view: RunView) -> tuple[Mark | None]:
        if view.listed is None:
            return (None,)
        return (read_marks(view.listed.bucket, view.listed.path, [name], _MARK_SECONDS).get(name),)

    return folded.once(f"mark {int(visit.now / _MARK_AGE)} {name}", read)[0]


def short(text: str) -> str:
    """JSON in one piece, for a fact."""
    return pretty(text)
