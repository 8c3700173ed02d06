"""The short form of events: it can be read for ever."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.core import codec, compact
from simpleflow.core import events as e
from simpleflow.exceptions import InputError
from tests.core.test_transitions import event_of

WRITTEN: dict[str, list[Any]] = json.loads((Path(__file__).parent / "short_events.json").read_text())
"""An event of each type as folders hold it. A line that is in this file stays as it is."""


@pytest.mark.parametrize("event_type", e.EVENT_TYPES)
def test_what_was_written_is_read(event_type: str) -> None:
    read = codec.decode_event(json.dumps(WRITTEN[event_type]))
    assert (read.type, read.id, read.time) == (event_type, 7, 1.5)
    assert [json.loads(text) for text in compact.encode([read])] == [WRITTEN[event_type]]


@pytest.mark.parametrize("event_type", e.EVENT_TYPES)
def test_members_in_order_say_the_same_as_members_by_name(event_type: str) -> None:
    event = event_of(event_type, 7, 3)
    assert codec.decode_event(compact.encode([event])[0]) == event == codec.decode_event(codec.encode_event(event))


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, texts, st.floats(0, 4e9))
def test_any_text_is_read_as_it_was_written(details: str | None, context: str | None, time: float) -> None:
    marker = e.MarkerRecorded(decision_task_completed_event_id=3, details=details, marker_name="m")
    decided = e.DecisionTaskCompleted(scheduled_event_id=1, started_event_id=2, execution_context=context)
    events = [e.Event(4, round(time, 3), marker), e.Event(5, round(time, 3), decided)]
    assert [codec.decode_event(text) for text in codec.encode_short(events)] == events


def test_an_event_without_a_short_form_is_written_in_full() -> None:
    unknown = codec.decode_event(
        b'{"eventId": 2, "eventTimestamp": 1.5, "eventType": "New", "newAttributes": {"a": 1}}'
    )
    events = [event_of("TimerFired", 1, 3), unknown]
    written = codec.encode_short(events)
    assert all(text.startswith("{") for text in written)
    assert [codec.decode_event(text) for text in written] == events


@pytest.mark.parametrize(
    "text", ["[]", "[1]", "[99,7,1.5]", '[30,"7",1.5,6,"t"]', "[30,7,1.5,6]", "[30,7,1.5,6,7]", "[30,7"]
)
def test_a_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="event"):
        codec.decode_event(text)


def test_what_cannot_be_written_is_named() -> None:
    with pytest.raises(InputError, match="event 7"):
        codec.encode_short([msgspec.structs.replace(event_of("TimerFired", 7, 3), time=math.inf)])
