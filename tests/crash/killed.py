"""A workflow whose process is killed by SIGKILL at the instant that the environment variable CRASH_AT names.

``CRASH_AT`` is ``before X``, ``after X`` or ``during X``, where X is an activity and the step it works on. A middleware
or the activity itself kills the process that owns the run, so it dies in the middle of a real command.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.step import tasks
from simpleflow.step.workflow import WorkflowStepMixin

AT = "CRASH_AT"
LOG = "CRASH_LOG"
BUCKET = "CRASH_BUCKET"
OWNER = os.getpid()  # workers are forked after this module was imported


def die(instant: str) -> None:
    """Kill the process that owns the run, if ``CRASH_AT`` names this instant."""
    if os.environ.get(AT) == instant:
        os.kill(OWNER, signal.SIGKILL)
        signal.pause()  # a worker waits here until it is killed too


def hold(what: str) -> None:
    """Note that this is reached, and wait while the file ``{log}.hold {what}`` exists."""
    file = f"{os.environ[LOG]}.hold {what}"
    if os.path.exists(file):
        note(f"reached {what}")
    while os.path.exists(file):
        time.sleep(0.01)


def before(context: dict[str, Any]) -> None:
    die(f"before {_subject(context)}")


def after(context: dict[str, Any], result: Any) -> None:
    die(f"after {_subject(context)}")


def _subject(context: dict[str, Any]) -> str:
    """The name of the activity without its module, and the step or steps it works on."""
    kind = context["name"].rpartition(".")[2]
    args = context["input"]["args"]
    about = args[2:3] if kind.endswith("Task") else args[:1]
    names = [",".join(each) if isinstance(each, list) else str(each) for each in about]
    return " ".join([kind, *names])


def note(line: str) -> None:
    with open(os.environ[LOG], "a") as log:
        log.write(f"{line}\n")


@activity.with_attributes(raises_on_failure=True)
def work(name: str) -> None:
    note(f"begin {name}")
    die(f"during work {name}")
    hold(name)
    if name.startswith("fail"):
        note(f"end {name}")
        raise ValueError("as expected")
    note(f"end {name}")


@activity.with_attributes()
def gate() -> None:
    """An activity between a step and its dependents."""


class Own(Workflow, WorkflowStepMixin):
    """``clean`` forces ``report``, which forces ``mail``."""

    name = "killed"

    def get_step_bucket(self) -> str:
        return os.environ.get(BUCKET) or super().get_step_bucket()

    def run(self) -> None:
        self.run_step("load")
        self.run_step("clean", "report")
        die("after step clean")
        self.submit(gate).result
        self.run_step("report", "mail")
        self.run_step("mail")
        self.run_step("other")

    def run_step(self, name: str, *forces: str) -> None:
        futures.wait(self.submit(self.step(name, (work, name), force_steps_if_executed=forces)))


class Shared(Own):
    """Keeps its marks where other workflow ids may keep theirs: the run claims each step by itself."""

    name = "killed.shared"

    def get_step_path_prefix(self) -> str:
        return "shared/steps"


class Apart(Shared):
    """Runs some steps only; other runs that share its marks may run others."""

    name = "killed.apart"

    def run(self, names: list[str]) -> None:  # type: ignore[override]
        for name in names:
            self.run_step(name, *(["dep"] if name in ("origin", "fail") else ()))


def _die_after_writing_a_mark() -> None:
    write = tasks.MarkStepDoneTask._mark

    def write_and_die(task: tasks.MarkStepDoneTask) -> None:
        hold(f"mark {task.step_name}")
        write(task)
        die(f"between mark and look {task.step_name}")

    tasks.MarkStepDoneTask._mark = write_and_die  # type: ignore[method-assign]


if os.environ.get(AT, "").startswith("between mark and look"):
    _die_after_writing_a_mark()
