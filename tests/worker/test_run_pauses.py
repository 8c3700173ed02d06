"""An execution that cannot be decided holds up no other one of its decider process."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow.server import Server
from simpleflow.worker.deadly_runs import DeadlyRuns
from simpleflow.worker.run_pauses import RunPauses
from tests.cli.conftest import WORKFLOWS
from tests.cli.swf import DOMAIN, Commands
from tests.swf import proxy as wire
from tests.worker import programs

EMPTY = """
from simpleflow import Workflow

class Flow(Workflow):
    def run(self):
        pass
"""


@pytest.fixture
def swf(tmp_path: Path) -> Iterator[Commands]:
    """A server behind a proxy, which hides the first event of executions whose id begins with ``blind``."""

    def spoiled(forward: wire.Forward) -> tuple[int, bytes]:
        status, body = forward()
        reply = json.loads(body)
        if reply.get("workflowExecution", {}).get("workflowId", "").startswith("blind"):
            reply["events"] = [each for each in reply["events"] if each["eventId"] != 1]
        return status, json.dumps(reply).encode()

    with Server(poll_seconds=2.0) as server, wire.before(server.url) as proxy:
        proxy.spoil("PollForDecisionTask", spoiled, 1_000)
        proxy.spoil("GetWorkflowExecutionHistory", wire.fault("x#InternalFailure", 500), 1_000, about_blind)
        shutil.copy(WORKFLOWS / "remote.py", tmp_path)
        found = Commands(tmp_path, proxy.url)
        found.client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        yield found
        found.close()


def about_blind(request: dict[str, Any]) -> bool:
    return bool(request["execution"]["workflowId"].startswith("blind"))


def begin(swf: Commands, workflow_id: str, name: str, version: str = "1", limit: str = "1") -> str:
    try:
        swf.client.register_workflow_type(domain=DOMAIN, name=name, version=version)
    except swf.client.exceptions.TypeAlreadyExistsFault:
        pass
    return str(
        swf.client.start_workflow_execution(
            domain=DOMAIN,
            workflowId=workflow_id,
            workflowType={"name": name, "version": version},
            taskList={"name": "l"},
            executionStartToCloseTimeout="60",
            taskStartToCloseTimeout=limit,
            childPolicy="TERMINATE",
        )["runId"]
    )


def test_others_go_on(swf: Commands) -> None:
    (swf.path / "broken.py").write_text("import no_such_module\n")
    (swf.path / "empty.py").write_text(
        "from simpleflow import Workflow\nclass Flow(Workflow):\n    def run(self): pass\n"
    )
    bad = [begin(swf, f"broken-{n}", "broken.Flow") for n in range(3)]
    bad += [begin(swf, f"blind-{n}", "empty.Flow") for n in range(3)]
    decider = swf.begin("decider.start", "-t", "l", SWF_CONNECTION_RETRIES="0")
    programs.wait_for(lambda: swf.kinds("broken-0", bad[0]).count("DecisionTaskTimedOut") >= 4, "four time-outs")
    took = []
    for number in range(5):
        began = time.monotonic()
        swf.wait_for_end(f"well-{number}", begin(swf, f"well-{number}", "empty.Flow", limit="30"))
        took.append(time.monotonic() - began)
    decider.terminate()
    code, _, err = programs.finish(decider)
    assert code == 0
    assert sorted(took)[2] < 1.5, took
    assert max(took) < 5, took
    for number in range(3):
        assert re.search(
            rf"broken.Flow \(workflow broken-{number}, run \S+\) failed; left to its time-out, this run", err
        )
        assert re.search(rf"left to its time-out: empty.Flow \(workflow blind-{number}, run \S+\): ", err)


def test_others_go_on_beside_one_that_ends_the_process(swf: Commands) -> None:
    (swf.path / "deadly.py").write_text(
        "import os\nfrom simpleflow import Workflow\n"
        "class Dies(Workflow):\n    def run(self): os._exit(7)\n"
        "class Interrupts(Workflow):\n    def run(self): raise KeyboardInterrupt\n"
    )
    (swf.path / "empty.py").write_text(EMPTY)
    dies = begin(swf, "dies", "deadly.Dies")
    begin(swf, "interrupts", "deadly.Interrupts")
    decider = swf.begin("decider.start", "-t", "l")
    programs.wait_for(lambda: swf.kinds("dies", dies).count("DecisionTaskStarted") >= 2, "a second try")
    for number in range(3):
        swf.wait_for_end(f"well-{number}", begin(swf, f"well-{number}", "empty.Flow", limit="30"))
    decider.terminate()
    code, _, err = programs.finish(decider)
    assert code == 0
    assert err.count("ended with exit code 7") == 1, err
    assert f"ended while it decided run {dies}; this run is not decided for 6 s, others go on" in err
    assert re.search(r"deadly.Interrupts \(workflow interrupts, run \S+\) failed; left to its time-out, this run", err)


def die(runs: DeadlyRuns, run_id: str) -> None:
    """A process begins to decide an execution, and dies."""
    pid = os.fork()
    if pid == 0:
        runs.begins(run_id)
        os._exit(7)
    os.waitpid(pid, 0)


def test_an_execution_that_ends_processes_has_growing_pauses() -> None:
    runs = DeadlyRuns()
    runs.enter()
    for seconds in (6, 12, 24):
        die(runs, "deadly")
        runs.enter()
        assert seconds - 5 < runs.left("deadly") <= seconds
    assert runs.left("other") == 0
    die(runs, "deadly" + "x" * 40)  # the rest stays
    runs.enter()
    assert runs.left("deadly") > 12
    runs.begins("deadly")
    runs.ends("deadly")
    assert runs.left("deadly") == 0
    runs.enter()
    assert runs.left("deadly") == 0


def test_all_processes_keep_the_pause_that_one_has_found() -> None:
    runs = DeadlyRuns()
    die(runs, "deadly")
    pid = os.fork()
    if pid == 0:
        runs.enter()
        os._exit(0)
    os.waitpid(pid, 0)
    assert runs.left("deadly") > 0


def test_the_pauses_of_an_execution_grow_until_it_is_decided() -> None:
    now = [0.0]
    pauses = RunPauses(lambda: now[0])
    assert [pauses.failed("a") for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert (pauses.left("a"), pauses.left("b")) == (30, 0)
    now[0] = 29.5
    assert pauses.left("a") == 0.5
    now[0] = 31
    assert pauses.left("a") == 0
    pauses.succeeded("a")
    assert pauses.failed("a") == 0.5
