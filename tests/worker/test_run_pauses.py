"""An execution that cannot be decided holds up no other one of its decider process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simpleflow.core import events as e
from simpleflow.engines.base import DecisionTask
from simpleflow.server import Server
from simpleflow.worker.deadly_runs import DeadlyRuns
from simpleflow.worker.decision_limit import DecisionLimit, seconds_for
from simpleflow.worker.run_pauses import RunPauses
from tests.cli.conftest import WORKFLOWS
from tests.cli.swf import DOMAIN, Commands
from tests.pauses import wait_for
from tests.processes import alive
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


def begin(swf: Commands, workflow_id: str, name: str, version: str = "1", limit: str = "1", given: str = "{}") -> str:
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
            input=given,
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
    wait_for(lambda: swf.kinds("broken-0", bad[0]).count("DecisionTaskTimedOut") >= 4, "four time-outs")
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
    runs = [begin(swf, f"dies-{number}", "deadly.Dies", limit="3") for number in range(4)]
    begin(swf, "interrupts", "deadly.Interrupts")
    decider = swf.begin("decider.start", "-t", "l")
    wait_for(lambda: swf.kinds("dies-3", runs[3]).count("DecisionTaskStarted") >= 1, "all of them")
    for number in range(3):
        swf.wait_for_end(f"well-{number}", begin(swf, f"well-{number}", "empty.Flow", limit="30"))
    decider.terminate()
    code, _, err = programs.finish(decider)
    assert code == 0
    assert err.count("ended with exit code 7; another one begins at once") == err.count("ended with exit code 7"), err
    for run_id in runs:
        assert f"ended while it decided run {run_id}; this run is not decided for 6 s, others go on" in err
    assert re.search(r"deadly.Interrupts \(workflow interrupts, run \S+\) failed; left to its time-out, this run", err)


ASKS = """
from simpleflow import Workflow

class Asks(Workflow):
    def run(self):
        return self.submit(self.wait_signal("go")).result
"""


def test_a_process_that_is_killed_while_it_answers_says_nothing_about_the_execution(tmp_path: Path) -> None:
    def killed(forward: wire.Forward) -> None:
        forward()
        started = next(each for each in swf.events("asks", run_id) if each["eventType"] == "DecisionTaskStarted")
        pid = json.loads(started["decisionTaskStartedEventAttributes"]["identity"])["pid"]
        os.kill(pid, signal.SIGKILL)

    with (
        Server(poll_seconds=2.0) as server,
        wire.before(server.url) as proxy,
        closing(Commands(tmp_path, proxy.url)) as swf,
    ):
        (tmp_path / "asks.py").write_text(ASKS)
        swf.client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        proxy.spoil("RespondDecisionTaskCompleted", killed)
        run_id = begin(swf, "asks", "asks.Asks", limit="30")
        decider = swf.begin("decider.start", "-t", "l")
        wait_for(lambda: not proxy.left(), "the answer that the process does not outlive")
        swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="asks", signalName="go", input='"now"')
        swf.wait_for_end("asks", run_id, seconds=20)
        decider.terminate()
        code, _, err = programs.finish(decider)
    assert code == 0
    assert "ended by signal 9; another one begins" in err
    assert "not decided for" not in err


HANGS = """
import ctypes, os, subprocess, time
from simpleflow import Workflow

class Hangs(Workflow):
    def run(self, how):
        globals()[how]()


def loop():
    while True:
        try:
            while True: pass
        except BaseException:
            pass

def sleep():
    time.sleep(10**6)

def locked():
    ctypes.PyDLL(None).sleep(10**6)  # holds the interpreter lock

def program():
    subprocess.run(["sh", "-c", "echo $$ > pid; sleep 1000"])
"""


def test_others_go_on_beside_those_that_never_return(swf: Commands) -> None:
    (swf.path / "hangs.py").write_text(HANGS)
    (swf.path / "empty.py").write_text(EMPTY)
    ways = ("loop", "sleep", "locked", "program")
    runs = {how: begin(swf, how, "hangs.Hangs", "1", "300", f'{{"args": ["{how}"]}}') for how in ways}
    decider = swf.begin("decider.start", "-t", "l", "-N", "4", SWF_DECISION_LIMIT="1")
    wait_for(lambda: all("DecisionTaskStarted" in swf.kinds(how, run) for how, run in runs.items()), "all")
    began = time.monotonic()
    for number in range(4):
        swf.wait_for_end(f"well-{number}", begin(swf, f"well-{number}", "empty.Flow", limit="30"))
    assert time.monotonic() - began < 10
    wait_for(lambda: not alive(int((swf.path / "pid").read_text())), "the end of the program")
    assert decider.stderr is not None
    err = ""
    while err.count("was given up") < len(ways):  # a stop would come before the limit of some on a busy machine
        line = decider.stderr.readline()
        assert line, err
        err += line
    decider.terminate()
    code, _, rest = programs.finish(decider)
    assert code == 0
    err += rest
    lines = (swf.path / "hangs.py").read_text().splitlines()
    for how, run_id in runs.items():
        found = re.findall(
            rf"decision 3 of hangs.Hangs \(workflow {how}, run {run_id}\) took more than 1 s and was given up, "
            rf"at {swf.path}/hangs.py:(\d+) in {how}; left to its time-out, this run is not decided for 10 s, others",
            err,
        )
        assert len(found) == 1, err
        at = lines.index(f"def {how}():")
        assert at < int(found[0]) <= at + 6
        assert swf.kinds(how, run_id)[-1] == "DecisionTaskStarted"


def test_a_decision_that_never_returns_does_not_hold_up_a_stop(swf: Commands) -> None:
    (swf.path / "hangs.py").write_text(HANGS)
    run_id = begin(swf, "leaves", "hangs.Hangs", "1", "3", '{"args": ["loop"]}')
    decider = swf.begin("decider.start", "-t", "l", "--log-format", "json")
    wait_for(lambda: "DecisionTaskStarted" in swf.kinds("leaves", run_id), "the decision")
    decider.terminate()
    code, _, err = programs.finish(decider, 5)
    assert code == 0
    assert re.search(r"decider \(process \d+\) ended by signal 14 before it had finished its task", err), err


@pytest.mark.parametrize(
    ("setting", "task_timeout", "seconds"),
    [("30", "300", 30), ("30", "10", 5), ("30", "1", 1), ("30", "NONE", 30), ("0", "10", 0), ("200", "300", 150)],
)
def test_a_decision_may_take_half_of_its_time_out_at_most(
    monkeypatch: pytest.MonkeyPatch, setting: str, task_timeout: str, seconds: float
) -> None:
    monkeypatch.setenv("SWF_DECISION_LIMIT", setting)
    started = e.WorkflowExecutionStarted(
        workflow_type=e.WorkflowType(name="w", version="1"),
        task_list=e.TaskList("l"),
        child_policy="TERMINATE",
        task_start_to_close_timeout=task_timeout,
    )
    task = DecisionTask("token", "w", "r", "w", "1", 3, [e.Event(id=1, time=0.0, attributes=started)])
    assert seconds_for(task) == seconds


def test_the_pauses_of_a_decision_that_takes_too_long_cost_little() -> None:
    runs = DeadlyRuns()
    total = 0.0
    for _ in range(12):
        pid = os.fork()
        if pid == 0:
            limit = DecisionLimit(runs.stacks_file())
            limit.seconds = 0.01
            runs.begins("hangs", seconds=30)
            with limit.running(), limit.running():
                time.sleep(100)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGALRM
        runs.enter()
        total += runs.left("hangs")
    assert 1_790 < runs.left("hangs") <= 1_800
    assert 30 * 12 / total < 0.03


def test_code_that_ends_in_time_goes_on() -> None:
    pid = os.fork()
    if pid == 0:
        limit = DecisionLimit()
        limit.seconds = 0.2
        for _ in range(3):
            with limit.running():
                with limit.running():
                    pass
                time.sleep(0.1)
        limit.seconds = 0
        with limit.running():
            time.sleep(0.3)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def die(runs: DeadlyRuns, run_id: str, ends: bool = False) -> None:
    """A process begins to decide an execution, and dies; ``ends``: it has decided it before."""
    pid = os.fork()
    if pid == 0:
        runs.begins(run_id)
        if ends:
            runs.ends(run_id)
        os._exit(7)
    os.waitpid(pid, 0)
    assert runs.was_deciding(pid) == (not ends)


def test_an_execution_that_ends_processes_has_growing_pauses() -> None:
    runs = DeadlyRuns()
    runs.enter()
    for seconds in (6, 12, 24):
        die(runs, "deadly")
        runs.enter()
        assert seconds - 5 < runs.left("deadly") <= seconds
    assert runs.left("other") == 0
    die(runs, "other", ends=True)
    runs.enter()
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
