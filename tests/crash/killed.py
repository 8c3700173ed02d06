"""A workflow whose process dies by SIGKILL at exactly the instant that the environment names.

``CRASH_AT`` is ``before X``, ``after X`` or ``during X``, where X is an activity and the step that it is about: a
middleware, or the activity itself, kills the process that owns the run. So it dies where a real one may die, in the
middle of what a real command does.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.step.workflow import WorkflowStepMixin

AT = "CRASH_AT"
LOG = "CRASH_LOG"
BUCKET = "CRASH_BUCKET"
OWNER = os.getpid()  # workers are forked after this module was imported


def die(instant: str) -> None:
    """Kill the process that owns the run, if this is the instant."""
    if os.environ.get(AT) == instant:
        os.kill(OWNER, signal.SIGKILL)
        signal.pause()  # a worker waits here for its own end


def before(context: dict[str, Any]) -> None:
    die(f"before {_what(context)}")


def after(context: dict[str, Any], result: Any) -> None:
    die(f"after {_what(context)}")


def _what(context: dict[str, Any]) -> str:
    """The activity's name without its module, and the step or steps."""
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
    note(f"end {name}")


@activity.with_attributes()
def gate() -> None:
    """Something between a step and its dependents."""


class Own(Workflow, WorkflowStepMixin):
    """``clean`` forces ``report``, which forces ``mail``."""

    name = "killed"

    def get_step_bucket(self) -> str:
        return os.environ.get(BUCKET) or super().get_step_bucket()

    def run(self) -> None:
        self.play("load")
        self.play("clean", "report")
        die("after step clean")
        self.submit(gate).result
        self.play("report", "mail")
        self.play("mail")
        self.play("other")

    def play(self, name: str, *forces: str) -> None:
        futures.wait(self.submit(self.step(name, (work, name), force_steps_if_executed=forces)))


class Shared(Own):
    """Its marks are where other workflow ids may have theirs too: each step is claimed by itself."""

    name = "killed.shared"

    def get_step_path_prefix(self) -> str:
        return "shared/steps"
