"""Runs through a local server: types registered on demand, refusals, errors, lost replies, many deciders."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.swf import registration
from simpleflow.engines.swf.activities import SwfActivitySource
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import InputError, RunBusy, SwfError, UnknownResource
from simpleflow.server import Server
from simpleflow.server.chaos import Chaos
from simpleflow.task import ActivityTask
from tests.swf.served import DOMAIN, Crew, ended, outcome, pointed_at, registered, start

done: set[int] = set()


@activity.with_attributes(
    name="engine.work",
    version="1",
    raises_on_failure=True,
    start_to_close_timeout=30,
    schedule_to_close_timeout=60,
    schedule_to_start_timeout=40,
    heartbeat_timeout=20,
)
def work(number: int) -> int:
    done.add(number)
    return number


tried: list[float] = []  # when an activity has been tried, in epoch seconds


@activity.with_attributes(retry=2, retry_delay=1, retry_on=ConnectionError)
def insist() -> int:
    tried.append(time.time())
    if len(tried) == 1:
        raise ConnectionResetError("not yet")
    return len(tried)


class Insisting(Workflow):
    name = "engine.insisting"

    def run(self) -> Any:
        return self.submit(insist).result


class Sub(Workflow):
    name = "engine.sub"
    version = "2"
    execution_timeout = 500
    decision_tasks_timeout = 50
    child_policy = "ABANDON"
    task_list = "default"

    def run(self) -> str:
        return "from the child"


class Both(Workflow):
    name = "engine.both"

    def run(self) -> list[Any]:
        return [self.submit(work, 1).result, self.submit(Sub).result]


class Many(Workflow):
    name = "engine.many"

    def run(self, count: int) -> int:
        return sum(self.submit(Group(*[ActivityTask(work, number) for number in range(count)])).result)


def types(run_id: str | None = None) -> list[str]:
    return [event.type for event in SwfEngine(DOMAIN).history("w", run_id)]


def test_missing_types_are_registered_with_their_own_time_outs(server: Server) -> None:
    start(Both)
    with Crew():
        assert ended().status == "completed", outcome()
    assert outcome().result == '[1,"from the child"]'
    assert types().count("ScheduleActivityTaskFailed") == types().count("StartChildWorkflowExecutionFailed") == 1
    calls = client("calls")
    found = calls.describe_activity_type(domain=DOMAIN, activityType={"name": "engine.work", "version": "1"})
    assert found["configuration"] == {
        "defaultTaskStartToCloseTimeout": "30",
        "defaultTaskScheduleToCloseTimeout": "60",
        "defaultTaskScheduleToStartTimeout": "40",
        "defaultTaskHeartbeatTimeout": "20",
        "defaultTaskList": {"name": "default"},
    }
    found = calls.describe_workflow_type(domain=DOMAIN, workflowType={"name": "engine.sub", "version": "2"})
    assert found["configuration"] == {
        "defaultExecutionStartToCloseTimeout": "500",
        "defaultTaskStartToCloseTimeout": "50",
        "defaultChildPolicy": "ABANDON",
        "defaultTaskList": {"name": "default"},
    }


def test_an_activity_is_tried_again_after_a_pause(server: Server) -> None:
    start(Insisting)
    with Crew():
        assert ended().status == "completed", outcome()
    assert outcome().result == "2"
    assert types().count("TimerFired") == 1
    assert tried[1] - tried[0] >= 0.95


def test_registering_an_existing_type_succeeds(server: Server) -> None:
    calls = client("calls")
    for _ in range(2):
        registration.register_domain(calls, DOMAIN)
        registration.register_activity(calls, DOMAIN, "unknown.here", "1")
        registration.register_workflow(calls, DOMAIN, "unknown.here", "1")


def test_a_deprecated_type_fails_the_run(server: Server) -> None:
    calls = client("calls")
    registration.register_activity(calls, DOMAIN, "engine.work", "1")
    calls.deprecate_activity_type(domain=DOMAIN, activityType={"name": "engine.work", "version": "1"})
    start(Both)
    with Crew():
        assert ended().status == "failed"
    assert "ACTIVITY_TYPE_DEPRECATED (use another version of the type)" in outcome().reason
    assert types().count("ScheduleActivityTaskFailed") == 1


def test_an_error_is_one_line_that_says_what_to_do(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = SwfEngine("nowhere")
    with pytest.raises(SwfError, match=r"^SWF: cannot \w+: Unknown domain: nowhere; correct the domain .*register it$"):
        engine.list_runs()
    with pytest.raises(SwfError, match="Unknown domain: nowhere"):
        SwfDecisionSource("nowhere", "list").poll_for_decision_task()
    start(Both)
    with pytest.raises(RunBusy):
        start(Both)
    with pytest.raises(UnknownResource):
        SwfEngine(DOMAIN).terminate_workflow_execution("w", "another run")
    with pytest.raises(InputError, match="StartWorkflowExecution"):
        start(Both, workflow_id="a:b")
    calls = client("calls")
    calls.deprecate_workflow_type(domain=DOMAIN, workflowType={"name": "engine.both", "version": "1"})
    with pytest.raises(SwfError, match=r"the type is deprecated \(.*\); use another version"):
        start(Both, workflow_id="another")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:1")
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "0")
    with pytest.raises(SwfError, match=r"nothing answers there .*; check AWS_ENDPOINT_URL_SWF") as caught:
        SwfEngine(DOMAIN).list_runs()
    assert caught.value.passing
    assert "\n" not in str(caught.value)


def test_no_credentials_and_no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SwfError, match=r"no region is known .*; set AWS_DEFAULT_REGION"):
        SwfEngine(DOMAIN).list_runs()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(SwfError, match=r"there are no credentials .*; check AWS_ACCESS_KEY_ID"):
        SwfEngine(DOMAIN).list_runs()
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(SwfError, match="the profile does not exist"):
        SwfEngine(DOMAIN).list_runs()


def test_a_forked_process_builds_its_own_client(server: Server) -> None:
    mine = client("calls")
    assert client("calls") is mine
    assert client("polls") is not mine
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"same" if client("calls") is mine else b"another")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"another"


def test_polls_are_never_retried_and_wait_longer_than_the_service(server: Server) -> None:
    polls, calls = client("polls").meta.config, client("calls").meta.config
    assert polls.read_timeout > 70
    assert polls.retries == {"mode": "standard", "total_max_attempts": 1}
    assert calls.retries == {"mode": "adaptive", "total_max_attempts": 6}


def test_the_retry_mode_can_be_chosen(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "2")
    (tmp_path / "config").write_text("[default]\nretry_mode = standard\n[profile old]\nretry_mode = legacy\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert client("calls").meta.config.retries == {"mode": "standard", "total_max_attempts": 3}
    monkeypatch.setenv("AWS_PROFILE", "old")
    assert client("calls").meta.config.retries["mode"] == "legacy"
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    assert client("calls").meta.config.retries["mode"] == "adaptive"
    assert client("polls").meta.config.retries == {"mode": "standard", "total_max_attempts": 1}
    monkeypatch.setenv("AWS_RETRY_MODE", "harder")
    with pytest.raises(SwfError, match="harder"):
        client("calls")


def test_repeating_an_answer_raises_unknown_resource(server: Server) -> None:
    start(Both)
    source = SwfDecisionSource(DOMAIN, "default")
    task = source.poll_for_decision_task()
    assert task is not None
    answer = [d.RecordMarker(marker_name="once")]
    source.respond_decision_task_completed(task.token, answer)
    with pytest.raises(UnknownResource):
        source.respond_decision_task_completed(task.token, answer)
    assert types().count("MarkerRecorded") == 1
    with pytest.raises(UnknownResource):
        SwfActivitySource(DOMAIN, "default").respond_activity_task_completed("stale", "1")


def test_a_start_whose_reply_was_lost_gives_the_run_that_it_started() -> None:
    with Server(poll_seconds=0.0, chaos=Chaos(seed=4, drop=0.5)) as server, pointed_at(server.url):
        registered(DOMAIN)
        engine = SwfEngine(DOMAIN)
        started = {f"w{number}": start(Both, number, workflow_id=f"w{number}") for number in range(12)}
        with pytest.raises(RunBusy):
            start(Both, "another input", workflow_id="w0")
        assert {each.workflow_id: each.run_id for each in engine.list_runs()} == started
        for workflow_id in started:
            engine.terminate_workflow_execution(workflow_id)
        assert {each.status for each in engine.list_runs()} == {"terminated"}


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(seed=1, shuffle=True),
        Chaos(seed=2, shuffle=True, page=3),
        Chaos(seed=3, drop=0.03, refuse=0.3, throttle=0.05, page=50),
    ],
    ids=["shuffle", "pages of three", "dropped replies and refused closes"],
)
def test_two_deciders_and_eight_workers(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AWS_RETRY_MODE", "standard"
    )  # in adaptive mode, the client that ten threads share here would slow all of them down
    done.clear()
    count = 200
    with Server(poll_seconds=0.5, chaos=chaos) as server, pointed_at(server.url):
        registered(DOMAIN)
        start(Many, count)
        with Crew(deciders=2, workers=8):
            assert ended(seconds=120).status == "completed", outcome()
        assert outcome().result == str(sum(range(count)))
        assert done == set(range(count))
        scheduled = [
            each.attributes.activity_id
            for each in SwfEngine(DOMAIN).history("w")
            if isinstance(each.attributes, e.ActivityTaskScheduled)
        ]
        assert len(scheduled) == len(set(scheduled)) == count
