"""The times in which no process drove an execution, found in histories."""

from __future__ import annotations

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
