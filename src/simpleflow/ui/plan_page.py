"""The plan of a next run: which steps it would run and skip, why, and when it would end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.style import RUNNING, SKIPPED, STOPPED, WAITING, Look
from simpleflow.shown_text import duration
from simpleflow.shown_text import names as some
from simpleflow.steering.plan_file import SavedPlan, SavedStep
from simpleflow.steering.plan_times import StepTime, Times
from simpleflow.step.planned import NOT_RUN, RUN, SKIP, UNKNOWN
from simpleflow.ui.links import link
from simpleflow.ui.plans import PlanOf, Steering, plan_of, steering_of
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, frame
from simpleflow.ui.texts import count

PAGE = 200
"""Steps on a page."""

VERDICTS: dict[str, tuple[str, Look]] = {
    RUN: ("runs", RUNNING._replace(symbol="▸")),
    SKIP: ("is skipped", SKIPPED),
    UNKNOWN: ("may run", WAITING),
    NOT_RUN: ("is not reached", STOPPED),
}
"""The words and looks of verdicts."""

_REFRESH = 5  # seconds after which a browser without JavaScript looks for the estimate
_PATH = 12  # parts of the critical path that are shown
_NOTHING = 0.005  # seconds that are shown as none
_SAME = 0.01  # of the whole time; a smaller difference is none


class PlanLine(NamedTuple):
    """A step of the plan."""

    name: str
    href: str | None
    workflow_id: str  # empty: that of the run
    word: str
    look: Look
    forced: bool
    why: str
    takes: str
    rests_on: str
    seconds: float | None
    share: float  # of the longest
    is_critical: bool


def page(visit: Visit, id: str) -> Page:
    """The plan of a next run like this one."""
    run = visit.source.find(id)
    steering = steering_of(visit.query)
    verdict, text, first = visit.query.get("verdict", ""), visit.query.get("q", "").strip(), visit.number("from")
    if verdict and verdict not in VERDICTS:
        raise InputError(f"verdict is {verdict!r}; expected one of {', '.join(VERDICTS)}")
    found = plan_of(visit, run, steering)
    query: dict[str, Any] = {
        "force": ",".join(steering.force),
        "skip": ",".join(steering.skip),
        "changed": "1" if steering.changed else None,
        "last": "1" if steering.assume_last else None,
        "workers": steering.workers,
    }

    def address(**other: str | int | None) -> str:
        return link("run", run.run_id, "plan", query=query | other)

    values: dict[str, Any] = {
        **frame(visit, run, "plan"),
        "found": found,
        "steering": steering,
        "verdict": verdict,
        "text": text,
        "verdicts": [(name, word) for name, (word, _) in VERDICTS.items()],
        "again": address(newer=f"{visit.now:.3f}", verdict=verdict, q=text) if found.can_steer else None,
        "here": address(verdict=verdict, q=text),
        "plain": address(force=None, skip=None, changed=None, last=None, workers=None),
    }
    title = f"Plan · {run.workflow_id}"
    if found.plan is None:
        return Page("no_plan.html", title, values, live=found.pending, refresh=2 if found.pending else None)
    folded = visit.runs.run(run)
    with folded.lock:
        known = set(folded.view.steps)
    steps = [each for each in found.plan.steps if verdict in ("", each.verdict) and text.lower() in each.step.lower()]
    values |= {
        "sentence": _sentence(found, steering),
        "lines": list(_lines(steps[first : first + PAGE], found.times, run, known)),
        "shown": len(steps),
        "total": len(found.plan.steps),
        "page_size": PAGE,
        "children": any(each.workflow_id != run.workflow_id for each in steps),
        "path": _path(found, run.run_id, known),
        "alternatives": _alternatives(found.times),
        "notes": _notes(found.plan),
        "before": address(verdict=verdict, q=text, **{"from": max(0, first - PAGE)}) if first else None,
        "next": address(verdict=verdict, q=text, **{"from": first + PAGE}) if len(steps) > first + PAGE else None,
    }
    refresh = _REFRESH if found.pending else None
    return Page("plan.html", title, values, live=found.pending or run.status == "open", refresh=refresh)


def verdict_text(found: PlanOf, workflow_id: str, name: str) -> str:
    """What a plan says about a step, as a sentence; empty if it says nothing."""
    step = found.step(workflow_id, name)
    if step is None:
        if found.plan is None:
            return ""
        more = "" if found.plan.complete else ", as far as it can be told before it runs"
        return f"A next run does not have this step{more}."
    why = why_of(step)
    said = f"A next run {_SAID[step.verdict]}" + (f": {why}" if why else "")
    takes, rests_on = _takes(step, found.time(workflow_id, name))
    return f"{said}." + (f" It takes about {takes} ({rests_on})." if rests_on else "")


_SAID = {RUN: "runs it", SKIP: "skips it", UNKNOWN: "may run it", NOT_RUN: "stops before it"}


def why_of(step: SavedStep) -> str:
    """The reasons of a verdict in one line; may be empty."""
    others = [name for name in step.unmarks if name != step.step]
    parts = [
        some(step.reasons) + (f", but {step.changed}" if step.changed else ""),
        f"no longer done: {some(others)}" if others else "",
        step.note or "",
    ]
    return "; ".join(filter(None, parts))


def _takes(step: SavedStep, time: StepTime | None) -> tuple[str, str]:
    """How long a step works that runs, and on what this rests; empty texts if it is not known."""
    if step.verdict == SKIP:
        return "", ""
    if time is None:
        return ("", "") if step.seconds is None else (duration(step.seconds), "last time")
    if not time.rests_on:
        return (f"at least {duration(time.seconds)}" if time.seconds else "not known"), ""
    return duration(time.seconds), count(time.rests_on, "run")


def _lines(steps: Sequence[SavedStep], times: Times | None, run: RunDescription, known: set[str]) -> Iterator[PlanLine]:
    by_step = {(each.workflow_id, each.step): each for each in (() if times is None else times.steps)}
    critical = {name for name, _ in (() if times is None else times.critical)}
    longest = max((each.seconds for each in by_step.values()), default=0.0) or 1.0
    for step in steps:
        time = by_step.get((step.workflow_id, step.step)) if step.verdict != SKIP else None
        word, look = VERDICTS[step.verdict]
        own = step.workflow_id == run.workflow_id
        seconds = None if time is None else time.seconds
        yield PlanLine(
            step.step,
            link("run", run.run_id, "step", step.step) if own and step.step in known else None,
            "" if own else step.workflow_id,
            word,
            look,
            step.forced,
            why_of(step) or ("it is not done" if step.verdict == RUN else ""),
            *_takes(step, time),
            seconds,
            (seconds or 0.0) / longest,
            own and step.verdict == RUN and step.step in critical,
        )


def _sentence(found: PlanOf, steering: Steering) -> str:
    """The plan in one or two sentences."""
    plan, times = found.plan, found.times
    assert plan is not None
    counts: Counter[str] = Counter(each.verdict for each in plan.steps)
    total = len(plan.steps)
    parts = [
        count(counts[each], one, more)
        for each, one, more in (
            (RUN, "runs", "run"),
            (SKIP, "is skipped", "are skipped"),
            (UNKNOWN, "may run", "may run"),
            (NOT_RUN, "is not reached", "are not reached"),
        )
        if counts[each]
    ]
    subject = "A next run" if steering.is_plain else "Such a run"
    if total and len(counts) == 1 and (counts[RUN] or counts[SKIP]):
        every = "the only step" if total == 1 else f"all {total:,} steps"
        said = f"{subject} {'runs' if counts[RUN] else 'skips'} {every}"
    else:
        said = f"{subject} has {count(total, 'step')}" + (f": {', '.join(parts)}" if parts else "")
    if total and counts[SKIP] == total and (times is None or times.seconds < _NOTHING):
        return f"{said}."
    if times is None:
        known = [each.seconds for each in plan.steps if each.verdict == RUN and each.seconds is not None]
        took = f"; those that run took {duration(sum(known))} when they ran last, one after the other" if known else ""
        return f"{said}{took}."
    workers = count(times.workers, "worker")
    rests = f"{workers}, from {count(times.runs, 'earlier run')}"
    if times.seconds < _NOTHING and (times.unknown or not times.complete):
        return f"{said}. How long that takes is not known."
    least = "" if times.complete and not times.unknown else "at least "
    most = ""
    if times.most > times.seconds * (1 + _SAME):
        most = f"; {times.share:.0%} of runs take no longer than {duration(times.most)}"
    return f"{said}. It takes {least}{duration(times.seconds)}{most} ({rests})."


def _path(found: PlanOf, run_id: str, known: set[str]) -> list[tuple[str, str | None, float, float]]:
    """The critical path: name, address, seconds, and share of the longest part."""
    parts = () if found.times is None else found.times.critical
    longest = max((seconds for _, seconds in parts), default=0.0) or 1.0
    shown = [
        (name, link("run", run_id, "step", name) if name in known else None, seconds, seconds / longest)
        for name, seconds in parts[:_PATH]
    ]
    if len(parts) > _PATH:
        rest = sum(seconds for _, seconds in parts[_PATH:])
        shown.append((f"{len(parts) - _PATH:,} more parts", None, rest, rest / max(longest, rest)))
    return shown


def _alternatives(times: Times | None) -> list[tuple[str, str, str]]:
    """Other ways to run: the change, how long it would take, and what it would gain."""
    if times is None or times.typical < _NOTHING:
        return []
    found = []
    for change, seconds, gain in times.alternatives:
        same = abs(gain) <= _SAME * times.typical
        said = "the same" if same else f"{duration(abs(gain))} {'less' if gain > 0 else 'more'}"
        found.append((change, duration(seconds), said))
    return found


def _notes(plan: SavedPlan) -> list[str]:
    """What the plan could not know, and what has no effect, without what stands beside steps."""
    beside = {each.note for each in plan.steps}
    return [*plan.warnings, *(note for note in plan.notes if note not in beside)]
