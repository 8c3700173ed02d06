"""A run that never happened, of any size: its events are made from a seed, in less time than the run would take.

It has groups of steps in stages, tries that fail, waits for workers, skipped steps, a night in which nothing worked,
and a failed step if that is wanted. Equal arguments give equal events.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from simpleflow.constants import RETRY_TIMER
from simpleflow.core import events as e
from simpleflow.views.run_view import RunView

BEGIN = 1_780_000_000.0
"""When the run began, in epoch seconds."""

STAGES = ("extract", "load", "check", "publish")

_KIND = e.ActivityType("warehouse.copy_table", "1")
_LIST = e.TaskList("default")
_TRACE = (
    'Traceback (most recent call last):\n  File "/home/ann/flows/warehouse.py", line 81, in copy_table\n'
    "    rows = connection.execute(query).fetchall()\nConnectionError: the server closed the connection\n"
)

_Make = Callable[[int], e.Attributes]


def synthetic_events(
    steps: int = 10_000, activities: int = 100_000, workers: int = 40, fails: bool = False, seed: int = 1
) -> list[e.Event]:
    """Return the events of a run with so many steps and activities.

    Args:
        steps: in four stages. A tenth of them is skipped.
        activities: tries of activities, about.
        workers: that do them.
        fails: a step of the third stage fails, and the run with it.
        seed: of everything random.
    """
    return list(_Story(random.Random(seed), workers, fails).events(steps, max(1, activities // max(1, steps))))


def synthetic_view(steps: int = 10_000, activities: int = 100_000, **others: Any) -> tuple[RunView, list[e.Event]]:
    """Return the same run as rows, and its events."""
    events = synthetic_events(steps, activities, **others)
    view = RunView("22SyntheticRunOfTheBench0000000000000000000000", "nightly-warehouse")
    view.extend(events)
    return view, events


class _Story:
    """Tells the events of a run in the order of their times."""

    def __init__(self, chance: random.Random, workers: int, fails: bool) -> None:
        self._chance, self._workers, self._fails = chance, workers, fails
        self._pending: list[tuple[float, int, _Make]] = []
        self._order = 0
        self._ids: dict[str, int] = {}  # of events, by what they are about

    def events(self, steps: int, each: int) -> Iterator[e.Event]:
        """Yield the events of a run with so many steps, and so many activities in each of them."""
        self._tell(BEGIN, lambda id: _started())
        self._decide(BEGIN, "first")
        free = [(BEGIN, f"worker-{number:02}@host{number % 4}") for number in range(self._workers)]
        now = BEGIN
        for stage, name in enumerate(STAGES):
            names = self._names(name, steps // len(STAGES) + (stage < steps % len(STAGES)))
            failing = names[len(names) * 2 // 3] if self._fails and stage == 2 else ""
            now = self._stage(names, now, each, free, failing)
            if failing:
                break
            if stage == 1:
                now += 7 * 3600  # a night
                free = [(now, worker) for _, worker in free]
        self._decide(now, "last")
        self._tell(now, self._ended)
        for id, (time, _, make) in enumerate(sorted(self._pending, key=lambda found: found[:2]), start=1):
            yield e.Event(id, time, make(id))

    def _names(self, stage: str, count: int) -> list[str]:
        return [f"{stage}.region{number % 25:02}.table{number // 25:04}" for number in range(count)]

    def _stage(self, names: list[str], now: float, each: int, free: list[Any], failing: str) -> float:
        key = f"{names[0]} decision" if names else ""
        self._decide(now, key)
        last = now
        heapq.heapify(free)
        for step in names:
            stage = step.partition(".")[0]
            forces = [STAGES[STAGES.index(stage) + 1]] if stage != STAGES[-1] else []
            if self._chance.random() < 0.1 and step != failing:
                self._mark(now, step, "skipped", key, reasons=["Step was already played"], forces=forces)
                continue
            reasons = [f"Dep of {STAGES[STAGES.index(stage) - 1]}"] if stage != STAGES[0] else []
            self._mark(now, step, "scheduled", key, forces=forces, reasons=reasons, forced=bool(reasons))
            end = now
            for number in range(each):
                end = max(end, self._activity(step, number, now, key, free, step == failing and number == 0))
            last = max(last, end)
            if step == failing:
                error = "ConnectionError: the server closed the connection"
                self._mark(end, step, "failed", key, error=error, reasons=reasons, forced=bool(reasons))
            else:
                self._mark(end, step, "completed", key, reasons=reasons, forced=bool(reasons))
        return last

    def _activity(self, step: str, number: int, scheduled: float, decision: str, free: list[Any], fails: bool) -> float:
        id = f"activity-{_KIND.name}-step.{step}.-{number + 1}"
        tries = 3 if fails else 2 if self._chance.random() < 0.02 else 1
        end = scheduled
        for attempt in range(1, tries + 1):
            available, worker = heapq.heappop(free)
            begin = max(scheduled, available)
            end = begin + self._chance.expovariate(1 / 3.0) + 0.05
            heapq.heappush(free, (end, worker))
            self._attempt(id, f"{id}/{attempt}", scheduled, begin, end, worker, decision, fails or attempt < tries)
            if attempt < tries:
                scheduled = end + 2.0 * attempt
                decision = self._pause(end, scheduled, id, attempt)
        return end

    def _attempt(
        self, id: str, key: str, scheduled: float, begin: float, end: float, worker: str, decision: str, fails: bool
    ) -> None:
        ids = self._ids
        input = json.dumps({"args": [id, 1], "kwargs": {}})

        def make_scheduled(own: int) -> e.Attributes:
            ids[key] = own
            return e.ActivityTaskScheduled(
                activity_id=id,
                activity_type=_KIND,
                decision_task_completed_event_id=ids[decision],
                input=input,
                task_list=_LIST,
            )

        def make_started(own: int) -> e.Attributes:
            ids[key + " started"] = own
            return e.ActivityTaskStarted(identity=worker, scheduled_event_id=ids[key])

        def make_ended(own: int) -> e.Attributes:
            about = {"scheduled_event_id": ids[key], "started_event_id": ids[key + " started"]}
            if not fails:
                return e.ActivityTaskCompleted(result="1", **about)
            reason = "ConnectionError: the server closed the connection"
            details = json.dumps({"error": "ConnectionError", "message": reason[17:], "traceback": [_TRACE]})
            return e.ActivityTaskFailed(reason=reason, details=details, **about)

        self._tell(scheduled, make_scheduled)
        self._tell(begin, make_started)
        self._tell(end, make_ended)

    def _pause(self, begin: float, end: float, id: str, attempt: int) -> str:
        """Tell of the timer before the next try, and of the decision after it; return what this is known by."""
        ids, timer, key = self._ids, f"{RETRY_TIMER}{attempt}_{id}", f"{id}/{attempt}"
        self._decide(begin, f"{key} pause")

        def make_started(own: int) -> e.Attributes:
            ids[f"{key} timer"] = own
            decision = ids[f"{key} pause"]
            return e.TimerStarted(decision_task_completed_event_id=decision, start_to_fire_timeout="2", timer_id=timer)

        self._tell(begin, make_started)
        self._tell(end, lambda own: e.TimerFired(started_event_id=ids[f"{key} timer"], timer_id=timer))
        self._decide(end, f"{key} decision")
        return f"{key} decision"

    def _decide(self, time: float, key: str) -> None:
        ids = self._ids

        def made(kind: Callable[[], e.Attributes], name: str) -> _Make:
            def make(own: int) -> e.Attributes:
                ids[name] = own
                return kind()

            return make

        begin, started = key + " begin", key + " start"
        self._tell(time, made(lambda: e.DecisionTaskScheduled(task_list=_LIST), begin))
        self._tell(time, made(lambda: e.DecisionTaskStarted(scheduled_event_id=ids[begin]), started))
        self._tell(
            time,
            made(
                lambda: e.DecisionTaskCompleted(scheduled_event_id=ids[begin], started_event_id=ids[started]),
                key,
            ),
        )

    def _mark(self, time: float, step: str, status: str, decision: str, **more: Any) -> None:
        details = json.dumps({"step": step, "status": status, "forced": False, "reasons": [], **more})
        ids = self._ids
        self._tell(
            time,
            lambda own: e.MarkerRecorded(
                marker_name="log.step", details=details, decision_task_completed_event_id=ids[decision]
            ),
        )

    def _ended(self, own: int) -> e.Attributes:
        decision = self._ids["last"]
        if self._fails:
            reason = "Workflow execution error in warehouse.copy_table: ConnectionError: the server closed it"
            return e.WorkflowExecutionFailed(reason=reason, decision_task_completed_event_id=decision)
        return e.WorkflowExecutionCompleted(result="1", decision_task_completed_event_id=decision)

    def _tell(self, time: float, make: _Make) -> None:
        self._order += 1
        self._pending.append((time, self._order, make))


def _started() -> e.Attributes:
    return e.WorkflowExecutionStarted(
        child_policy="TERMINATE",
        execution_start_to_close_timeout="31536000",
        input='{"args":[],"kwargs":{"day":"2026-11-28"}}',
        parent_initiated_event_id=0,
        task_list=_LIST,
        task_start_to_close_timeout="300",
        workflow_type=e.WorkflowType("nightly.Warehouse", "1"),
    )
