"""The tables of transitions are total, and a history accepts exactly the events that they list."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.activity_records import ActivityRecords
from simpleflow.core.codec import event_from_dict
from simpleflow.core.events import EVENT_TYPES
from simpleflow.core.folding import HANDLERS
from simpleflow.core.history import History
from simpleflow.core.records import Record
from simpleflow.exceptions import InvalidTransition
from tests.core.harness import SHAPES, Simulation
from tests.core.test_decide_children import Parent

STATES = {name: sorted({state for state, _ in table} | set(table.values())) for name, table in t.TABLES.items()}
TYPES = {name: sorted({event_type for _, event_type in table}) for name, table in t.TABLES.items()}
OPEN_STATES = {t.SCHEDULED, t.STARTED, t.INITIATED, t.OPEN, t.STARTED_AND_SCHEDULED}
several = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("name", t.TABLES)
def test_every_pair_is_listed_or_refused(name: str) -> None:
    table = t.TABLES[name]
    before = dict(table)
    for state in [*STATES[name], "unheard of"]:
        for event_type in [*EVENT_TYPES, "CoffeeBrewed"]:
            if (state, event_type) in table:
                assert t.move(table, state, event_type, "it") == table[state, event_type]
            else:
                with pytest.raises(InvalidTransition, match=f"{event_type} cannot follow: it is {state}"):
                    t.move(table, state, event_type, "it")
    assert table == before


@pytest.mark.parametrize("name", t.TABLES)
def test_tables_name_events_that_exist(name: str) -> None:
    assert set(TYPES[name]) <= set(EVENT_TYPES)


def test_each_event_is_in_one_table_at_most_and_has_a_handler() -> None:
    listed = [event_type for types in TYPES.values() for event_type in types]
    assert len(listed) == len(set(listed))
    assert set(listed) <= {kind.__name__ for kind in HANDLERS}


@pytest.mark.parametrize("name", t.TABLES)
def test_every_state_is_reached_from_the_first(name: str) -> None:
    table = t.TABLES[name]
    found = {t.IDLE if name == "decision" else t.NEW}
    while more := {target for (state, _), target in table.items() if state in found} - found:
        found |= more
    assert found == set(STATES[name])


@pytest.mark.parametrize("name", t.TABLES)
def test_every_open_state_can_end(name: str) -> None:
    table = t.TABLES[name]
    for state in set(STATES[name]) & OPEN_STATES:
        reached = {state}
        while more := {target for (each, _), target in table.items() if each in reached} - reached:
            reached |= more
        assert reached - OPEN_STATES


def test_an_execution_that_has_ended_accepts_no_event() -> None:
    assert {state for state, _ in t.EXECUTION} == {t.NEW, t.OPEN}


class Model:
    """Follows one table through a sequence of events, without a history."""

    def __init__(self, name: str) -> None:
        self.table = t.TABLES[name]
        self.state = t.IDLE if name == "decision" else t.NEW

    def apply(self, event_type: str) -> bool:
        target = self.table.get((self.state, event_type))
        self.state = self.state if target is None else target
        return target is not None


@several
@given(st.sampled_from(sorted(t.TABLES)), st.data())
def test_sequences_of_events_follow_the_table(name: str, data: st.DataObject) -> None:
    model = Model(name)
    state = model.state
    for event_type in data.draw(st.lists(st.sampled_from(TYPES[name]), max_size=12)):
        if model.apply(event_type):
            state = t.move(t.TABLES[name], state, event_type, "it")
        else:
            with pytest.raises(InvalidTransition):
                t.move(t.TABLES[name], state, event_type, "it")
        assert state == model.state


def snapshot(history: History) -> Any:
    """Every value in a history, so that two histories can be compared."""

    def plain(value: Any) -> Any:
        if isinstance(value, Record):
            return {name: plain(getattr(value, name)) for name in Record.__slots__}
        if isinstance(value, dict | ActivityRecords):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [plain(each) for each in value]
        return set(value) if isinstance(value, set) else value

    return {name: plain(value) for name, value in vars(history).items()}


NAMES = {"activityId": "a", "timerId": "t", "workflowId": "c", "startToFireTimeout": "5"}


def event_of(event_type: str, event_id: int, reference: int) -> e.Event:
    """An event of this type; it refers to other events by the id ``reference``."""

    def value(key: str, shape_name: str) -> Any:
        shape = SHAPES[shape_name]
        if shape["type"] == "structure":
            required = shape.get("required", [])
            return {name: value(name, shape["members"][name]["shape"]) for name in required}
        if shape["type"] == "long":
            return reference
        return shape["enum"][0] if "enum" in shape else NAMES.get(key, "x")

    key = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
    attributes = value("", f"{event_type}EventAttributes")
    return event_from_dict({"eventId": event_id, "eventTimestamp": 1.0, "eventType": event_type, key: attributes})


@several
@given(st.lists(st.tuples(st.sampled_from(list(EVENT_TYPES)), st.integers(0, 12)), max_size=30))
def test_a_history_applies_an_event_completely_or_not_at_all(steps: list[tuple[str, int]]) -> None:
    history = History([event_of("WorkflowExecutionStarted", 1, 0)])
    for event_type, reference in steps:
        before = snapshot(history)
        event = event_of(event_type, history.next_id, reference)
        try:
            history.apply(event)
        except InvalidTransition:
            assert snapshot(history) == before
        else:
            assert history.events[-1] == event
    assert snapshot(History(history.events)) == snapshot(history)


def test_the_first_event_must_be_the_start() -> None:
    for event_type in EVENT_TYPES:
        if event_type != "WorkflowExecutionStarted":
            history = History()
            with pytest.raises(InvalidTransition):
                history.apply(event_of(event_type, 1, 0))
            assert snapshot(history) == snapshot(History())


def test_events_must_come_in_order_and_once() -> None:
    run = Simulation(Parent)
    run.settle()
    events = run.events
    for wrong in ([events[0], events[0]], [events[0], events[2]], events[1:]):
        history = History()
        with pytest.raises(InvalidTransition, match="cannot follow"):
            for event in wrong:
                history.apply(event)


def test_no_event_follows_the_end() -> None:
    run = Simulation(Parent)
    run.settle()
    run.engine.terminate_workflow_execution("w")
    for event_type in EVENT_TYPES:
        before = snapshot(run.history)
        with pytest.raises(InvalidTransition):
            run.history.apply(event_of(event_type, run.history.next_id, 5))
        assert snapshot(run.history) == before
