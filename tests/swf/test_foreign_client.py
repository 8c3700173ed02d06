"""The existing library named simpleflow, in an environment of its own, as a client of the local server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow.server import Server
from tests.cli.swf import DOMAIN, Commands
from tests.pauses import wait_for
from tests.processes import alive
from tests.servers import tied
from tests.swf.served import environment
from tests.worker import programs

PROGRAM = programs.ROOT / ".venv-existing" / "bin" / "simpleflow"
pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason="simpleflow 0.36 is not in .venv-existing; run make test where it can be installed"
)

WORKFLOWS = """
from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group

@activity.with_attributes(task_list="l", version="v", raises_on_failure=True)
def inc(x):
    return x + 1

@activity.with_attributes(task_list="l", version="v")
def fails(x):
    raise ValueError("no " + x)

class Child(Workflow):
    name = "child"
    version = "v"
    task_list = "l"

    def run(self, x):
        return self.submit(inc, x).result

class Flow(Workflow):
    name = "flow.Flow"
    version = "v"
    task_list = "l"
    execution_timeout = 60
    decision_tasks_timeout = 10

    def run(self, n):
        group = self.submit(Group(*((inc, number) for number in range(n))))
        futures.wait(group)
        failed = self.submit(fails, "luck")
        child = self.submit(Child, 3).result
        timer = self.submit(self.start_timer("t", 1))
        self.submit(self.record_marker("m", {"a": 1}))
        futures.wait(timer, failed)
        return [sum(group.result), child, failed.result]
"""
RESULT = [55, 4, None]


class Existing:
    """Runs commands of the existing library, with SWF at the URL of ``swf``."""

    def __init__(self, swf: Commands) -> None:
        self._swf = swf
        self._started: list[subprocess.Popen[bytes]] = []

    def begin(self, *args: str) -> None:
        """Start a command, which runs until ``stop``."""
        options: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        self._started.append(subprocess.Popen([PROGRAM, *args], preexec_fn=tied, **self._options, **options))

    def start(self, *args: str) -> list[str]:
        """Start a run; returns its workflow id and its run id."""
        command = [PROGRAM, "workflow.start", *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, **self._options)
        return done.stdout.split()

    def stop(self) -> None:
        """Kill the commands and their processes. When this returns, none of them waits for a task any longer."""
        for process in self._started:
            members = programs.group(process.pid)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            wait_for(lambda members=members: not any(map(alive, members)), "the end of a group")
        self._started.clear()

    @property
    def _options(self) -> dict[str, Any]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SIMPLEFLOW_")}
        more = {"SWF_DOMAIN": DOMAIN, "PYTHONPATH": str(self._swf.path), "AWS_ENDPOINT_URL": self._swf.url}
        return {"cwd": self._swf.path, "env": {**variables, **environment(self._swf.url), **more}}


@pytest.fixture
def swf(tmp_path: Path) -> Iterator[Commands]:
    (tmp_path / "flow.py").write_text(WORKFLOWS)
    with Server(poll_seconds=1.0, close_connections=True) as server:
        found = Commands(tmp_path, server.url)
        found.client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        yield found
        found.close()


@pytest.fixture
def existing(swf: Commands) -> Iterator[Existing]:
    found = Existing(swf)
    yield found
    found.stop()


def result(swf: Commands, workflow_id: str) -> Any:
    """The result of the latest execution of that id, once it has completed."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        filters = {
            "domain": DOMAIN,
            "startTimeFilter": {"oldestDate": 0},
            "executionFilter": {"workflowId": workflow_id},
        }
        if closed := swf.client.list_closed_workflow_executions(**filters)["executionInfos"]:
            events = swf.events(workflow_id, closed[0]["execution"]["runId"])
            return json.loads(events[-1]["workflowExecutionCompletedEventAttributes"]["result"])
        time.sleep(0.1)
    raise AssertionError(f"workflow {workflow_id} does not end")


def test_its_standalone(swf: Commands, existing: Existing) -> None:
    existing.begin("standalone", "flow.Flow", "-i", "[10]", "--workflow-id", "w", "--nb-workers", "4")
    assert result(swf, "w") == RESULT


def test_its_starters_and_workers_beside_our_deciders(swf: Commands, existing: Existing) -> None:
    existing.begin("worker.start", "-t", "l", "-N", "2")
    swf.begin("worker.start", "-t", "l")
    run_id = existing.start("flow.Flow", "-i", "[10]", "--workflow-id", "w")[1]
    decider = swf.begin("decider.start", "flow.Flow")
    assert result(swf, "w") == RESULT
    decider.terminate()
    _, _, err = programs.finish(decider)
    assert "ERROR" not in err
    started = [each for each in swf.events("w", run_id) if each["eventType"] == "ActivityTaskStarted"]
    identities = [json.loads(each["activityTaskStartedEventAttributes"]["identity"]) for each in started]
    assert {"exe", "hostname", "pid", "user"} in map(set, identities), "its workers did some of the work"


def test_our_decider_leaves_its_runs_alone(swf: Commands, existing: Existing) -> None:
    existing.begin("decider.start", "-N", "1", "flow.Flow")
    run_id = existing.start("flow.Flow", "-i", "[2]", "--workflow-id", "w", "--decision-tasks-timeout", "10")[1]
    wait_for(lambda: "ActivityTaskScheduled" in swf.kinds("w", run_id), "its decisions", 30)
    existing.stop()
    count = len(swf.events("w", run_id))
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="look")
    ours = swf.begin("decider.start", "flow.Flow")
    wait_for(lambda: len(swf.events("w", run_id)) >= count + 3, "a decision task", 30)
    assert ours.stderr is not None
    err = ""
    while "was decided by another decider" not in err:  # it may take long on a busy machine
        line = ours.stderr.readline()
        assert line, err
        err += line
    time.sleep(0.5)
    ours.terminate()
    err += ours.stderr.read()
    err += programs.finish(ours)[2]
    assert err.count("was decided by another decider") == 1, err
    assert "Traceback" not in err
    assert "DecisionTaskCompleted" not in swf.kinds("w", run_id)[count:]
