"""The state folder of a server, which the next server continues from."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.exceptions import InputError, StateError
from simpleflow.server import Server
from tests.server.clients import (
    COMPLETE,
    DOMAIN,
    TASK_DEFAULTS,
    TYPE,
    Swf,
    activity,
    child,
    connect,
    fault,
    prepare,
    timer,
)
from tests.server.conftest import serve

ServerProcess = Callable[..., tuple[subprocess.Popen[str], str]]


def test_the_next_server_has_everything(tmp_path: Path) -> None:
    with serve(state=tmp_path) as swf:
        swf.client.register_domain(name=".. a b", workflowExecutionRetentionPeriodInDays="3")
        swf.client.deprecate_domain(name=".. a b")
        swf.client.register_activity_type(domain=DOMAIN, name="old", version="1", **TASK_DEFAULTS)
        swf.client.deprecate_activity_type(domain=DOMAIN, activityType={"name": "old", "version": "1"})
        closed = swf.start("closed", tagList=["tag"])
        swf.decide(COMPLETE)
        swf.start()
        swf.decide(activity("taken"), activity("waits"), child(), timer("t", 50), executionContext="context")
        token = swf.take()["taskToken"]
        decider = swf.poll()
        histories = [swf.events("closed"), swf.events("w"), swf.events("child")]
        described = [_described(swf.describe(id)) for id in ("closed", "w", "child")]
        clock = swf.clock
    with serve(state=tmp_path, clock=clock) as swf:
        assert [swf.events("closed"), swf.events("w"), swf.events("child")] == histories
        assert [_described(swf.describe(id)) for id in ("closed", "w", "child")] == described
        assert swf.runs("closed")[0]["execution"]["runId"] == closed
        assert swf.client.describe_domain(name=".. a b")["domainInfo"]["status"] == "DEPRECATED"
        old = swf.client.list_activity_types(domain=DOMAIN, registrationStatus="DEPRECATED")["typeInfos"]
        assert old[0]["activityType"]["name"] == "old"
        swf.client.delete_activity_type(domain=DOMAIN, activityType=old[0]["activityType"])
        assert swf.take()["activityId"] == "waits"
        assert "taskToken" not in swf.take(), "the other task still has its worker"
        swf.client.respond_activity_task_completed(taskToken=token, result="from before")
        with fault("UnknownResourceFault"):
            swf.client.respond_activity_task_completed(taskToken=token)
        swf.answer(decider)
        with fault("UnknownResourceFault"):
            swf.answer(decider)
        swf.pass_time(50)
        assert "TimerFired" in swf.orders()
        with fault("WorkflowExecutionAlreadyStartedFault"):
            swf.start()
        clock = swf.clock
    with serve(state=tmp_path, clock=clock) as swf:
        assert not swf.client.list_activity_types(domain=DOMAIN, registrationStatus="DEPRECATED")["typeInfos"]
        assert swf.last("ActivityTaskCompleted")["result"] == "from before"


def _described(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_answered_requests_survive_sigkill(tmp_path: Path, server_process: ServerProcess) -> None:
    process, url = server_process("--state", str(tmp_path))
    swf = Swf(connect(url), url)
    prepare(swf.client)
    swf.start()
    swf.decide(activity("a"), activity("b"))
    token = swf.take()["taskToken"]
    process.kill()
    process.wait()
    swf.client.close()
    _, url = server_process("--state", str(tmp_path))
    swf = Swf(connect(url), url)
    assert swf.take()["activityId"] == "b"
    swf.client.respond_activity_task_completed(taskToken=token, result="x")
    swf.decide(COMPLETE)
    assert swf.orders() == "ATS ATS ATSt ATSt ATC DTS DTSt DTC WorkflowExecutionCompleted"
    swf.client.close()


def test_a_folder_has_one_server(tmp_path: Path, server_process: ServerProcess) -> None:
    _, url = server_process("--state", str(tmp_path), "--domain", DOMAIN)
    swf = Swf(connect(url), url)
    swf.client.register_workflow_type(
        domain=DOMAIN,
        **TYPE,
        defaultTaskList={"name": "l"},
        defaultTaskStartToCloseTimeout="1",
        defaultExecutionStartToCloseTimeout="100",
        defaultChildPolicy="ABANDON",
    )
    swf.start()
    with pytest.raises(StateError, match="in use by another server"):
        Server(state=tmp_path)
    swf.client.close()


def test_a_folder_of_another_release(tmp_path: Path) -> None:
    """The format is version 1: the stored executions have not changed."""
    engine = SqliteEngine(tmp_path / "domain-old")
    engine.start_workflow_execution(StartRequest("w", "type", "1"))
    engine.close()
    with Server(state=tmp_path, poll_seconds=0.0) as server:
        server.register_domain("old")
        client = connect(server.url)
        with fault("WorkflowExecutionAlreadyStartedFault"):
            client.register_workflow_type(domain="old", **TYPE)
            client.start_workflow_execution(
                domain="old",
                workflowId="w",
                workflowType=TYPE,
                taskList={"name": "l"},
                executionStartToCloseTimeout="1",
                taskStartToCloseTimeout="1",
                childPolicy="ABANDON",
            )
        client.close()


def test_a_path_that_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="file"):
        Server(state=tmp_path / "file")
    (tmp_path / "registrations.sqlite").write_text("this is not a database" * 100)
    with pytest.raises(StateError, match="cannot be used"):
        Server(state=tmp_path)


# The command


def test_the_command(server_process: ServerProcess) -> None:
    process, url = server_process("--domain", DOMAIN, "--domain", "other")
    client = connect(url)
    assert len(client.list_domains(registrationStatus="REGISTERED")["domainInfos"]) == 2
    client.close()
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=10)
    assert (process.returncode, output) == (0, "")
    assert "without authentication" in errors
    assert url in errors


def test_the_command_ends_while_polls_wait(server_process: ServerProcess) -> None:
    process, url = server_process("--domain", DOMAIN)
    from tests.server.test_polls import Poller

    poller = Poller(Swf(None, url), "activity")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert "taskToken" not in poller.wait()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--chaos", "noise"], "'noise' is not an option of the test mode"),
        (["--chaos", "drop=often"], "expected drop=NUMBER"),
        (["--chaos", "drop=1"], "less than 1"),
        (["--domain", "a:b"], "domain 'a:b'"),
        (["--port", "70000"], "cannot listen on 127.0.0.1:70000"),
    ],
)
def test_invalid_options(server_process: ServerProcess, options: list[str], error: str) -> None:
    process, url = server_process(*options)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert url == ""
    assert error in errors
    assert len(errors.splitlines()) == 1


def test_a_port_that_is_taken() -> None:
    taken = r":\d+: Address already in use; choose another --port, or 0 for a free one$"
    with Server() as server, pytest.raises(InputError, match=taken):
        Server(int(server.url.rpartition(":")[2]))
