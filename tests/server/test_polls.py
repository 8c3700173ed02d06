"""Long polls: they are answered at once, and no task is lost with a poller that has hung up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

import pytest

from tests.pauses import wait_for
from tests.server.clients import COMPLETE, DOMAIN, LIST, Swf, activity, connect, timer
from tests.server.conftest import serve


@pytest.fixture
def slow() -> Iterator[Swf]:
    """Start a server whose polls wait for a minute of real time."""
    with serve(poll_seconds=60.0, clock=time.time) as found:
        yield found


class Poller(threading.Thread):
    """A poll in its own thread, on its own connection."""

    def __init__(self, swf: Swf, kind: str, task_list: str = "list") -> None:
        super().__init__(daemon=True)
        self.task: dict[str, Any] = {}
        self._client = connect(swf.url)
        self._poll = getattr(self._client, f"poll_for_{kind}_task")
        self._list = {"name": task_list}
        self.start()

    def run(self) -> None:
        self.task = self._poll(domain=DOMAIN, taskList=self._list)
        self._client.close()

    def wait(self) -> dict[str, Any]:
        self.join(20)
        assert not self.is_alive(), "the poll was not answered"
        return self.task


def waiting(swf: Swf) -> int:
    """Return the number of waiting polls."""
    with swf.server.service.lock:
        return sum(number for _, number in swf.server.service.polls._waiting.values())


def raw_poll(swf: Swf, operation: str) -> socket.socket:
    """Send a poll and return its connection, with the answer unread."""
    place = urlparse(swf.url)
    found = socket.create_connection((place.hostname, place.port))
    body = json.dumps({"domain": DOMAIN, "taskList": LIST}).encode()
    head = f"POST / HTTP/1.1\r\nX-Amz-Target: SimpleWorkflowService.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
    found.sendall(head.encode() + body)
    return found


def test_a_poll_is_answered_when_work_comes(slow: Swf) -> None:
    decider = Poller(slow, "decision")
    other = Poller(slow, "decision", "other")
    worker = Poller(slow, "activity")
    wait_for(lambda: waiting(slow) == 3)
    slow.start()
    slow.answer(decider.wait(), activity())
    assert worker.wait()["activityId"] == "a"
    assert other.is_alive()
    slow.start("other", taskList={"name": "other"})
    assert other.wait()["workflowExecution"]["workflowId"] == "other"


def test_a_poll_is_answered_when_time_brings_work(slow: Swf) -> None:
    slow.start()
    slow.decide(timer("t", 1), timer("at once", 0))
    assert slow.poll()["events"][-3]["timerFiredEventAttributes"]["timerId"] == "at once"
    slow.start("other", taskStartToCloseTimeout="1")
    first = slow.poll()
    again = slow.poll()
    assert again["workflowExecution"] == first["workflowExecution"]
    assert again["events"][-3]["eventType"] == "DecisionTaskTimedOut"


def test_each_of_many_polls_gets_a_task(slow: Swf) -> None:
    workers = [Poller(slow, "activity") for _ in range(8)]
    wait_for(lambda: waiting(slow) == 8)
    slow.start()
    slow.decide(*[activity(str(number)) for number in range(8)])
    assert sorted(worker.wait()["activityId"] for worker in workers) == [str(number) for number in range(8)]
    assert waiting(slow) == 0


@pytest.mark.parametrize("kind", ["Decision", "Activity"])
def test_a_poller_that_has_hung_up_gets_no_task(slow: Swf, kind: str) -> None:
    gone = [raw_poll(slow, f"PollFor{kind}Task") for _ in range(3)]
    wait_for(lambda: waiting(slow) == 3)
    worker = Poller(slow, kind.lower())
    wait_for(lambda: waiting(slow) == 4)
    for each in gone:
        each.close()
    slow.start()
    if kind == "Activity":
        slow.decide(activity(startToCloseTimeout="NONE"))
    assert worker.wait()["startedEventId"] == (3 if kind == "Decision" else 6)
    wait_for(lambda: waiting(slow) == 0)


def test_a_task_goes_back_if_its_reply_is_not_read(slow: Swf) -> None:
    slow.start()
    slow.decide(activity(startToCloseTimeout="NONE"))
    raw_poll(slow, "PollForActivityTask").close()
    task = slow.take()
    assert task["startedEventId"] == 6, "the task was started before, for the poller that has hung up"
    slow.client.respond_activity_task_completed(taskToken=task["taskToken"])
    raw_poll(slow, "PollForDecisionTask").close()
    slow.decide(COMPLETE)
    assert slow.orders(5) == "ATS ATSt ATC DTS DTSt DTC WorkflowExecutionCompleted"


def test_polls_end_by_themselves() -> None:
    with serve(poll_seconds=0.2, clock=time.time) as swf:
        assert "taskToken" not in swf.poll()
        assert "taskToken" not in swf.take()


def test_closing_the_server_ends_polls() -> None:
    with serve(poll_seconds=60.0, clock=time.time) as swf:
        worker = Poller(swf, "activity")
        wait_for(lambda: waiting(swf) == 1)
    assert "taskToken" not in worker.wait()
