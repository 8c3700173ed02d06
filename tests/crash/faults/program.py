"""One run of a random workflow: ``python -m tests.crash.faults.program FOLDER WORKFLOW_ID SEED GENERATION``.

All runs of a round append to one log. Its times are those of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from simpleflow import Workflow, activity, futures, settings
from simpleflow.exceptions import SimpleflowError
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin

PREFIX = "shared/steps"
LAST = 3
"""The last generation of a round. No fault strikes it, so it does what the earlier ones have left."""

ERROR = 7
"""Exit code of a run that ended with an error of the library; its text is on standard error."""

owner = os.getpid()  # workers are forked after this module was imported


class Part(NamedTuple):
    """A step: what it does, and which steps it forces."""

    name: str
    seconds: float
    manner: str  # how it spends its time
    forces: tuple[str, ...]


class Plan(NamedTuple):
    """The workflow of a round."""

    layers: tuple[tuple[Part, ...], ...]  # the steps of a layer are submitted together
    child: int  # the layer that a child workflow does; -1: none

    @classmethod
    def of(cls, seed: int) -> Plan:
        chance = random.Random(seed)
        names = [[f"s{layer}{each}" for each in "abc"[: chance.randint(1, 3)]] for layer in range(4)]
        layers = []
        for layer, here in enumerate(names):
            below = [each for later in names[layer + 1 :] for each in later]
            layers.append(
                tuple(
                    Part(
                        name,
                        chance.choice([0.0, 0.05, 0.3, 0.8]),
                        chance.choice(["sleep", "sleep", "hold", "helper", "program", "large"]),
                        tuple(sorted(chance.sample(below, min(len(below), chance.choice([0, 0, 1, 2]))))),
                    )
                    for name in here
                )
            )
        return cls(tuple(layers), chance.choice([-1, 1, 2]))

    @property
    def parts(self) -> list[Part]:
        return [part for layer in self.layers for part in layer]

    def forced(self, seed: int, generation: int) -> list[str]:
        """The steps that the first run of a generation forces; none in the last generation."""
        chance = random.Random(f"{seed} {generation}")
        return sorted(part.name for part in self.parts if 0 < generation < LAST and chance.random() < 0.3)


def note(folder: str, word: str, step: str, **more: Any) -> None:
    """Append a line to the log, in one write."""
    facts = {"at": time.monotonic(), "word": word, "step": step, "pid": os.getpid(), "owner": owner}
    line = {**facts, "id": os.environ["FAULTS_ID"], **more}
    descriptor = os.open(f"{folder}/log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, json.dumps(line).encode() + b"\n")
    os.close(descriptor)


@activity.with_attributes(name="faults.work", raises_on_failure=True, retry=3, idempotent=False)
def work(folder: str, generation: int, name: str, seconds: float, manner: str) -> str | None:
    with open(f"{folder}/{name}.guard", "w") as guard:
        try:
            fcntl.lockf(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)  # processes that are forked do not inherit it
        except OSError:
            note(folder, "met", name, generation=generation)
        note(folder, "begin", name, generation=generation)
        if manner == "helper" and os.fork() == 0:
            time.sleep(3)
            os._exit(0)
        if manner == "program":
            subprocess.Popen(["sleep", "3"])
        if manner == "hold":
            ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
        else:
            time.sleep(seconds)
        note(folder, "end", name, generation=generation)
    return "x" * 400_000 if manner == "large" else None


class Marked(Workflow, WorkflowStepMixin):
    """Where the marks are."""

    def get_step_bucket(self) -> str:
        return os.environ.get("FAULTS_BUCKET") or super().get_step_bucket()

    def get_step_path_prefix(self) -> str:
        return PREFIX

    def layer(self, folder: str, seed: int, generation: int, number: int) -> None:
        found = [
            self.submit(
                Step(
                    part.name,
                    (work, folder, generation, part.name, part.seconds, part.manner),
                    force_steps_if_executed=list(part.forces),
                )
            )
            for part in Plan.of(seed).layers[number]
        ]
        futures.wait(*found)


class Child(Marked):
    name = "faults.child"

    def run(self, *args: Any) -> None:
        self.layer(*args)


class Main(Marked):
    name = "faults.main"

    def run(self, folder: str, seed: int, generation: int) -> None:
        plan = Plan.of(seed)
        for number in range(len(plan.layers)):
            if number == plan.child:
                self.submit(Child, folder, seed, generation, number).result
            else:
                self.layer(folder, seed, generation, number)


def main() -> None:
    folder, workflow_id, seed, generation = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    forced = Plan.of(seed).forced(seed, generation) if workflow_id == "w0" else []
    executor = Executor(
        Main,
        workflow_id=workflow_id,
        state=Path(folder) / "disk/state",
        nb_workers=2,
        force_steps=forced,
    )
    settings.describe()
    try:
        executor.run([folder, seed, generation])
    except SimpleflowError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(ERROR)


if __name__ == "__main__":
    main()
