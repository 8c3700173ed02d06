"""Overlapping runs that share their marks never run a step at the same time, and run each step once."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.step import claims
from simpleflow.step.constants import REVOKED
from simpleflow.step.tasks import ClaimStepTask
from simpleflow.stores import open_store
from tests import nursery
from tests.pauses import wait_for
from tests.servers import S3Server
from tests.step import exclusive
from tests.step.bench import Bench
from tests.step.bench import note as note_in_memory
from tests.step.exclusive import Continued, Failing, Holding, Parent

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begins a run in its own process."""
    started: list[subprocess.Popen[str]] = []

    def start(kind: str, *arguments: Any, state: str | None = None, **environment: str) -> subprocess.Popen[str]:
        folder = str(tmp_path / f"state{len(started)}") if state is None else state
        words = [sys.executable, "-m", exclusive.__name__, kind, folder, *map(json.dumps, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = nursery.begin(words, nursery.ROOT, {**os.environ, **environment}, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def marks(tmp_path: Path) -> str:
    return str(tmp_path / "marks")


def end(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    return json.loads(out), err


def log(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def claims_of(bucket: str, path: str = "shared/steps") -> list[str]:
    return open_store(bucket).names(f".claims/{path}")


@pytest.mark.parametrize("at_once", [False, True])
def test_two_processes_race_for_200_steps_and_each_runs_once(
    begin: Begin, marks: str, tmp_path: Path, at_once: bool
) -> None:
    both = [begin("Race", marks, str(tmp_path), who, 200, at_once) for who in "ab"]
    found = [end(each)[0] for each in both]
    assert sorted(line.split()[0] for line in log(tmp_path)) == sorted(f"s{n}" for n in range(200))
    assert sum(ran for ran, _ in found) == 200
    assert claims_of(marks) == []


def test_a_race_on_s3(begin: Begin, s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    environment = {**s3_server.environment, "SIMPLEFLOW_STEP_CLAIMS": "1"}
    both = [begin("Race", bucket, str(tmp_path), who, 20, True, **environment) for who in "ab"]
    found = [end(each)[0] for each in both]
    assert sorted(line.split()[0] for line in log(tmp_path)) == sorted(f"s{n}" for n in range(20))
    assert sum(ran for ran, _ in found) == 20
    assert claims_of(bucket) == []


def test_where_no_process_is_known_a_waiting_run_says_until_when(bucket: str) -> None:
    store, other = open_store(bucket), claims.Owner("other", "run-7")
    before = time.time()
    assert claims.claim(store, "shared/steps", "held", other, 300, False) is None
    answer = ClaimStepTask(bucket, "shared/steps", "held", ["me", "run-8"], 60).execute()
    found = re.fullmatch(r"workflow other, run run-7 \(until (.*) UTC at the latest\)", answer["held"])
    assert found is not None
    until = datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp()
    assert before + 299 <= until <= time.time() + 300
    assert claims.Holder("", "", 0, 1e300, "").text.endswith("(until 9999-12-31 23:59:59 UTC at the latest)")


def test_a_waiting_run_says_for_whom_and_skips_the_step_that_was_run(begin: Begin, marks: str, tmp_path: Path) -> None:
    first = begin("Holding", marks, str(tmp_path), "first")
    wait_for(lambda: log(tmp_path))

    def observe(run: Any, events: Any) -> None:
        if any(getattr(event.attributes, "marker_name", None) for event in events):
            (tmp_path / "go").touch()

    second = Executor(Holding, observer=observe)
    assert second.run([marks, str(tmp_path), "second"]) is False
    assert end(first) == (True, "")
    waiting, skipped = [marker.details for marker in second.list_markers(all=True)]
    assert (waiting["status"], skipped["status"]) == ("waiting", "skipped")
    said = waiting["waits_for"]
    assert re.fullmatch(rf"workflow Holding-{first.pid}, run \S+ \(process {first.pid} on \S+\)", said)
    assert log(tmp_path) == ["held first"]


def test_a_forced_step_runs_after_the_other_run_has_run_it(begin: Begin, marks: str, tmp_path: Path) -> None:
    first = begin("Holding", marks, str(tmp_path), "first")
    wait_for(lambda: log(tmp_path))
    second = begin("Holding", marks, str(tmp_path), "second", True)
    time.sleep(0.5)
    assert log(tmp_path) == ["held first"]
    (tmp_path / "go").touch()
    assert end(first)[0] is True
    assert end(second)[0] is True
    assert log(tmp_path) == ["held first", "held second"]


def test_a_dead_run_holds_nothing(begin: Begin, marks: str, tmp_path: Path) -> None:
    first = begin("Holding", marks, str(tmp_path), "first")
    wait_for(lambda: log(tmp_path))
    assert claims_of(marks)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (tmp_path / "go").touch()
    assert end(begin("Holding", marks, str(tmp_path), "second")) == (True, "")
    assert log(tmp_path) == ["held first", "held second"]
    assert claims_of(marks) == []


def test_a_run_that_goes_on_waits_for_another_run_of_its_step(begin: Begin, marks: str, tmp_path: Path) -> None:
    state = tmp_path / "state"
    arguments = [marks, str(tmp_path), "first"]
    first = begin("Holding", *arguments, state=str(state))
    wait_for(lambda: log(tmp_path))
    first.kill()
    first.wait()
    second = begin("Holding", marks, str(tmp_path), "second")
    wait_for(lambda: len(log(tmp_path)) == 2)
    told: list[str] = []

    def wait(text: str) -> None:
        told.append(text)
        (tmp_path / "go").touch()

    resumed = Executor(Holding, state=state, workflow_id=f"Holding-{first.pid}", on_wait=wait)
    assert resumed.run(arguments) is True
    assert end(second)[0] is True
    expected = rf"step held is run by workflow Holding-{second.pid}, run \S+ \(process {second.pid} on \S+\); "
    assert len(told) == 1
    assert re.match(expected, told[0])
    assert log(tmp_path) == ["held first", "held second"]
    assert claims_of(marks) == []


def test_a_run_that_fails_at_once_holds_nothing(marks: str) -> None:
    with pytest.raises(TaskFailed, match="as expected"):
        Executor(Failing).run([marks])
    assert claims_of(marks) == []


def test_runs_of_one_workflow_id_claim_all_their_steps_at_once(begin: Begin, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STATE", str(tmp_path / "state"))
    executor = Executor(Continued, workflow_id="one", state=tmp_path / "state")
    assert executor.run([str(tmp_path), 2]) is True
    names = {
        event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")
        for event in executor.history
    }
    assert not any("Claim" in (name or "") for name in names)
    assert claims_of(f"state://{tmp_path / 'state'}", "one/steps") == []


def test_the_children_of_a_run_claim_in_its_name(tmp_path: Path) -> None:
    assert Executor(Parent, state=tmp_path / "state").run([str(tmp_path)]) == [True, True]
    assert Executor(Parent, state=tmp_path / "state").run([str(tmp_path)]) == [False, False]
    assert claims_of(f"state://{tmp_path / 'state'}", "parent/steps") == []


def test_a_step_that_another_run_made_stale_meanwhile_is_not_marked(begin: Begin, marks: str, tmp_path: Path) -> None:
    """``next`` runs here while the other run begins ``held``, which forces ``next``."""
    open_store(marks).put("shared/steps", "next", b"{}")

    class Next(exclusive.Shared):
        name = "next"
        bucket = marks

        def run(self) -> Any:
            return self.submit(self.step("next", (exclusive.hold, str(tmp_path / "here"), "next", "me"), True)).result

    here = tmp_path / "here"
    here.mkdir()
    other: list[subprocess.Popen[str]] = []

    def interfere() -> None:
        wait_for(lambda: log(here))
        other.append(begin("Holding", marks, str(tmp_path), "other"))
        wait_for(lambda: log(tmp_path))
        (here / "go").touch()

    (thread := threading.Thread(target=interfere)).start()
    executor = Executor(Next)
    executor.run()
    thread.join()
    (tmp_path / "go").touch()
    assert end(other[0])[0] is True
    last = executor.list_markers(all=True)[-1].details
    assert (last["status"], last["stale"]) == ("completed", REVOKED)
    assert open_store(marks).names("shared/steps") == ["held"]


@pytest.mark.parametrize(("setting", "claimed"), [("1", True), ("0", False), ("", False)])
def test_the_setting(bench: Bench, monkeypatch: Any, setting: str, claimed: bool) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", setting)
    bench.run(lambda workflow: workflow.submit(workflow.step("a", (note_in_memory, "a"))).ran)
    assert ("ClaimStepTask" in bench.activities()) is claimed
