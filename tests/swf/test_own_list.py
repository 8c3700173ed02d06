"""Several decider processes on one task list: an execution stays with the process that knows its history."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simpleflow.core import events as e
from simpleflow.engines.swf.decisions import OWN_LIST_SECONDS
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.server.faults import Fault
from simpleflow.server.polls import Caller
from tests.cli.swf import Commands
from tests.pauses import wait_for
from tests.swf import request_counts
from tests.swf.request_counts import Sequence, Steps
from tests.swf.served import DOMAIN, ended, environment, registered, start
from tests.worker import programs

N = 100
READS = ("PollForDecisionTask", "GetWorkflowExecutionHistory")


class Watched(Server):
    """A server that counts the bytes of events that it sends, and refuses polls of task lists other than ``only``."""

    sent = 0
    only: str | None = None
    refused = 0

    def answer(self, operation: str, body: bytes, caller: Caller) -> bytes:
        if operation == "PollForDecisionTask" and self.only not in (None, json.loads(body)["taskList"]["name"]):
            self.refused += 1
            raise Fault("com.amazon.coral.service#AccessDeniedException", "not this task list")
        reply = super().answer(operation, body, caller)
        if operation in READS:
            self.sent += len(msgspec.json.encode(msgspec.json.decode(reply).get("events", [])))
        return reply


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    with Watched(poll_seconds=20) as found:
        for name, value in environment(found.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        yield found


@pytest.fixture
def commands(watched: Watched, tmp_path: Path) -> Iterator[Commands]:
    shutil.copy(request_counts.__file__, tmp_path)
    found = Commands(tmp_path, watched.url)
    yield found
    found.close()


def deciders(commands: Commands, count: int) -> Any:
    marks = {"SIMPLEFLOW_S3_HOST": str(commands.path), "STEP_BUCKET": "marks", "SIMPLEFLOW_STEP_CLAIMS": "0"}
    return commands.begin(
        "decider.start", "-d", DOMAIN, "-t", "default", "-N", str(count), LOG_LEVEL="WARNING", **marks
    )


def workers(commands: Commands, count: int) -> Any:
    return commands.begin("worker.start", "-d", DOMAIN, "-N", str(count), LOG_LEVEL="WARNING")


def lists(workflow_id: str) -> list[str]:
    """The task lists of the execution's decision tasks."""
    events = SwfEngine(DOMAIN).history(workflow_id)
    return [each.attributes.task_list.name for each in events if isinstance(each.attributes, e.DecisionTaskScheduled)]


def stopped(process: Any) -> str:
    """Stop a process; returns its standard error."""
    began = time.monotonic()
    process.terminate()
    code, _, err = programs.finish(process)
    assert code == 0, err
    assert time.monotonic() - began < 6
    return str(err)


@pytest.mark.parametrize("count", [1, 3])
def test_steps_cost_the_same_with_one_decider_and_with_three(watched: Watched, commands: Commands, count: int) -> None:
    process = deciders(commands, count)
    worker = workers(commands, 2)
    start(Steps, 1, workflow_id="types are registered now")
    ended("types are registered now")
    watched.sent = 0
    start(Steps, N)
    assert ended().status == "completed"
    # The markers of steps hold what the steps were made with. A decider that read the history for each decision would
    # send tens of millions of bytes; how often one reads it after another has depends on the machine.
    assert watched.sent < 700_000
    events = SwfEngine(DOMAIN).history("w")
    assert len(events) <= 14 * N + 11
    assert sum(each.type == "DecisionTaskCompleted" for each in events) <= 2 * N + 2
    own = [name for name in lists("w") if name != "default"]
    assert len(set(own)) == (0 if count == 1 else 1), "a single decider does not use one"
    assert count == 1 or len(own) > N
    for each in (worker, process):
        stopped(each)


def take() -> Any:
    from simpleflow.engines.swf.activities import SwfActivitySource

    source = SwfActivitySource(DOMAIN, "default")
    task = source.poll_for_activity_task()
    assert task is not None
    return lambda: source.respond_activity_task_completed(task.token, "1")


def test_a_dead_process_delays_its_executions_by_seconds_only(watched: Watched, commands: Commands) -> None:
    process = deciders(commands, 2)
    start(Sequence, 40)
    turns = 0
    while len(set(lists("w"))) == 1:
        take()()
        turns += 1
        assert turns < 35, "no task came to an own list"
        wait_for(lambda turns=turns: len(lists("w")) > turns)  # type: ignore[misc]
    complete = take()
    events = SwfEngine(DOMAIN).history("w")
    decider = next(each.attributes for each in reversed(events) if isinstance(each.attributes, e.DecisionTaskStarted))
    pid = json.loads(decider.identity or "")["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"))  # one of its threads may still be given the task
    began = time.monotonic()
    complete()
    take()()
    assert OWN_LIST_SECONDS - 1 < time.monotonic() - began < OWN_LIST_SECONDS + 15  # not 300, its other time-out
    late = [each.attributes for each in SwfEngine(DOMAIN).history("w") if each.type == "DecisionTaskTimedOut"]
    assert [each.timeout_type for each in late] == ["SCHEDULE_TO_START"]  # type: ignore[attr-defined]
    for _ in range(40 - turns - 2):
        take()()
    assert ended().status == "completed"
    assert "ended by signal 9; another one begins" in stopped(process)


def test_a_decider_that_may_not_poll_an_own_list_goes_on_without(watched: Watched, commands: Commands) -> None:
    watched.only = "default"
    process = deciders(commands, 2)
    worker = workers(commands, 1)
    start(Sequence, N)
    assert ended(seconds=30).status == "completed"
    assert watched.refused
    assert len([name for name in lists("w") if name != "default"]) <= 4
    stopped(worker)
    assert "access is denied" in stopped(process)
