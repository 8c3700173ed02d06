"""Killed between the removal of stale marks, the work and the new mark: the next plan is right, and so is the run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simpleflow.core import events as e
from simpleflow.stores import open_store
from tests.crash import killed
from tests.crash.campaign import ROOT, read
from tests.servers import program

FORCES = {"clean": "report", "report": "mail"}
STEPS = ["load", "clean", "report", "mail", "other"]
DONE, REQUESTED = ["Step was already played"], ["Requested at start"]

# What is played by who goes on with the dead run, and by a new run; the rest is skipped.
ALL, REST, LAST = ["clean", "report", "mail"], ["report", "mail"], ["mail"]

INSTANTS = [
    # The stale marks are there, and are true: nothing has happened to what they stand for.
    ("before UnmarkStepsDoneTask clean,report", STEPS, ALL, []),
    # From here on, what is stale is not done.
    ("after UnmarkStepsDoneTask clean,report", ["load", "mail", "other"], ALL, ALL),
    ("before work clean", ["load", "mail", "other"], ALL, ALL),
    ("during work clean", ["load", "mail", "other"], ALL, ALL),
    ("after work clean", ["load", "mail", "other"], ALL, ALL),
    # The history says that the work is done: who goes on does not repeat it.
    ("before MarkStepDoneTask clean", ["load", "mail", "other"], REST, ALL),
    # The mark says so too: nobody repeats it, though no marker says that the step is completed.
    ("after MarkStepDoneTask clean", ["load", "clean", "mail", "other"], REST, REST),
    ("after step clean", ["load", "clean", "mail", "other"], REST, REST),
    ("before gate", ["load", "clean", "mail", "other"], REST, REST),
    ("before UnmarkStepsDoneTask mail", ["load", "clean", "mail", "other"], REST, REST),
    ("after UnmarkStepsDoneTask mail", ["load", "clean", "other"], REST, REST),
    ("before work report", ["load", "clean", "other"], REST, REST),
    ("after MarkStepDoneTask report", ["load", "clean", "report", "other"], LAST, LAST),
]
CLAIMED = [
    ("before ClaimStepTask clean", STEPS, ALL, []),
    # The mark of what is going to be played goes with its claim; its dependents follow by themselves.
    ("after ClaimStepTask clean", ["load", "report", "mail", "other"], ALL, ALL),
    ("before UnmarkStepsDoneTask clean,report", ["load", "report", "mail", "other"], ALL, ALL),
    ("before ClaimStepTask report", ["load", "clean", "mail", "other"], REST, REST),
    ("after ClaimStepTask report", ["load", "clean", "mail", "other"], REST, REST),
]
Verdicts = list[list[Any]]


class Place(NamedTuple):
    """A folder in which commands are run, and the workflow that they are about."""

    path: Path
    workflow: str
    prefix: str
    bucket: str
    workers: int

    @property
    def other_bucket(self) -> str:
        """The bucket, where it is not the state folder's own."""
        return self.bucket if self.bucket.startswith("http") else ""

    @property
    def state(self) -> Path:
        return self.path / "state"

    def command(self, name: str, *args: str, at: str = "") -> subprocess.CompletedProcess[str]:
        environment = {killed.LOG: str(self.path / "log"), killed.AT: at, killed.BUCKET: self.other_bucket}
        target = f"{killed.__name__}.{self.workflow}"
        return subprocess.run(
            [program("simpleflow"), *name.split(), target, "--state", str(self.state), *args],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, *args: str, at: str = "") -> int:
        middlewares = ["--middleware-pre-execution", f"{killed.__name__}.before"]
        middlewares += ["--middleware-post-execution", f"{killed.__name__}.after"]
        workers = ("--nb-workers", str(self.workers))
        done = self.command("workflow.start --local", *middlewares, *workers, *args, at=at)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        return done.returncode

    def planned(self, *args: str) -> Verdicts:
        done = self.command("step.plan", *args, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        keys = ("step", "verdict", "forced", "reasons", "unmarks")
        return [[each[key] for key in keys] for each in json.loads(done.stdout)]

    def verdicts(self) -> Verdicts:
        """Those of the latest run, as its markers have them."""
        events = max(read(self.state).values(), key=lambda events: events[0].time)
        attributes = [each.attributes for each in events]
        details = [json.loads(each.details or "") for each in attributes if isinstance(each, e.MarkerRecorded)]
        said = {"scheduled": "run", "skipped": "skip"}
        return [
            [
                each["step"],
                said[each["status"]],
                each["forced"],
                each["reasons"],
                [name for name in each.get("unmarks", []) if name != each["step"]],
            ]
            for each in details
            if each["status"] in said
        ]

    @property
    def marks(self) -> list[str]:
        return open_store(self.bucket).names(self.prefix)

    @property
    def claims(self) -> list[str]:
        return open_store(self.bucket).names(".claims")

    @property
    def log(self) -> list[list[str]]:
        return [line.split() for line in (self.path / "log").read_text().splitlines()]

    def played(self, since: int) -> list[str]:
        """The steps whose work has begun since the log had so many lines."""
        return [name for word, name in self.log[since:] if word == "begin"]

    def check_marks(self) -> None:
        """Each mark is true: the latest work ended well, and began after that of the step that forces it had ended."""
        last = {(word, name): number for number, (word, name) in enumerate(self.log)}
        for name in self.marks:
            assert last["end", name] > last["begin", name], f"{name} is marked, and its work did not end"
        for origin, name in FORCES.items():
            touched = max(last["begin", origin], last["end", origin])
            assert name not in self.marks or last["begin", name] > touched, f"{name} is marked, and is stale"


def check_planned_and_run(place: Place, *args: str) -> list[str]:
    """A new run does what the plan says, and plays nothing else; returns what it played."""
    marked, seen = place.marks, len(place.log)
    planned = place.planned(*args)
    assert place.marks == marked
    assert place.start(*args) == 0
    assert place.verdicts() == planned
    played = place.played(seen)
    assert played == [step for step, verdict, *_ in planned if verdict == "run"]
    for step, verdict, _, reasons, _ in planned:
        assert step in marked or verdict == "run" or reasons == REQUESTED
        assert step in marked or reasons != DONE
    place.check_marks()
    return played


def crash(place: Place, instant: str, marks: list[str]) -> int:
    """Have a run die there; returns how many lines the log has then."""
    assert place.start("--force", "clean", at=instant) == -signal.SIGKILL
    assert place.marks == sorted(marks)
    place.check_marks()
    return len(place.log)


def go_on(place: Place, played: list[str]) -> None:
    """Go on with the run that died: it plays these, and handles nothing to do."""
    seen = len(place.log)
    assert place.start("--force", "clean") == 0
    assert place.played(seen) == played
    assert [step for step, *_ in place.verdicts()] == STEPS
    assert place.marks == sorted(STEPS)
    place.check_marks()
    assert place.claims == []
    assert check_planned_and_run(place) == []


def make(path: Path, workflow: str, workers: int, bucket: str = "") -> Place:
    """A place in which every step has been played."""
    path.mkdir()
    prefix = "killed/steps" if workflow == "Own" else "shared/steps"
    place = Place(path, workflow, prefix, bucket or str(path / "state" / "objects"), workers)
    assert place.start() == 0
    assert place.played(0) == STEPS
    return place


@pytest.mark.parametrize(
    ("workflow", "workers", "instant", "marks", "goes_on", "anew"),
    [
        *(("Own", 2, *each) for each in INSTANTS),
        *(("Shared", 0, *each) for each in [*INSTANTS[2::2], *CLAIMED]),
    ],
)
def test_in_a_folder(
    tmp_path: Path, workflow: str, workers: int, instant: str, marks: list[str], goes_on: list[str], anew: list[str]
) -> None:
    place = make(tmp_path / "place", workflow, workers)
    seen = crash(place, instant, marks)
    shutil.copytree(place.path, tmp_path / "copy")
    go_on(place, goes_on)
    shutil.rmtree(place.path)
    shutil.move(tmp_path / "copy", place.path)
    assert len(place.log) == seen
    assert check_planned_and_run(place) == anew
    assert place.marks == sorted(STEPS)
    # The claim of a dead process, of which no history tells, is removed by whoever plays the step next.
    assert check_planned_and_run(place, "--force", "*") == STEPS
    assert place.claims == []


# Workers read and write the marks there, and the process that owns the run dies all the same.
@pytest.mark.parametrize("number", [1, 3, 6, 10])
def test_in_a_bucket(tmp_path: Path, bucket: str, number: int) -> None:
    instant, marks, goes_on, anew = INSTANTS[number]
    for path, played in (("one", goes_on), ("other", anew)):
        place = make(tmp_path / path, "Own", 2, bucket)
        crash(place, instant, marks)
        if path == "one":
            go_on(place, played)
        else:
            assert check_planned_and_run(place) == played
            assert place.marks == sorted(STEPS)
        open_store(bucket).delete(place.prefix, STEPS)


@pytest.mark.parametrize("workflow", ["Own", "Shared"])
def test_a_new_run_that_is_asked_for_more(tmp_path: Path, workflow: str) -> None:
    place = make(tmp_path / "place", workflow, 0)
    crash(place, "during work clean", ["load", "mail", "other"])
    assert check_planned_and_run(place, "--force", "mail", "--skip", "clean,report") == ["mail"]
    assert check_planned_and_run(place) == ["clean", "report", "mail"]
