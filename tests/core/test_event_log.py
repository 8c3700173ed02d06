"""The log of events acts as a list, whatever has been let go from memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.core import events as e
from simpleflow.core.event_log import KEPT, EventLog, SomeEvents
from simpleflow.core.marker_index import MarkerIndex, digest


def event(id: int) -> e.Event:
    return e.Event(id, float(id), e.DecisionTaskCompleted(scheduled_event_id=id, started_event_id=id))


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=12), st.integers(1, 7), st.data())
def test_it_acts_as_a_list(steps: list[tuple[int, bool]], most: int, data: st.DataObject) -> None:
    log, expected = EventLog(), list[e.Event]()

    def read(after: int, limit: int) -> Sequence[e.Event]:
        return expected[after : after + min(limit, most)]

    for count, lets_go in steps:
        for _ in range(count):
            expected.append(event(len(expected) + 1))
            log.append(expected[-1])
        if lets_go:
            log.let_go(read)
    size = len(expected)
    assert (len(log), list(log), log == expected) == (size, expected, True)
    ids = st.integers(-size - 2, size + 2)
    for part in data.draw(st.lists(st.slices(size + 3), max_size=5)):
        assert log[part] == expected[part]
    for at in data.draw(st.lists(ids, max_size=20)):
        if -size <= at < size:
            assert log[at] == expected[at]
        else:
            with pytest.raises(IndexError):
                log[at]


def test_little_is_read_and_kept() -> None:
    log, asked = EventLog(event(id) for id in range(1, 1_001)), []

    def read(after: int, limit: int) -> Sequence[e.Event]:
        asked.append(after)
        return [event(id) for id in range(after + 1, after + limit + 1)]

    log.let_go(read)
    assert [log[at].id for at in range(1_000 - KEPT, 1_000)] == list(range(1_001 - KEPT, 1_001))
    assert (log[0].id, log[-1].id, asked) == (1, 1_000, [])
    assert [each.id for each in log] == list(range(1, 1_001))
    assert len(asked) < 10


def test_more_of_the_last_ones_are_kept_on_request() -> None:
    log = EventLog(event(id) for id in range(1, 101))
    log.let_go(lambda after, limit: [], keep=50)
    assert [each.id for each in log[50:]] == list(range(51, 101))
    with pytest.raises(IndexError):
        log[49]


def test_markers_are_found_by_what_they_say() -> None:
    log = EventLog()
    index = MarkerIndex(log)
    said = [("a", "1"), ("a", None), ("b", "1"), ("a", "1"), ("a", ""), ("ab", "1"), ("a", "b1")]
    counts = []
    for id, (name, details) in enumerate(said, 1):
        attributes = e.MarkerRecorded(decision_task_completed_event_id=1, details=details, marker_name=name)
        log.append(e.Event(id, float(id), attributes))
        counts.append(index.add(id, name, details))
    assert counts == [1, 1, 1, 2, 1, 1, 1]
    assert [each.id for each in index.named("a")] == [1, 2, 4, 5, 7]
    assert [each.id for each in index.named("a")[1:3]] == [2, 4]
    latest = index.latest(digest("a", "1"))
    assert latest == log[3]
    assert [index.count(digest(*each)) for each in (("a", "1"), ("a", "2"))] == [2, 0]
    assert index.latest(digest("a", "2")) is None
    assert index.named("c") == ()
    assert SomeEvents(log) == SomeEvents(log)
