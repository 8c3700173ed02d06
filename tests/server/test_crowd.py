"""Two deciders and eight workers at once, with lost replies: all tasks complete, and the execution ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from simpleflow.server import Chaos
from tests.pauses import wait_for
from tests.server.clients import COMPLETE, DOMAIN, LIST, Swf, activity, connect
from tests.server.conftest import serve

NUMBER = 200


class Crowd:
    """Clients in threads, each with its own connection, until the end of the block."""

    def __init__(self, swf: Swf, deciders: int, workers: int) -> None:
        self.done: list[str] = []
        self.faults: list[BaseException] = []
        self._swf = swf
        self._over = threading.Event()
        parts = [self._decide] * deciders + [self._work] * workers
        self._threads = [threading.Thread(target=self._run, args=(part,)) for part in parts]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self, part: Callable[[Any], None]) -> None:
        client = connect(self._swf.url)
        try:
            while not self._over.is_set():
                try:
                    part(client)
                except HTTPClientError:
                    pass  # a reply was lost
                except ClientError as error:
                    if error.response["Error"]["Code"] != "UnknownResourceFault":
                        raise
        except Exception as error:
            self.faults.append(error)
        finally:
            client.close()

    def _decide(self, client: Any) -> None:
        task = client.poll_for_decision_task(domain=DOMAIN, taskList=LIST)
        if "taskToken" not in task:
            return
        events, page = list(task["events"]), task
        while "nextPageToken" in page:
            more = {"domain": DOMAIN, "taskList": LIST, "nextPageToken": page["nextPageToken"]}
            page = _persist(lambda more=more: client.poll_for_decision_task(**more))
            events += page["events"]
        types = [event["eventType"] for event in events]
        decisions: list[dict[str, Any]] = []
        if "ActivityTaskScheduled" not in types:
            limits = {"startToCloseTimeout": "NONE"}
            decisions = [activity(str(number), **limits) for number in range(NUMBER)]
        elif types.count("ActivityTaskCompleted") == NUMBER:
            decisions = [COMPLETE]
        client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=decisions)

    def _work(self, client: Any) -> None:
        task = client.poll_for_activity_task(domain=DOMAIN, taskList=LIST)
        if "taskToken" in task:
            self.done.append(task["activityId"])
            client.respond_activity_task_completed(taskToken=task["taskToken"], result=task["activityId"])


def test_a_crowd() -> None:
    chaos = Chaos(seed=1, shuffle=True, drop=0.05, refuse=0.3, page=300, delay=0.1)
    with serve(chaos=chaos, poll_seconds=0.5, clock=time.time) as swf, Crowd(swf, 2, 8) as crowd:
        with suppress(HTTPClientError):
            swf.start()
        wait_for(lambda: _persist(swf.runs, "w")[0]["executionStatus"] == "CLOSED" or crowd.faults, seconds=60)
        assert not crowd.faults
    assert sorted(crowd.done, key=int) == [str(number) for number in range(NUMBER)]


def _persist(call: Callable[..., Any], *args: Any) -> Any:
    """Repeat the call until it is answered: no other client has the task whose pages it reads."""
    while True:
        try:
            return call(*args)
        except HTTPClientError:
            pass
