"""The times in which no process drove an execution, found in histories."""

from __future__ import annotations

import random

import pytest

from simpleflow.core import events as e
from simpleflow.core.pauses import Pauses

LIST = e.TaskList("x")


def scheduled() -> e.Attributes:
    return e.DecisionTaskScheduled(task_list=LIST)


def started(identity: str | None) -> e.Attributes:
    return e.DecisionTaskStarted(identity=identity, scheduled_event_id=1)


COMPLETED = e.DecisionTaskCompleted(scheduled_event_id=1, started_event_id=2)
BEGUN = e.ActivityTaskStarted(scheduled_event_id=1)
ENDED = e.ActivityTaskCompleted(scheduled_event_id=1, started_event_id=2)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        (
            [(0, scheduled()), (0, started("simpleflow@1")), (0, COMPLETED), (0, BEGUN), (9, ENDED), (9, scheduled())],
            [],
        ),
        # A process takes over, and asks for a decision.
        ([(0, started("simpleflow@1")), (1, BEGUN), (60, scheduled()), (60, started("simpleflow@2"))], [(1, 60)]),
        # A decision waited when the process died.
        ([(0, started("simpleflow@1")), (1, ENDED), (1, scheduled()), (60, started("simpleflow@2"))], [(1, 60)]),
        # A decision was being made when the process died; its answer comes from the next one.
        (
            [(1, started("simpleflow@1")), (60, COMPLETED), (60, BEGUN), (70, ENDED), (70, scheduled())]
            + [(70, started("simpleflow@2"))],
            [(1, 60)],
        ),
        # Deciders of Amazon SWF are many.
        ([(0, started("one")), (1, ENDED), (1, scheduled()), (60, started("another"))], []),
        ([(0, started(None)), (1, ENDED), (1.01, scheduled()), (60, started("simpleflow@2"))], []),
    ],
)
def test_pauses(events: list[tuple[float, e.Attributes]], found: list[tuple[float, float]]) -> None:
    history = [e.Event(id, time, attributes) for id, (time, attributes) in enumerate(events, 1)]
    assert Pauses().extend(history) == found
    pauses = Pauses()
    for end in range(len(history) + 1):
        pauses.extend(history[:end])
    assert pauses.found == found


@pytest.mark.parametrize("seed", range(20))
def test_pauses_are_the_same_in_whatever_parts_a_history_is_read(seed: int) -> None:
    chosen = random.Random(seed)
    now, history = 0.0, []
    for id in range(1, 300):
        now += chosen.choice([0, 0, 0, 0.001, 0.02, 0.049, 0.051, 3])
        who = started(f"simpleflow@{chosen.randint(1, 2)}")
        history.append(e.Event(id, now, chosen.choice([scheduled(), who, who, COMPLETED, BEGUN, ENDED])))
    one_by_one = Pauses()
    for event in history:
        one_by_one.see(event)
    in_parts, end = Pauses(), 0
    while end < len(history):
        end += chosen.randint(1, 9)
        in_parts.extend(history[:end])
    whole = Pauses()
    whole.extend(history)
    assert one_by_one.found
    assert one_by_one.found == in_parts.found == whole.found
    assert in_parts == whole
