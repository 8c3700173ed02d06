"""The commands about runs and steps while marks are in a bucket of a real S3 server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow.stores.s3_client import client
from tests.cli.conftest import WORKFLOWS, Done, Folder
from tests.servers import S3Server

FLOW = """
from flow import *

@activity.with_attributes(raises_on_failure=True)
def load(name):
    print(f"loading {name}", flush=True)
    time.sleep(0.2)
    return name

@activity.with_attributes(raises_on_failure=True)
def check(day):
    print(f"checking {day}", flush=True)
    if day == "sun":
        raise ValueError(f"no rows for {day}")
    return day

class Nightly(Workflow, WorkflowStepMixin):
    name = "nightly"

    def run(self, day="mon"):
        futures.wait(
            self.submit(self.step("load.users", (load, "users"), keep_result=True)),
            self.submit(self.step("load.items", (load, "items"))),
        )
        self.submit(self.step("check", (check, day))).result
        self.submit(self.step("report", (load, "report"))).result
        return day
"""


class Remote(Folder):
    """A folder whose commands keep marks in a bucket. Fixtures of other tests take settings out of the environment."""

    environment: dict[str, str]
    first: Done  # the run that has failed
    second: Done  # the one that has gone on

    def run(self, *args: str, stdin: str = "", **environment: str) -> Done:
        return super().run(*args, stdin=stdin, **self.environment, **environment)


@pytest.fixture(scope="module")
def flow(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Remote:
    """A folder in which one run has failed and the next one has gone on; the marks are in a bucket."""
    found = Remote(tmp_path_factory.mktemp("s3"))
    found.environment = {
        **s3_server.environment,
        "SIMPLEFLOW_S3_HOST": s3_server.endpoint,
        "STEP_BUCKET": "commands",
    }
    (found.path / "flow.py").write_text((WORKFLOWS / "flow.py").read_text())
    (found.path / "nightly.py").write_text(FLOW)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment.items():
            patch.setenv(name, value)
        client(s3_server.endpoint, None).create_bucket(Bucket="commands")
    found.first = found.start("nightly.Nightly", "-p", "day=sun")
    found.second = found.start("nightly.Nightly", "-p", "day=tue")
    return found


def objects(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    found = json.loads(done.out)
    return found if isinstance(found, list) else [found]


def test_a_run_that_failed_says_what_next_and_the_next_one_goes_on(flow: Remote) -> None:
    first, second = flow.first, flow.second
    assert (first.code, second.code) == (1, 0), first.err + second.err
    assert "ValueError: no rows for sun (nightly.py:" in first.err
    assert "not reached: report" in first.err
    assert "to go on, skipping 2 steps: simpleflow workflow.start" in first.err
    assert "4 steps: 2 ran, 2 skipped, 0 failed" in second.err
    assert "time saved by skipping: 0." in second.err or "time saved" not in second.err  # less than half a second


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["workflow.list", "--json"], [{"status": "completed"}, {"status": "failed", "failed": ["check"]}]),
        (
            ["workflow.steps", "--json"],
            [
                {"step": "load.items", "state": "skipped", "seconds": None},
                {"step": "load.users", "state": "skipped"},
                {"step": "check", "state": "completed", "tries": 1},
                {"step": "report", "state": "completed"},
            ],
        ),
        (
            ["step.list", "nightly.Nightly", "--json"],
            [{"step": each} for each in ("check", "load.items", "load.users", "report")],
        ),
        (
            ["step.plan", "nightly.Nightly", "--json"],
            [{"step": each, "verdict": "skip"} for each in ("load.users", "load.items", "check", "report")],
        ),
        (
            ["step.plan", "nightly.Nightly", "--json", "--until", "check", "--force", "load"],
            [
                *({"step": each, "verdict": "run"} for each in ("load.users", "load.items")),
                {"step": "check", "verdict": "skip"},
                {"step": "report", "verdict": "not run"},
            ],
        ),
        (["workflow.info", "nightly", "--json"], [{"status": "completed", "activities": 2}]),
        (["task.info", "nightly", "check", "--json"], [{"state": "completed", "step": "check"}]),
        (["workflow.prune", "--keep", "5", "--dry-run", "--json"], []),
        (["workflow.prune", "--keep", "1", "--dry-run", "--json"], [{"status": "failed"}]),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) and value and isinstance(value[0], str) else "",
)
def test_commands_that_look(flow: Remote, command: list[str], expected: list[dict[str, Any]]) -> None:
    found = objects(flow.run(*command))
    if expected and "step" in expected[0]:  # two steps of the run begin at the same time
        found.sort(key=lambda row: str(row["step"]))
        expected = sorted(expected, key=lambda row: str(row["step"]))
    assert [{key: row[key] for key in wanted} for row, wanted in zip(found, expected, strict=True)] == expected


def test_a_skipped_step_names_the_run_that_has_done_it(flow: Remote) -> None:
    latest, failed = objects(flow.run("workflow.list", "--json"))
    steps = {row["step"]: row["made_by"] for row in objects(flow.run("workflow.steps", "--json"))}
    assert steps == {
        **dict.fromkeys(("load.users", "load.items"), failed["run_id"]),
        **dict.fromkeys(("check", "report"), latest["run_id"]),
    }


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["task.logs", "nightly", "check"], "checking tue\n"),
        (["workflow.logs", "--step", "check"], "check: checking tue\n"),
        (["workflow.logs", "nightly", "--step", "report"], "report: loading report\n"),
    ],
)
def test_output_is_in_the_state_folder(flow: Remote, command: list[str], expected: str) -> None:
    assert flow.run(*command).out.replace(" | ", ": ") == expected


def test_names_parameters_and_hooks(flow: Remote) -> None:
    done = flow.start("nightly.Nightly", "--only", "chekc,check", "--on-success", "cat > told")
    assert done.code == 0, done.err
    assert "--only 'chekc': the workflow has no step of that name (did you mean 'check'?)" in done.err
    assert json.loads((flow.path / "told").read_text())["steps"] == {"ran": 1, "skipped": 3, "failed": 0}
    wrong = flow.start("nightly.Nightly", "-p", "dya=mon")
    assert (wrong.code, "did you mean 'day'?" in wrong.err) == (2, True), wrong.err


def test_marks_are_forgotten_and_set_and_prune_leaves_them(flow: Remote) -> None:
    assert flow.run("step.forget", "nightly.Nightly", "report").code == 0
    assert "report" not in {row["step"] for row in objects(flow.run("step.list", "nightly.Nightly", "--json"))}
    assert flow.run("step.mark", "nightly.Nightly", "report").code == 0
    assert flow.run("workflow.prune", "--keep", "1").code == 0
    assert len(objects(flow.run("workflow.list", "--json"))) == 1
    assert len(objects(flow.run("step.list", "nightly.Nightly", "--json"))) == 4
