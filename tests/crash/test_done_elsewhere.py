"""A run dies in a step, and another run does the step: the run that goes on leaves it as it is."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.step import mark
from simpleflow.step.constants import DONE_ELSEWHERE
from simpleflow.stores import open_store
from tests.worker.programs import begin, finish, lines

RUN = """
import os, signal, sys, time
from simpleflow import Workflow, activity
from simpleflow.canvas import FuncGroup, Group
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin

OWNER = os.getpid()

def reached(instant):
    if os.environ["AT"] == instant:
        time.sleep(0.3 if os.getpid() != OWNER else 0)
        os.kill(OWNER, signal.SIGKILL)
        time.sleep(60)

@activity.with_attributes(raises_on_failure=True)
def work(name):
    with open("log", "a") as log:
        log.write(f"{name}\\n")
    reached(f"during {name}")
    return f"{name} of {os.environ['WHO']}"

@activity.with_attributes(idempotent=True)
def once():
    with open("log", "a") as log:
        log.write("once\\n")

class Sub(Workflow):
    name = "sub"
    def run(self, name):
        return self.submit(work, name).result

class SubOfSteps(Workflow, WorkflowStepMixin):
    name = "sub of steps"
    def get_step_bucket(self):
        return os.environ["BUCKET"]
    def run(self, name):
        self.submit(Step("inside", (work, "inside"))).result
        step = self.submit(Step("last", (Sub, name), keep_result=True))
        return step.value

class SubOfSharedSteps(SubOfSteps):
    name = "sub of shared steps"
    def get_step_path_prefix(self):
        return "shared of subs"

WORK = {
    "activity": (work, "long"),
    "child": (Sub, "long"),
    "child of steps": (SubOfSteps, "long"),
    "child of shared steps": (SubOfSharedSteps, "long"),
    "group": FuncGroup(lambda: (Sub, "long")),
}[os.environ.get("WORK", "activity")]

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"
    def get_step_bucket(self):
        return os.environ["BUCKET"]
    def get_step_path_prefix(self):
        return "shared"
    def run(self, force=False):
        self.submit(once).result
        many = Group(*[(work, f"part{number}") for number in range(2)])
        long = Step("long", WORK, force=force, force_steps_if_executed=["later"], keep_result=True)
        for step in (Step("first", (work, "first")), long, Step("many", many), Step("later", (work, "later"))):
            future = self.submit(step)
            future.result
            value = future.value if step is long else value if step.step_name != "first" else None
        return value

def observe(run, events):
    for event in events:
        attributes = event.attributes
        reached(f"recorded {type(attributes).__name__}")
        if type(attributes).__name__ == "ActivityTaskCompleted":
            scheduled = run.history.events[attributes.scheduled_event_id - 1].attributes
            if '"long"' in scheduled.input:
                reached(f"recorded {scheduled.activity_type.name.rpartition('.')[2]}")
        elif '"long","status":"scheduled"' in (getattr(attributes, "details", None) or "").replace(" ", ""):
            reached("recorded scheduled")

input = [True] if sys.argv[2:] else []
print(Executor(Flow, workflow_id=sys.argv[1], state="state", nb_workers=2, observer=observe).run(input))
"""


def start(folder: Path, bucket: str, who: str, *force: str, at: str = "", work: str = "activity") -> str:
    settings = {"BUCKET": bucket, "SIMPLEFLOW_STEP_CLAIMS": "1", "WHO": who, "AT": at, "WORK": work}
    run = begin(RUN, who, *force, folder=folder, **settings)
    code, out, err = finish(run)
    assert code == (-signal.SIGKILL if at else 0), err
    return out.strip()


def writers(bucket: str) -> dict[str, str | None]:
    found = open_store(bucket).contents("shared")
    return {name: mark.read(name, body).workflow_id for name, body in found.items() if not name.startswith(".")}


@pytest.mark.parametrize(
    ("at", "in_s3"),
    [
        ("recorded ClaimStepTask", False),
        ("during long", False),
        ("during long", True),
        ("recorded work", False),
        ("during part0", False),
    ],
)
def test_it_is_not_done_again(tmp_path: Path, at: str, in_s3: bool, request: pytest.FixtureRequest) -> None:
    bucket = request.getfixturevalue("bucket") if in_s3 else str(tmp_path / "marks")
    start(tmp_path, bucket, "one", at=at)
    before = lines(tmp_path / "log")
    made_long = "one" if "part" in at else "other"
    assert start(tmp_path, bucket, "other") == f"long of {made_long}"
    first = writers(bucket)
    seen = len(lines(tmp_path / "log"))
    assert start(tmp_path, bucket, "one") == f"long of {made_long}"
    # A step that this run has made stale itself is forced in it.
    assert lines(tmp_path / "log")[seen:] == (["later"] if "part" in at else [])
    assert writers(bucket) == (first | {"later": "one"} if "part" in at else first)
    assert sorted(first) == ["first", "later", "long", "many"]
    assert before.count("once") == 1
    assert open_store(bucket).names(".claims/shared") == []
    assert open_store(bucket).names(".forcing/shared") == []
    engine = SqliteEngine(tmp_path / "state")
    texts = [getattr(event.attributes, "details", None) for event in engine.history("one")]
    said = [json.loads(text) for text in texts if text is not None and DONE_ELSEWHERE in text and text[0] == "{"]
    engine.close()
    if at.startswith("during"):
        [marker] = said
        assert (marker["status"], marker["stale"]) == ("completed", DONE_ELSEWHERE)


def test_it_is_done_again_if_it_is_forced(tmp_path: Path) -> None:
    bucket = str(tmp_path / "marks")
    start(tmp_path, bucket, "one", "force", at="during long")
    start(tmp_path, bucket, "other")
    seen = len(lines(tmp_path / "log"))
    assert start(tmp_path, bucket, "one", "force") == "long of one"
    assert lines(tmp_path / "log")[seen:] == ["long", "later"]


@pytest.mark.parametrize("work", ["child", "child of steps", "child of shared steps", "group"])
def test_the_children_of_its_work_end_too(tmp_path: Path, work: str) -> None:
    bucket = str(tmp_path / "marks")
    start(tmp_path, bucket, "one", at="during long", work=work)
    assert start(tmp_path, bucket, "other", work=work) == "long of other"
    first, seen = writers(bucket), len(lines(tmp_path / "log"))
    if work == "child":  # it dies again, and is evaluated from the start with what it knows then
        start(tmp_path, bucket, "one", at="recorded WorkflowExecutionSignaled", work=work)
    assert start(tmp_path, bucket, "one", work=work) == "long of other"
    assert lines(tmp_path / "log")[seen:] == []
    assert writers(bucket) == first
    left = [path for path in (tmp_path / "marks").rglob("*") if path.is_file()]
    assert [path for path in left if {".claims", ".forcing", ".revoked"} & set(path.parts)] == []
    with closing(sqlite3.connect(tmp_path / "state" / "history.sqlite")) as database:
        ended = dict(database.execute("select workflow_id, status from runs where workflow_id like 'one%'"))
    assert ended.pop("one") == "completed"
    assert ended
    assert "open" not in ended.values()
