"""A run whose process was killed, stopped or interrupted continues later, and its processes are gone."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.cli.conftest import Folder
from tests.processes import alive
from tests.stamps import unstamped


def test_a_killed_run_does_not_repeat_completed_activities(folder: Folder) -> None:
    process = folder.begin("flow.Six")
    folder.wait_for(lambda: len(folder.log) >= 3)
    os.killpg(process.pid, signal.SIGKILL)
    _, err = process.communicate(timeout=20)
    err = unstamped(err)
    completed = [line.split()[1] for line in err.splitlines() if line.startswith("completed")]
    assert 0 < len(completed) < 6
    done = folder.start("flow.Six")
    assert (done.code, done.out) == (0, '"six"\n')
    assert "workflow flow.Six: its process died; going on where it was (" in done.err
    assert "6 steps: 6 ran, 0 skipped, 0 failed" in done.err
    assert sorted(set(folder.log)) == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert [folder.log.count(name) for name in completed] == [1] * len(completed)
    assert len(folder.log) <= 7  # the step that was running may have run twice


def test_a_step_that_failed_before_the_process_died_still_counts(folder: Folder) -> None:
    (folder.path / "twice.py").write_text(
        "from flow import *\n"
        "class Twice(Workflow, WorkflowStepMixin):\n    def run(self):\n"
        "        futures.wait(self.submit(self.step('load', (soft,))))\n"
        "        futures.wait(self.submit(fetch, 'second', 1.0))\n"
    )
    process = folder.begin("twice.Twice")
    assert process.stderr is not None
    while not unstamped(process.stderr.readline()).startswith("failed"):
        pass
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = folder.start("twice.Twice")
    assert done.code == 3
    assert "completed, but 1 step failed: load" in done.err


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "stopped"), (signal.SIGINT, 130, "interrupted")]
)
def test_a_signal_stops_the_workers_and_the_run_can_continue(folder: Folder, number: int, code: int, word: str) -> None:
    process = folder.begin("flow.Long")
    folder.wait_for(folder.worker_pids)
    for _ in range(2):  # ``timeout`` sends it to the command and to its process group
        process.send_signal(number)
        time.sleep(0.005)
    out, err = process.communicate(timeout=20)
    err = unstamped(err)
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == (
        f"{word}; workflow flow.Long goes on where it was when the same command is run again"
    )
    assert "Traceback" not in err
    assert not any(map(alive, folder.worker_pids()))
    assert not list((folder.path / ".simpleflow" / "owners").iterdir())
    again = folder.begin("flow.Long")
    folder.wait_for(lambda: len(folder.worker_pids()) == 2)
    assert folder.log.count("first") == 1
    again.terminate()
    _, err = again.communicate(timeout=20)
    err = unstamped(err)
    assert "its process died; going on where it was" in err


def test_a_second_signal_ends_the_process_at_once(folder: Folder) -> None:
    (folder.path / "deaf.py").write_text(
        "from flow import *\nimport signal\n"
        "@activity.with_attributes()\ndef deaf():\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    long.callable()\n"
        "class Deaf(Workflow):\n    def run(self):\n        self.submit(deaf)\n"
    )
    process = folder.begin("deaf.Deaf")
    folder.wait_for(folder.worker_pids)
    process.send_signal(signal.SIGINT)
    with pytest.raises(Exception, match="timed out"):
        process.wait(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == 130
    folder.wait_for(lambda: not any(map(alive, folder.worker_pids())))


def test_another_input_starts_a_new_run_with_a_message(folder: Folder) -> None:
    (folder.path / "input.py").write_text(
        "from flow import *\nclass W(Workflow):\n    def run(self, day):\n"
        "        return self.submit(long).result if day == 'mon' else day\n"
    )
    process = folder.begin("input.W", "-i", '"mon"')
    folder.wait_for(folder.worker_pids)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = folder.start("input.W", "-i", '"tue"')
    assert (done.code, done.out) == (0, '"tue"\n')
    assert done.err.splitlines()[0] == (
        "workflow input.W: its process died, and it had another input: that run was closed, a new one begins in "
        f"{folder.path}/.simpleflow"
    )


def test_a_fresh_run_closes_the_one_that_died_and_keeps_done_steps(folder: Folder) -> None:
    (folder.path / "fresh.py").write_text(
        "from flow import *\nclass W(Workflow, WorkflowStepMixin):\n    def run(self):\n"
        "        futures.wait(self.submit(self.step('load', (fetch, 'load'))))\n"
        "        self.submit(fetch, 'outside').result\n"
        "        return Path('go').exists() or self.submit(long).result\n"
    )
    process = folder.begin("fresh.W")
    folder.wait_for(folder.worker_pids)
    busy = folder.start("fresh.W", "--fresh")
    assert (busy.code, "has an open execution" in busy.err) == (1, True)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (folder.path / "go").touch()
    done = folder.start("fresh.W", "--fresh")
    assert (done.code, done.out) == (0, "true\n")
    first, second, *_ = done.err.splitlines()
    place = f"in {folder.path}/.simpleflow"
    assert first == f"workflow fresh.W: its process died: that run was closed, a new one begins {place}"
    assert second.split()[:2] == ["skipped", "load"]
    [replaced] = [row for row in json.loads(folder.run("workflow.list", "--json").out) if row["status"] == "terminated"]
    assert replaced["reason"] == "its process died, and it was started afresh"
    assert [line for line in folder.log if not line.startswith("pid")] == ["load", "outside", "outside"]
    runs = json.loads(folder.run("workflow.list", "--local", "--status", "closed", "--format", "json").out)
    assert len(runs) == 2
    assert folder.start("fresh.W", "--fresh").code == 0  # nothing died: as without the option


def test_a_run_that_another_process_drives_is_not_started_again(folder: Folder) -> None:
    process = folder.begin("flow.Long")
    folder.wait_for(folder.worker_pids)
    done = folder.start("flow.Long")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: workflow id 'flow.Long' has an open execution (process {process.pid} drives it); wait for it, "
        "or use another id\n"
    )
    assert process.poll() is None


def test_interrupted_while_the_workflow_is_imported(folder: Folder) -> None:
    (folder.path / "slow.py").write_text("from flow import *\nnote('importing')\ntime.sleep(30)\n")
    process = folder.begin("slow.W")
    folder.wait_for(lambda: folder.log)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "interrupted\n")
    assert process.returncode == 130


FORKING = """
import os, signal, time
from simpleflow import Workflow, activity

@activity.with_attributes(raises_on_failure=True)
def forks():
    ends = set()
    for _ in range(20):
        pid = os.fork()
        if not pid:
            time.sleep(2)
            os._exit(1)
        os.kill(pid, signal.SIGTERM)  # before it has begun
        ends.add(os.WTERMSIG(os.waitpid(pid, 0)[1]))
    return [*ends, len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))]

class Forking(Workflow):
    def run(self):
        return self.submit(forks).result
"""


def test_a_process_that_an_activity_of_this_process_forks_is_ended_by_sigterm(folder: Folder) -> None:
    (folder.path / "forking.py").write_text(FORKING)
    done = folder.run("workflow.start", "--local", "--nb-workers", "0", "forking.py:Forking")
    assert (done.code, json.loads(done.out)) == (0, [signal.SIGTERM, 0]), done.err
