"""Several processes over one state folder: messages, their latency, lists, and ownership."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.exceptions import RunBusy, UnknownResource
from simpleflow.testing.subject import COMPLETE, child
from tests.engines.processes import ROOT, Other, other, script

REQUEST = StartRequest("w", "type", "1")
START = "engine.start_workflow_execution(StartRequest('w', 'type', '1'))"

OWNER = """
import sys, time
from simpleflow import Workflow, activity
from simpleflow.local import Executor

@activity.with_attributes(name="nap", heartbeat_timeout=20)
def nap(seconds):
    time.sleep(seconds)

class W(Workflow):
    name = "w"
    def run(self, kind):
        if kind == "signal":
            return self.submit(self.wait_signal("go")).result
        if kind != "stream":
            return self.submit(nap, 60).result
        waiting = self.submit(self.wait_signal("go"))
        for index in range(2_000):
            self.submit(nap, 0.005).result
            if waiting.finished:
                return index

def report(run, events):
    for event in events:
        print(event.type, time.time(), flush=True)

try:
    Executor(W, state=sys.argv[1], nb_workers=int(sys.argv[3]) or None, observer=report).run([sys.argv[2]])
except Exception as error:
    print(type(error).__name__, time.time(), flush=True)
"""


def wait_for(process: Other, word: str) -> float:
    """Wait for a line that begins with that word; returns the time that the line gives."""
    while line := process.answer():
        if line.split()[0] == word:
            return float(line.split()[1])
    raise AssertionError(f"the process ended without {word}")


@pytest.mark.parametrize(
    ("kind", "workers", "seen"),
    [
        ("signal", 0, "WorkflowExecutionSignaled"),
        ("signal", 2, "WorkflowExecutionSignaled"),
        ("stream", 0, "WorkflowExecutionSignaled"),
        ("stream", 2, "WorkflowExecutionSignaled"),
        ("cancel", 2, "WorkflowExecutionCancelRequested"),
        ("terminate", 2, "WorkflowExecutionTerminated"),
    ],
)
def test_messages_are_noticed_at_once(tmp_path: Path, kind: str, workers: int, seen: str) -> None:
    engine = SqliteEngine(tmp_path)
    with script(OWNER, str(tmp_path), kind, str(workers)) as owner:
        wait_for(owner, "DecisionTaskCompleted")
        time.sleep(0.1)
        with pytest.raises(RunBusy, match=f"process {owner.process.pid} drives it"):
            engine.adopt("w")
        sent = time.time()
        if kind == "cancel":
            engine.request_cancel_workflow_execution("w")
        elif kind == "terminate":
            engine.terminate_workflow_execution("w", reason="enough")
        else:
            engine.signal_workflow_execution("w", "go", "1")
        taken = wait_for(owner, seen) - sent
        assert taken < 1
        print(f"{kind} with {workers} workers: noticed after {taken:.3f} s")
        owner.process.wait(5)
        assert time.time() - sent < 3
    ended = {"cancel": "canceled", "terminate": "terminated"}
    assert engine.describe("w").status == ended.get(kind, "completed")
    with pytest.raises(UnknownResource):
        engine.signal_workflow_execution("w", "go")
    engine.close()


def test_messages_to_a_dead_run_wait_until_it_is_resumed(tmp_path: Path) -> None:
    with other(tmp_path) as owner:
        owner.ask(START)
        owner.kill()
    engine = SqliteEngine(tmp_path)
    assert engine.describe("w").alive is False
    engine.signal_workflow_execution("w", "first", "1")
    engine.request_cancel_workflow_execution("w")
    engine.close()
    engine = SqliteEngine(tmp_path)
    engine.adopt("w")
    engine.receive_messages()
    types = [event.type for event in engine.history("w")]
    assert types[2:] == ["WorkflowExecutionSignaled", "WorkflowExecutionCancelRequested"]
    engine.receive_messages()
    assert len(engine.history("w")) == 4
    engine.close()


def test_a_dead_run_is_terminated_at_once_with_its_children(tmp_path: Path) -> None:
    with other(tmp_path, "from simpleflow.testing.subject import child") as owner:
        owner.ask(START)
        answer = "engine.respond_decision_task_completed(engine.poll_for_decision_task().token, [child()])"
        assert owner.ask(answer) == "None"
        owner.kill()
    engine = SqliteEngine(tmp_path)
    with pytest.raises(UnknownResource):
        engine.terminate_workflow_execution("w", "another run")
    assert engine.describe("w").status == "open"
    engine.terminate_workflow_execution("w", reason="enough")
    assert {each.workflow_id: each.status for each in engine.list_runs()} == {"w": "terminated", "child": "terminated"}
    engine.close()


def test_a_dead_child_is_terminated_and_its_parent_may_be_resumed(tmp_path: Path) -> None:
    first = SqliteEngine(tmp_path)
    first.start_workflow_execution(REQUEST)
    task = first.poll_for_decision_task()
    assert task is not None
    first.respond_decision_task_completed(task.token, [child()])
    first.close()
    second = SqliteEngine(tmp_path)
    second.terminate_workflow_execution("child")
    assert (second.describe("w").status, second.describe("w").alive) == ("open", False)
    assert second.poll_for_decision_task() is None, "this process does not drive it"
    third = SqliteEngine(tmp_path)
    third.adopt("w")
    assert "ChildWorkflowExecutionTerminated" in [event.type for event in third.history("w")]
    second.close()
    third.close()


def test_no_message_is_lost_when_a_run_ends(tmp_path: Path) -> None:
    """A message that was sent before the end is in the history before the end, or was refused."""
    engine = SqliteEngine(tmp_path)
    with other(tmp_path) as sender:
        engine.start_workflow_execution(REQUEST)
        task = engine.poll_for_decision_task()
        assert task is not None
        assert sender.ask("engine.signal_workflow_execution('w', 's')") == "None"
        engine.respond_decision_task_completed(task.token, [COMPLETE])
        assert [event.type for event in engine.history("w")][3:] == [
            "WorkflowExecutionSignaled",
            "DecisionTaskScheduled",
            "DecisionTaskCompleted",
            "CompleteWorkflowExecutionFailed",
        ]
        task = engine.poll_for_decision_task()
        assert task is not None
        assert sender.ask("engine.terminate_workflow_execution('w')") == "None"
        with pytest.raises(UnknownResource, match="ended from outside"):
            engine.respond_decision_task_completed(task.token, [COMPLETE])
        assert engine.describe("w").status == "terminated"
        assert sender.ask("engine.signal_workflow_execution('w', 's')").startswith("UnknownResource")
    engine.close()


def test_lists_while_another_process_writes(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path)
    writes = "def many():\n for i in range(200): engine.start_workflow_execution(StartRequest(f'w{i}', 'type', '1'))"
    with other(tmp_path, writes) as writer:
        assert writer.process.stdin is not None
        writer.process.stdin.write("many()\n")
        writer.process.stdin.flush()
        counts = [0]
        while counts[-1] < 200:
            runs = engine.list_runs()
            assert all(each.alive and each.status == "open" for each in runs)
            counts.append(len(runs))
        assert counts == sorted(counts)
        writer.kill()
    assert not any(each.alive for each in engine.list_runs())
    engine.close()


def test_only_one_of_many_processes_adopts_a_dead_run(tmp_path: Path) -> None:
    """Processes race for it, and for creating the schema. One wins; the error of the others names the winner."""
    code = """
import sys
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.exceptions import RunBusy
sys.stdin.readline()
engine = SqliteEngine(sys.argv[1])
try: print(engine.adopt("w") or "none", flush=True)
except RunBusy as error: print(error, flush=True)
sys.stdin.readline()
"""
    run_id = "none"
    for number in range(2):
        folder = tmp_path / str(number)
        if number:
            engine = SqliteEngine(folder)
            run_id = engine.start_workflow_execution(REQUEST)
            engine.close()
        command = [sys.executable, "-c", code, str(folder)]
        racers = [subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True) for _ in range(5)]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        answers = [racer.stdout.readline().strip() for racer in racers if racer.stdout is not None]
        for racer in racers:
            racer.communicate("end\n")
        if number:
            winner = racers[answers.index(run_id)]
            assert sum(f"process {winner.pid} drives it" in answer for answer in answers) == 4, answers
        else:
            assert answers == ["none"] * 5


def test_a_fork_or_a_second_engine_does_not_give_up_the_lease(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path)
    engine.start_workflow_execution(REQUEST)
    ask = "import json,sys\nfrom simpleflow.engines.sqlite.engine import SqliteEngine\n"
    ask += "print(json.dumps(SqliteEngine(sys.argv[1]).describe('w').alive))"
    command = [sys.executable, "-c", ask, str(tmp_path)]
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    again = SqliteEngine(tmp_path)
    with pytest.raises(RunBusy, match=f"process {os.getpid()} drives it"):
        again.adopt("w")
    again.close()
    assert json.loads(subprocess.check_output(command, cwd=ROOT)) is True
    engine.close()
    assert json.loads(subprocess.check_output(command, cwd=ROOT)) is False
