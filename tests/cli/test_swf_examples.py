"""Every example on the local SWF server with done marks on an S3 server, and a run in which replies get lost."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.steering import history_check
from tests.cli.conftest import WORKFLOWS, Done
from tests.cli.swf import DOMAIN, Commands, server
from tests.examples.conftest import EXAMPLES, library
from tests.examples.test_command_line import NUMBERED
from tests.examples.test_examples import EXPECTED
from tests.swf.served import pointed_at
from tests.worker import programs

OPTIONS: dict[str, list[str]] = {
    "activity_class:ActivityClass": ["--tags", "shop"],
    "middlewares:Middlewares": [
        *("--middleware-pre-execution", "middlewares.before"),
        *("--middleware-post-execution", "middlewares.after"),
    ],
    "priorities_and_tags:Priorities": ["--tags", "shop", "-W", "1"],
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("server"), "--poll-seconds", "1") as found:
        yield found


@pytest.fixture
def swf(url: str, tmp_path: Path) -> Iterator[Commands]:
    found = Commands(tmp_path, url)
    yield found
    found.close()


def run(swf: Commands, target: str, *options: str, **environment: str) -> Done:
    module, _, name = target.partition(":")
    return swf.run(
        "standalone", "-W", "2", *options, f"{EXAMPLES / module}.py:{name}", LOG_LEVEL="ERROR", **environment
    )


@pytest.mark.parametrize("target", sorted(EXPECTED))
def test_example(swf: Commands, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result, printed, _ = EXPECTED[target]
    # On Amazon SWF a worker does not learn the tags of the execution that its task belongs to.
    result = json.loads(json.dumps(result).replace("tags: ['shop']", "tags: []"))
    done = run(swf, target, *OPTIONS.get(target, ()))
    assert done.code == 0, done.err
    assert json.loads(done.out) == result
    lines = done.err.splitlines()
    assert [line for line in printed if line not in lines] == []
    module, _, name = target.partition(":")
    started = re.search(r"workflow (\S+): started, run ", done.err)
    assert started is not None
    monkeypatch.syspath_prepend(EXAMPLES)
    with pointed_at(swf.url):
        recording = SwfEngine(DOMAIN).history(started[1])
    checked = history_check.check(getattr(importlib.import_module(module), name), recording, started[1])
    assert checked.difference is None, "the code decides on the recording as it has decided"
    assert checked.decisions > 0


@pytest.mark.parametrize("target", ["basic_step:AWorkflow", "step:CustomizedStepWorkflow"])
def test_steps_run_and_are_skipped_next_time(swf: Commands, target: str, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    counts = []
    for _ in range(2):
        done = run(swf, target, "--display-status", SIMPLEFLOW_S3_HOST=host, STEP_BUCKET=marks)
        counts.append(steps(done))
    assert counts == ([[1, 0, 0], [0, 1, 0]] if "basic" in target else [[4, 1, 0], [0, 5, 0]])


def steps(done: Done) -> list[int]:
    """Return how many steps ran, were skipped and failed."""
    assert done.code == 0, done.err
    match = NUMBERED.search(done.err.replace("1 step:", "1 steps:"))
    assert match is not None, done.err
    return [int(match[key]) for key in ("ran", "skipped", "failed")]


def test_census(swf: Commands, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    given = {"kwargs": {"source": str(library(swf.path / "library")), "out": str(swf.path / "out")}}
    counts = []
    for _ in range(2):
        done = run(swf, "census:Census", "-i", json.dumps(given), SIMPLEFLOW_S3_HOST=host, STEP_BUCKET=marks)
        counts.append(steps(done))
    count = counts[0][0]
    assert count >= 5
    assert counts == [[count, 0, 0], [0, count, 0]]
    assert "A census of" in (swf.path / "out" / "report.txt").read_text()


def test_steering(swf: Commands, bucket: str) -> None:
    host, _, marks = bucket.rpartition("/")
    at = {"SIMPLEFLOW_S3_HOST": host, "STEP_BUCKET": marks}
    done, asked = ["Step was already played"], ["Requested at start"]
    for options, total, why in (
        ([], "42.00 EUR", [["Dep of orders"], ["Dep of total"]]),
        ([], "42.00 EUR", [done, done]),
        (["-i", '["USD"]'], "52.50 USD", [["Inputs changed"], ["Dep of total"]]),
        (["-i", '["USD"]', "--force", "report", "--skip", "*"], "52.50 USD", [asked, asked]),
    ):
        assert json.loads(run(swf, "steering:Shop", *options, **at).out) == {"total": total, "why": why}


def test_every_example_is_tested() -> None:
    """``demo.py`` and ``demo_cluster.py`` hold no workflow; they run the one of ``census.py``."""
    others = {"basic_step", "step", "fail", "retries", "census", "steering", "demo", "demo_cluster"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {name.partition(":")[0] for name in EXPECTED} | others


def test_fail(swf: Commands) -> None:
    done = run(swf, "fail:Failing")
    assert (done.code, done.out) == (1, "")
    assert "too few rows" in done.err


def test_time_out(swf: Commands) -> None:
    done = run(swf, "retries:Retries")
    found = json.loads(done.out)
    assert found["flaky"] == "it took 3 tries"
    assert found["slow"].startswith("time-out START_TO_CLOSE after 1 s: queued for ")
    assert found["slow"].endswith("; start_to_close_timeout of the activity changes the limit")


@pytest.mark.timeout(120)
def test_two_deciders_and_eight_workers_while_replies_get_lost(tmp_path: Path) -> None:
    shutil.copy(WORKFLOWS / "remote.py", tmp_path)
    chaos = "shuffle,drop=0.05,throttle=0.02,refuse=0.1,page=100,seed=7"
    with server(tmp_path, "--chaos", chaos, "--poll-seconds", "5") as url:
        swf = Commands(tmp_path, url)
        try:
            # Short time-outs, because a task whose reply got lost is offered again after its time-out.
            found = swf.start("remote.Wide", "-i", "[100]", "--decision-tasks-timeout", "5")
            quiet = {"LOG_LEVEL": "WARNING", "ACTIVITY_DEFAULT_TIMEOUT": "10"}
            crew = [
                swf.begin("decider.start", "-N", "2", "remote.Wide", **quiet),
                swf.begin("worker.start", "-N", "8", **quiet),
            ]
            end = swf.wait_for_end(*found, seconds=80)
            assert end["workflowExecutionCompletedEventAttributes"]["result"] == "4950"
            assert {int(line.split()[1]) for line in swf.log if line.startswith("did ")} == set(range(100))
            scheduled = [
                each["activityTaskScheduledEventAttributes"]["activityId"]
                for each in swf.events(*found)
                if each["eventType"] == "ActivityTaskScheduled"
            ]
            assert len(set(scheduled)) == 100
            log = ""
            for each in crew:
                each.terminate()
                code, _, err = programs.finish(each, 15)
                assert code == 0, err
                log += err
            assert re.search(r"WARNING .* (poll failed|next try in)", log)  # replies did get lost
            assert "Traceback" not in log
        finally:
            swf.close()
