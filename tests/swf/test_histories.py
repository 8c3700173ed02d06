"""Histories that are continued from kept events: events that fit, that are missing, that contradict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow.core import decisions as d
from simpleflow.core.codec import event_to_dict
from simpleflow.core.events import Event
from simpleflow.core.tolerant_history import MISSING
from simpleflow.engines.swf import histories, wire
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.engines.swf.histories import Histories
from simpleflow.exceptions import InputError, SwfError
from simpleflow.server import Server
from simpleflow.testing.history import HistoryBuilder
from simpleflow.testing.subject import activity
from tests.swf.request_counts import Sequence
from tests.swf.served import DOMAIN, registered, start

RUN = {"workflowId": "w", "runId": "run"}


def long_history(turns: int) -> list[Event]:
    """The history of ``turns`` activities one after the other, up to a DecisionTaskStarted."""
    history = HistoryBuilder("type")
    for number in range(turns):
        history.decide(activity(str(number))).complete(str(number))
    return history.to_decide()


EVENTS = long_history(20)
STARTS = [event.id for event in EVENTS if event.type == "DecisionTaskStarted"]
MEMBERS = [event_to_dict(event) for event in EVENTS]


class Service:
    """The service's side: the same events, in pages. ``read``: the ids of events that were read backwards."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.lag = 0  # how many events a read does not show yet

    def poll(self, turn: int, since: int = 1, size: int = 1000) -> Iterator[dict[str, Any]]:
        """The answers to the poll of a decision task, from event ``since`` on."""
        found = MEMBERS[since - 1 : STARTS[turn]]
        for begin in range(0, len(found), size):
            yield {
                "workflowExecution": RUN,
                "startedEventId": STARTS[turn],
                "previousStartedEventId": STARTS[turn - 1] if turn else 0,
                "events": found[begin : begin + size],
            }

    def read_back(self, workflow_id: str, run_id: str, size: int) -> Iterator[dict[str, Any]]:
        shown = MEMBERS[: len(MEMBERS) - self.lag]
        self.lag = 0
        found = shown[::-1]
        for begin in range(0, len(found), size):
            page = found[begin : begin + size]
            self.read += [each["eventId"] for each in page]
            yield {"events": page}


def kept(service: Service, **options: Any) -> Histories:
    return Histories(wire.event, service.read_back, **options)


def test_a_history_in_many_pages() -> None:
    service = Service()
    assert kept(service).complete(service.poll(9, size=3)) == EVENTS[: STARTS[9]]
    assert service.read == []


def test_only_new_events_are_requested() -> None:
    service = Service()
    histories = kept(service)
    histories.complete(service.poll(0))
    for turn in range(1, 20):
        assert histories.complete(service.poll(turn, since=STARTS[turn - 1])) == EVENTS[: STARTS[turn]]
    assert service.read == []


def test_events_that_another_process_got_are_read() -> None:
    service = Service()
    histories = kept(service)
    histories.complete(service.poll(0))
    histories.complete(service.poll(1, since=STARTS[0]))
    assert not histories.answered_elsewhere
    assert histories.complete(service.poll(19, since=STARTS[18])) == EVENTS[: STARTS[19]]
    assert min(service.read) <= STARTS[1] + 1
    assert histories.answered_elsewhere
    nothing_kept = kept(Service())
    other = Service()
    nothing_kept = kept(other)
    assert nothing_kept.complete(other.poll(19, since=STARTS[18])) == EVENTS[: STARTS[19]]
    assert min(other.read) == 1
    assert not nothing_kept.answered_elsewhere, "it may have been this one, before it was started again"


def test_events_that_come_again_are_dropped() -> None:
    service = Service()
    histories = kept(service)
    histories.complete(service.poll(4))
    assert histories.complete(service.poll(5, since=STARTS[2])) == EVENTS[: STARTS[5]]
    assert service.read == []


def test_kept_events_that_contradict_the_answer_are_dropped() -> None:
    service = Service()
    histories = kept(service)
    histories.complete(service.poll(3))
    strange = histories._kept["run"]
    strange[STARTS[2] - 1], strange[5] = strange[5], strange[STARTS[2] - 1]
    assert histories.complete(service.poll(4, since=STARTS[2])) == EVENTS[: STARTS[4]]
    assert min(service.read) == 1


def test_a_page_that_cannot_be_fetched_is_read_backwards() -> None:
    service = Service()

    def broken() -> Iterator[dict[str, Any]]:
        pages = service.poll(19, size=30)
        yield next(pages)
        yield next(pages)
        raise InputError("Specified token has exceeded its maximum lifetime")

    assert kept(service).complete(broken()) == EVENTS[: STARTS[19]]
    assert service.read


def test_a_read_that_lags_behind_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "_PAUSE", 0.0)
    service = Service()
    found = kept(service)
    service.lag = 30
    pages = service.poll(19, since=STARTS[19])
    assert found.complete(pages) == EVENTS[: STARTS[19]]


def test_an_incomplete_history_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "_PAUSE", 0.0)
    service = Service()
    found = Histories(wire.event, lambda *_: iter([{"events": MEMBERS[40:][::-1]}]))
    with pytest.raises(SwfError, match=r"run run up to event \d+ cannot be read completely"):
        found.complete(service.poll(19, since=STARTS[18]))
    assert len(found) == 0


def test_an_event_that_the_service_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "_PAUSE", 60.0)
    service = Service()

    def shown(pages: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        return ({**page, "events": [each for each in page["events"] if each["eventId"] != 8]} for page in pages)

    found = Histories(wire.event, lambda *given: shown(service.read_back(*given))).complete(shown(service.poll(9)))
    assert [event.type for event in found[:9]] == [event.type for event in EVENTS[:7]] + [MISSING, EVENTS[8].type]
    assert found[8:] == EVENTS[8 : STARTS[9]]


def test_a_slow_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "FETCH_SECONDS", -1.0)
    service = Service()
    with pytest.raises(SwfError, match="takes more than"):
        kept(service).complete(service.poll(9, size=3))


def test_the_histories_of_the_latest_executions_are_kept() -> None:
    service = Service()
    found = kept(service, max_events=100)
    for name in ("a", "b", "c"):
        pages = [{**page, "workflowExecution": {"workflowId": "w", "runId": name}} for page in service.poll(8)]
        found.complete(iter(pages))
    assert list(found._kept) == ["c"]
    assert len(found) == STARTS[8]


@pytest.mark.parametrize("page", [1000, 3])
def test_deciders_that_take_turns(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from simpleflow.server.chaos import Chaos
    from tests.swf.served import environment

    with Server(poll_seconds=0.0, chaos=Chaos(page=page)) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        run_id = start(Sequence, 1)
        sources = [SwfDecisionSource(DOMAIN, "default") for _ in range(3)]
        for turn in range(12):
            task = sources[(turn * turn) % 3].poll_for_decision_task()
            assert task is not None
            assert list(task.events) == SwfEngine(DOMAIN).history("w", run_id)[: task.started_event_id]
            sources[0].respond_decision_task_completed(
                task.token, [d.StartTimer(timer_id=str(turn), start_to_fire_timeout="100")]
            )
            SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
    assert os.environ["AWS_ENDPOINT_URL_SWF"] == server.url
