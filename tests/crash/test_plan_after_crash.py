"""A run is killed between the removal of stale marks, the work and the new mark: the next plan and run are right."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simpleflow.core import events as e
from simpleflow.stores import open_store
from tests import nursery
from tests.crash import killed
from tests.crash.campaign import ROOT, read

FORCES = {"clean": "report", "report": "mail"}
STEPS = ["load", "clean", "report", "mail", "other"]
DONE, REQUESTED = ["Step was already played"], ["Requested at start"]

# The steps that run when the dead run is resumed, or when a new run starts; all other steps are skipped.
ALL, REST, LAST = ["clean", "report", "mail"], ["report", "mail"], ["mail"]

# The instant, the marks there, the steps that a resumed run runs, the steps that a new run runs.
INSTANTS = [
    # The marks are still there, and true: no step has run yet.
    ("before UnmarkStepsDoneTask clean,report", STEPS, ALL, []),
    # From here on, stale steps have no marks.
    ("after UnmarkStepsDoneTask clean,report", ["load", "mail", "other"], ALL, ALL),
    ("before work clean", ["load", "mail", "other"], ALL, ALL),
    ("during work clean", ["load", "mail", "other"], ALL, ALL),
    ("after work clean", ["load", "mail", "other"], ALL, ALL),
    # The history says that the work is done: a resumed run does not repeat it.
    ("before MarkStepDoneTask clean", ["load", "mail", "other"], REST, ALL),
    # The mark says so too: no run repeats it, though no marker says that the step is completed.
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
    # A claim removes the mark of its step; the dependents are removed later, by themselves.
    ("after ClaimStepTask clean", ["load", "report", "mail", "other"], ALL, ALL),
    ("before UnmarkStepsDoneTask clean,report", ["load", "report", "mail", "other"], ALL, ALL),
    ("before ClaimStepTask report", ["load", "clean", "mail", "other"], REST, REST),
    ("after ClaimStepTask report", ["load", "clean", "mail", "other"], REST, REST),
]
# Where the marks are in the database of the state folder, no activity writes them: they change with the markers.
IN_HISTORY = [
    ("before work clean", ["load", "mail", "other"], ALL, ALL),
    ("during work clean", ["load", "mail", "other"], ALL, ALL),
    # The history says that the work is done: a resumed run does not repeat it.
    ("after work clean", ["load", "mail", "other"], ALL, ALL),
    ("after step clean", ["load", "mail", "other"], REST, ALL),
    ("before gate", ["load", "clean", "mail", "other"], REST, REST),
    ("before work report", ["load", "clean", "other"], REST, REST),
    ("before work mail", ["load", "clean", "report", "other"], LAST, LAST),
]
Verdicts = list[list[Any]]


class RunFolder(NamedTuple):
    """A folder for the commands of a test, and the workflow they run."""

    path: Path
    workflow: str  # the name of its class
    prefix: str  # of its marks
    bucket: str  # of its marks
    workers: int  # 0: activities run in the process of the run

    @property
    def other_bucket(self) -> str:
        """The bucket, if it is named; empty for the database in the state folder."""
        return "" if self.bucket.startswith("state:") else self.bucket

    @property
    def state(self) -> Path:
        return self.path / "state"

    def command(self, name: str, *args: str, at: str = "") -> nursery.Ended:
        environment = {killed.LOG: str(self.path / "log"), killed.AT: at, killed.BUCKET: self.other_bucket}
        target = f"{killed.__name__}.{self.workflow}"
        return nursery.run(
            [*name.split(), target, "--state", str(self.state), *args], ROOT, {**os.environ, **environment}
        )

    def start(self, *args: str, at: str = "") -> int:
        middlewares = ["--middleware-pre-execution", f"{killed.__name__}.before"]
        middlewares += ["--middleware-post-execution", f"{killed.__name__}.after"]
        workers = ("--nb-workers", str(self.workers))
        done = self.command("workflow.start --local", *middlewares, *workers, *args, at=at)
        assert done.code in (0, -signal.SIGKILL), done.err
        return done.code

    def planned(self, *args: str) -> Verdicts:
        """The verdicts that ``step.plan`` prints."""
        done = self.command("step.plan", *args, "--format", "json")
        assert (done.code, done.err) == (0, "")
        keys = ("step", "verdict", "forced", "reasons", "unmarks")
        return [[each[key] for key in keys] for each in json.loads(done.out)]

    def verdicts(self) -> Verdicts:
        """The verdicts in the markers of the latest run."""
        events = max(read(self.state).values(), key=lambda events: events[0].time)
        attributes = [each.attributes for each in events]
        details = [json.loads(each.details or "") for each in attributes if isinstance(each, e.MarkerRecorded)]
        verdict = {"scheduled": "run", "skipped": "skip"}
        return [
            [
                each["step"],
                verdict[each["status"]],
                each["forced"],
                each["reasons"],
                [name for name in each.get("unmarks", []) if name != each["step"]],
            ]
            for each in details
            if each["status"] in verdict
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

    def steps_run(self, since: int) -> list[str]:
        """The steps whose work began after the first ``since`` lines of the log."""
        return [name for word, name in self.log[since:] if word == "begin"]

    def check_marks(self) -> None:
        """Each mark is true: the latest work ended well, and began after the step that forces it had ended."""
        last = {(word, name): number for number, (word, name) in enumerate(self.log)}
        for name in self.marks:
            assert last["end", name] > last["begin", name], f"{name} is marked, but its work did not end"
        for origin, name in FORCES.items():
            touched = max(last["begin", origin], last["end", origin])
            assert name not in self.marks or last["begin", name] > touched, f"{name} is marked, but stale"


def check_planned_and_run(folder: RunFolder, *args: str) -> list[str]:
    """Start a new run: it does exactly what the plan says. Returns the steps that ran."""
    marked, seen = folder.marks, len(folder.log)
    planned = folder.planned(*args)
    assert folder.marks == marked
    assert folder.start(*args) == 0
    assert folder.verdicts() == planned
    ran = folder.steps_run(seen)
    assert ran == [step for step, verdict, *_ in planned if verdict == "run"]
    for step, verdict, _, reasons, _ in planned:
        assert step in marked or verdict == "run" or reasons == REQUESTED
        assert step in marked or reasons != DONE
    folder.check_marks()
    return ran


def crash(folder: RunFolder, instant: str, marks: list[str]) -> int:
    """Start a run that is killed at this instant. Returns the number of lines that the log has then."""
    assert folder.start("--force", "clean", at=instant) == -signal.SIGKILL
    assert folder.marks == sorted(marks)
    folder.check_marks()
    return len(folder.log)


def resume(folder: RunFolder, expected: list[str]) -> None:
    """Resume the run that died: these steps run, and the next run has none to run."""
    seen = len(folder.log)
    assert folder.start("--force", "clean") == 0
    assert folder.steps_run(seen) == expected
    assert [step for step, *_ in folder.verdicts()] == STEPS
    assert folder.marks == sorted(STEPS)
    folder.check_marks()
    assert folder.claims == []
    assert check_planned_and_run(folder) == []


def make(path: Path, workflow: str, workers: int, bucket: str = "") -> RunFolder:
    """A new folder in which every step has run once."""
    path.mkdir()
    prefix = "killed/steps" if workflow == "Own" else "shared/steps"
    folder = RunFolder(path, workflow, prefix, bucket or f"state://{path / 'state'}", workers)
    assert folder.start() == 0
    assert folder.steps_run(0) == STEPS
    return folder


@pytest.mark.parametrize(
    ("workflow", "workers", "instant", "marks", "resumed", "new"),
    [
        *(("Own", 2, *each) for each in IN_HISTORY),
        *(("Shared", 0, *each) for each in [*INSTANTS[1:], *CLAIMED]),
    ],
)
def test_after_a_crash_with_marks_in_the_state_folder(
    tmp_path: Path, workflow: str, workers: int, instant: str, marks: list[str], resumed: list[str], new: list[str]
) -> None:
    check_after_a_crash(make(tmp_path / "folder", workflow, workers), instant, marks, resumed, new)


@pytest.mark.parametrize(("instant", "marks", "resumed", "new"), [*INSTANTS[1::3], *CLAIMED[::2]])
def test_after_a_crash_with_marks_in_a_folder(
    tmp_path: Path, instant: str, marks: list[str], resumed: list[str], new: list[str]
) -> None:
    folder = make(tmp_path / "folder", "Shared", 0, str(tmp_path / "folder" / "marks"))
    check_after_a_crash(folder, instant, marks, resumed, new)


def check_after_a_crash(folder: RunFolder, instant: str, marks: list[str], resumed: list[str], new: list[str]) -> None:
    copy = folder.path.with_name("copy")
    seen = crash(folder, instant, marks)
    shutil.copytree(folder.path, copy)
    resume(folder, resumed)
    shutil.rmtree(folder.path)
    shutil.move(copy, folder.path)
    assert len(folder.log) == seen
    assert check_planned_and_run(folder) == new
    assert folder.marks == sorted(STEPS)
    # No history tells of the claim of the dead process; the next run of the step removes it.
    assert check_planned_and_run(folder, "--force", "*") == STEPS
    assert folder.claims == []


# Here workers read and write the marks; the process that owns the run is killed all the same.
@pytest.mark.parametrize("number", [1, 3, 6, 10])
def test_after_a_crash_with_marks_in_a_bucket(tmp_path: Path, bucket: str, number: int) -> None:
    instant, marks, resumed, new = INSTANTS[number]
    for path, expected in (("one", resumed), ("other", new)):
        folder = make(tmp_path / path, "Own", 2, bucket)
        crash(folder, instant, marks)
        if path == "one":
            resume(folder, expected)
        else:
            assert check_planned_and_run(folder) == expected
            assert folder.marks == sorted(STEPS)
        open_store(bucket).delete(folder.prefix, STEPS)


@pytest.mark.parametrize("workflow", ["Own", "Shared"])
def test_a_new_run_with_more_requests_than_the_dead_one(tmp_path: Path, workflow: str) -> None:
    folder = make(tmp_path / "folder", workflow, 0)
    crash(folder, "during work clean", ["load", "mail", "other"])
    assert check_planned_and_run(folder, "--force", "mail", "--skip", "clean,report") == ["mail"]
    assert check_planned_and_run(folder) == ["clean", "report", "mail"]
