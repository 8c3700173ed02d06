"""Histories of a service that is not ours: every event doubled, late, moved, without its start; decisions stay."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.decide import Decider, decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.history import History
from simpleflow.core.tolerant_history import TolerantHistory, missing
from simpleflow.exceptions import InvalidTransition
from simpleflow.worker.dispatch import Outcome
from tests.core.harness import Simulation, add, echo

REFERENCES = (
    "decision_task_completed_event_id",
    "scheduled_event_id",
    "started_event_id",
    "initiated_event_id",
    "latest_cancel_requested_event_id",
)
Change = Callable[[list[e.Event], int], list[e.Event] | None]


@activity.with_attributes(retry=2, raises_on_failure=True)
def fails_twice(state: str) -> str:
    return state


class Sub(Workflow):
    name = "tolerant.sub"

    def run(self, number: int) -> Any:
        return self.submit(add, number, 1).result


class Everything(Workflow):
    name = "tolerant.everything"

    def run(self) -> Any:
        self.submit(self.record_marker("begun", {"a": 1}))
        never = self.submit(self.start_timer("never", 1000))
        pause = self.submit(self.start_timer("pause", 5))
        group = self.submit(Group((add, 1, 2), (echo, "x"), Chain((add, 1), (add, 2))))
        child = self.submit(Sub, 5)
        tried = self.submit(fails_twice, "works").result
        unwanted = self.submit(echo, "unwanted")
        self.submit(self.cancel_timer("never"))
        unwanted.cancel()
        self.submit(self.signal("done", workflow_id="someone", propagate=False))
        return [group.result, child.result, tried, pause.finished, never.done, self.submit(add, 3, 4).result]


def whole_history() -> list[e.Event]:
    """A run with activities that fail, a group, a child, timers, a marker and a signal, up to its last decision."""

    def outcome(task: Any, attempt: int) -> Outcome | None:
        return Outcome(reason="no") if "fails_twice" in task.name and attempt < 3 else None

    run = Simulation(Everything).run(outcome=outcome)
    assert run.result[1:3] == [6, "works"]
    last = max(event.id for event in run.events if event.type == "DecisionTaskStarted")
    return run.events[:last]


HISTORY = whole_history()
EXECUTION = Execution("w", "run")
DECISIONS = decide(Everything, HISTORY, EXECUTION)


def tolerant(events: list[e.Event]) -> tuple[list[d.Decision], TolerantHistory]:
    """The decisions, made over the events one after the other, and the history that a decider has then."""
    history = TolerantHistory()
    decider = Decider(Everything, EXECUTION, history=history)
    for event in events:
        decider.advance([event])
    found = decider.answer().decisions
    decider.discard()
    return found, history


def renumbered(events: list[e.Event], refer: dict[int, int] | None = None) -> list[e.Event]:
    """The events with ids from 1 on; their references follow. ``refer``: of some ids, to another position."""
    new = {}
    for position, event in enumerate(events, 1):
        new.setdefault(event.id, position)
    new |= refer or {}
    found = []
    for position, event in enumerate(events, 1):
        changed = {
            name: new.get(old, old) for name in REFERENCES if (old := getattr(event.attributes, name, None)) is not None
        }
        found.append(e.Event(position, event.time, msgspec.structs.replace(event.attributes, **changed)))
    return found


def doubled(events: list[e.Event], at: int) -> list[e.Event]:
    return renumbered([*events[: at + 1], *events[at:]])


def doubled_and_the_second_counts(events: list[e.Event], at: int) -> list[e.Event]:
    return renumbered([*events[: at + 1], *events[at:]], {events[at].id: at + 2})


def again_at_the_end(events: list[e.Event], at: int) -> list[e.Event]:
    return renumbered([*events[:-1], events[at], events[-1]])


def shown_twice(events: list[e.Event], at: int) -> list[e.Event]:
    return [*events[: at + 1], *events[at:]]


def moved_behind_the_next(events: list[e.Event], at: int) -> list[e.Event] | None:
    if at + 2 >= len(events):
        return None
    return renumbered([*events[:at], events[at + 1], events[at], *events[at + 2 :]])


def without_a_decision_task(events: list[e.Event], at: int) -> list[e.Event] | None:
    if not events[at].type.startswith("DecisionTask") or at == len(events) - 1:
        return None
    return renumbered([*events[:at], *events[at + 1 :]])


def with_a_gap_for_a_decision_task(events: list[e.Event], at: int) -> list[e.Event] | None:
    if not events[at].type.startswith("DecisionTask") or at == len(events) - 1:
        return None
    return [*events[:at], *events[at + 1 :]]


def without_a_start(events: list[e.Event], at: int) -> list[e.Event] | None:
    if events[at].type not in ("ActivityTaskStarted", "ChildWorkflowExecutionStarted"):
        return None
    return renumbered([*events[:at], *events[at + 1 :]])


CHANGES: list[Change] = [
    doubled,
    doubled_and_the_second_counts,
    again_at_the_end,
    shown_twice,
    moved_behind_the_next,
    without_a_decision_task,
    with_a_gap_for_a_decision_task,
    without_a_start,
]


def changed(change: Change) -> Iterator[tuple[str, list[e.Event]]]:
    for at in range(len(HISTORY)):
        events = change(HISTORY, at)
        if events is not None:
            yield f"event {at + 1} ({HISTORY[at].type})", events


def test_the_history_holds_many_types() -> None:
    assert len({event.type for event in HISTORY}) >= 17, sorted({event.type for event in HISTORY})
    assert isinstance(DECISIONS[-1], d.CompleteWorkflowExecution)
    found, history = tolerant(HISTORY)
    assert found == DECISIONS
    assert history.surprises == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_decisions_stay_the_same(change: Change) -> None:
    count = 0
    for name, events in changed(change):
        found, history = tolerant(events)
        assert found == DECISIONS, (name, [(each.event.id, each.event.type, each.text) for each in history.surprises])
        count += 1
    assert count > 2


def test_decisions_stay_the_same_after_several_changes() -> None:
    choose = random.Random(14)
    renumbering = [each for each in CHANGES if each is not with_a_gap_for_a_decision_task]  # a gap needs the old ids
    for _ in range(400):
        events, names = HISTORY, []
        for change in choose.choices(renumbering, k=choose.randint(2, 5)):
            at = choose.randrange(1, len(events) - 1)
            events = change(events, at) or events
            names.append(f"{change.__name__} at {at}")
        assert tolerant(events)[0] == DECISIONS, names


@pytest.mark.parametrize("kind", ["ActivityTaskScheduled", "StartChildWorkflowExecutionInitiated"])
@pytest.mark.parametrize("gap", [True, False])
def test_work_that_may_be_done_twice_is_not_decided_on(kind: str, gap: bool) -> None:
    at = next(index for index, event in enumerate(HISTORY) if event.type == kind)
    events = [*HISTORY[:at], *HISTORY[at + 1 :]]
    with pytest.raises(InvalidTransition, match="cannot be decided on"):
        tolerant(events if gap else renumbered(events, {HISTORY[at].id: 2}))


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("kind", ["ActivityTaskScheduled", "StartChildWorkflowExecutionInitiated"])
def test_an_event_about_a_task_of_another_kind_is_refused(kind: str, started: bool) -> None:
    scheduled = next(event for event in HISTORY if event.type == kind)
    others = "ChildWorkflowExecution" if kind == "ActivityTaskScheduled" else "ActivityTask"
    name = "initiated_event_id" if kind == "ActivityTaskScheduled" else "scheduled_event_id"
    for end in ("Started", "Completed"):
        about = next(event for event in HISTORY if event.type == others + end)
        at = HISTORY.index(about) if started else HISTORY.index(scheduled) + 1
        wrong = e.Event(at + 1, about.time, msgspec.structs.replace(about.attributes, **{name: scheduled.id}))
        with pytest.raises(InvalidTransition, match=f"event {wrong.id} .* is about event {scheduled.id}, which is not"):
            TolerantHistory([*HISTORY[:at], wrong])
        with pytest.raises(InvalidTransition):
            History([*HISTORY[:at], wrong])


def test_nothing_is_decided_for_an_execution_that_has_ended() -> None:
    end = e.WorkflowExecutionTerminated(child_policy="TERMINATE", cause="OPERATOR_INITIATED")
    last = HISTORY[-1]
    events = [*HISTORY[:-2], e.Event(last.id - 1, last.time, end), last]
    assert tolerant(events)[0] == []


def test_a_surprise_names_the_event() -> None:
    events = doubled(HISTORY, 1)
    _, history = tolerant(events)
    assert [(each.event.id, each.event.type) for each in history.surprises] == [(3, "DecisionTaskScheduled")]
    _, history = tolerant([*HISTORY[:1], missing(2, 0.0), *HISTORY[2:]])
    assert [each.event.id for each in history.surprises] == [2, 3]
