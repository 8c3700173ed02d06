"""When a run would end, from how long its activities took in earlier runs.

The run is simulated (``simulation``) many times, each time with other durations drawn from ``durations``; the estimate
is a quantile of the ends. A single simulation with typical durations would be too early: where several activities run
at once, the run waits for the slowest, and one of many is slower than usual.

Alternatives (more workers, a step not forced, a step skipped) are simulated with typical durations, once each, so that
the difference is due to the change and not to chance.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from simpleflow.core.history import History
from simpleflow.engines.base import ActivityTask, StartRequest
from simpleflow.runs.run_start import RunStart
from simpleflow.steering.dry_run import Findings
from simpleflow.steering.durations import Durations
from simpleflow.steering.earlier_results import EarlierRuns
from simpleflow.steering.simulation import Simulation
from simpleflow.step.activity_steps import step_of
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView
from simpleflow.workflow import Workflow

TYPICAL = 0.5
DRAWS = 200
"""Most simulations with durations that are drawn."""
LEAST_DRAWS = 5
BUDGET = 4.0
"""Seconds after which no further simulation begins."""
MAX_ALTERNATIVES = 8

_SMALLEST = 1e-9  # a chance of 0 has no duration


@dataclass(frozen=True)
class Unknown:
    """Activities of which no earlier run tells how long they take; they count as 0 seconds."""

    step: str | None
    activity: str
    count: int


@dataclass(frozen=True)
class Alternative:
    """Another way to run, compared with the plan."""

    change: str  # "16 workers", "without forcing load", "skipping load"
    seconds: float  # how long the run would take, with typical durations
    gain: float  # how much sooner it would end; negative: later


@dataclass(frozen=True)
class Estimate:
    """When a run would end."""

    workers: int
    quantiles: dict[float, float]  # seconds from the start to the end, by chance that the run takes no longer
    typical: float  # seconds with typical durations, as for ``steps``, ``critical`` and ``alternatives``
    runs: int  # how many earlier runs were read
    draws: int  # how many simulations the quantiles rest on
    complete: bool  # False: the simulated run did not reach its end, so that it takes longer than this
    steps: dict[tuple[str, str], float]  # seconds that each step that runs works, by workflow id and name
    rests_on: dict[tuple[str, str], int]  # how many durations a step's figure rests on at least; 0: some are not known
    critical: tuple[tuple[str, float], ...]  # the critical path: what the run waits for, and for how many seconds
    unknown: tuple[Unknown, ...]
    alternatives: tuple[Alternative, ...]


def estimate(
    workflow_class: type[Workflow],
    *,
    request: dict[str, Any],
    input: Any = None,
    workflow_id: str | None = None,
    default_bucket: str | None,
    domain: str | None,
    results: EarlierRuns | None,
    past: EarlierRuns,
    workers: int,
    quantiles: Iterable[float] = (0.5, 0.9),
) -> Estimate:
    """Estimate when a run would end if no activity failed.

    Args:
        request: how the run is steered: ``force_steps``, ``skip_steps`` and the like, as for ``local.Executor``.
        input, workflow_id, default_bucket, domain: as for ``plan``.
        results: earlier runs whose results are assumed again, as ``past`` of ``plan``; None: results are unknown.
        past: earlier runs that tell durations.
        workers: how many activities run at once.
        quantiles: chances, each more than 0 and less than 1.

    Raises InputError and StoreError as ``plan`` does.
    """
    durations = Durations(past)
    simulated = _Simulator(workflow_class, default_bucket, domain, results, durations, input, workflow_id)
    typical = simulated.run(request, workers, lambda: TYPICAL)
    generator = random.Random(0)  # the same state of affairs gives the same estimate
    began = time.monotonic()
    ends: list[float] = []
    while len(ends) < DRAWS and (len(ends) < LEAST_DRAWS or time.monotonic() - began < BUDGET):
        ends.append(simulated.run(request, workers, lambda: max(generator.random(), _SMALLEST)).seconds)
        if durations.spread == 0.0:
            break  # all draws are the same
    steps, rests_on = typical.step_figures(durations)
    return Estimate(
        workers,
        {chance: _quantile(ends, chance) for chance in quantiles},
        typical.seconds,
        durations.runs,
        len(ends),
        typical.closed,
        steps,
        rests_on,
        typical.critical,
        typical.unknown(durations),
        tuple(_alternatives(simulated, typical, request, workers)),
    )


class _Result:
    """A simulated run."""

    def __init__(self, findings: Findings, runs: dict[str, Any], slow: dict[tuple[str, str], ActivityTask]) -> None:
        self.findings = findings
        self._tasks = slow
        self._views = []
        histories: list[History] = [run.history for run in runs.values()]
        for run in runs.values():
            view = RunView(run.run_id, run.workflow_id)
            view.extend(run.history.events)
            self._views.append(view)
        events = histories[0].events
        self.own_steps = self._views[0].steps
        self.closed = self._views[0].closed
        self.seconds = max(history.events[-1].time for history in histories) - events[0].time
        if self.closed:
            self.seconds = events[-1].time - events[0].time
        links = critical_path(self._views[0], events)
        self.critical = tuple(_merged((link.row, link.ended - link.began) for link in links))

    def step_figures(self, durations: Durations) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], int]]:
        """The seconds that each step works, and how many durations they rest on at least."""
        seconds: dict[tuple[str, str], float] = {}
        rests_on: dict[tuple[str, str], int] = {}
        for view in self._views:
            for name, row in view.steps.items():
                if row.ran:
                    key = view.workflow_id, name
                    seconds[key] = view.work_time(name).seconds or 0.0
                    known = [
                        _known(durations, self._tasks.get((view.workflow_id, task.id))) for task in view.tasks_of(name)
                    ]
                    rests_on[key] = min((each for each in known if each is not None), default=0)
        return seconds, rests_on

    def unknown(self, durations: Durations) -> tuple[Unknown, ...]:
        """The activities whose durations are not known."""
        counts: dict[tuple[str | None, str], int] = {}
        for task in self._tasks.values():
            if _known(durations, task) == 0:
                key = step_of(task.activity_id), task.name
                counts[key] = counts.get(key, 0) + 1
        return tuple(Unknown(step, name, count) for (step, name), count in counts.items())


class _Simulator:
    def __init__(
        self,
        workflow_class: type[Workflow],
        default_bucket: str | None,
        domain: str | None,
        results: EarlierRuns | None,
        durations: Durations,
        input: Any,
        workflow_id: str | None,
    ) -> None:
        self._parts = workflow_class, default_bucket, domain, results
        self._durations = durations
        self._input = input
        self._workflow_id = workflow_id

    def run(self, request: dict[str, Any], workers: int, chance: Callable[[], float]) -> _Result:
        tasks: dict[tuple[str, str], ActivityTask] = {}

        def seconds(task: ActivityTask) -> float:
            tasks[task.workflow_id, task.activity_id] = task
            known = self._durations.find(task.workflow_id, task.activity_id, task.name, step_of(task.activity_id))
            return 0.0 if known is None else self._durations.seconds(known, chance())

        start: StartRequest = RunStart(self._parts[0], workflow_id=self._workflow_id, **request).request(self._input)
        findings, runs = Simulation(*self._parts, workers, seconds).simulate(start)
        return _Result(findings, runs, tasks)


def _known(durations: Durations, task: ActivityTask | None) -> int | None:
    """How many durations the time of an activity rests on; None for a child workflow, which has none."""
    if task is None:
        return None
    known = durations.find(task.workflow_id, task.activity_id, task.name, step_of(task.activity_id))
    return 0 if known is None else known.runs


def _merged(links: Iterable[tuple[Any, float]]) -> list[tuple[str, float]]:
    """Name each link by its step, else by itself; links of one step in a row are one, links of no length none."""
    found: list[tuple[str, float]] = []
    for row, seconds in links:
        if getattr(row, "about_marks", False) or seconds <= 0:
            continue
        name = getattr(row, "step", None) or f"{row.kind} {row.name}"
        if found and found[-1][0] == name:
            found[-1] = name, found[-1][1] + seconds
        else:
            found.append((name, seconds))
    return found


def _alternatives(
    simulated: _Simulator, typical: _Result, request: dict[str, Any], workers: int
) -> Iterator[Alternative]:
    """Compare with twice the workers, with each forced name not forced, and with the longest steps skipped."""
    forced, skipped = _names(request.get("force_steps")), _names(request.get("skip_steps"))

    def compared(change: str, other: dict[str, Any], number: int = workers, skipped: str = "") -> Iterator[Alternative]:
        found = simulated.run(request | other, number, lambda: TYPICAL)
        if not skipped or not found.own_steps[skipped].ran:  # a dependent of a step that runs is not skipped
            yield Alternative(change, found.seconds, typical.seconds - found.seconds)

    yield from compared(f"{2 * workers} workers", {}, 2 * workers)
    for name in forced[:MAX_ALTERNATIVES]:
        rest = [each for each in forced if each != name]
        yield from compared(f"without forcing {name}", {"force_steps": rest})
    steps = {name: seconds for name, seconds in typical.critical if name in typical.own_steps}
    for name in sorted(steps, key=lambda each: -steps[each])[:3]:
        if name not in forced:
            yield from compared(f"skipping {name}", {"skip_steps": [*skipped, name]}, skipped=name)


def _names(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _quantile(values: Sequence[float], chance: float) -> float:
    """The value at a quantile, between two values in proportion."""
    ordered = sorted(values)
    at = chance * (len(ordered) + 1) - 1
    low = min(max(int(at // 1), 0), len(ordered) - 1)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * min(max(at - low, 0.0), 1.0)
