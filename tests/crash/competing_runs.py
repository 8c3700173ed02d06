"""A workflow that runs in several processes at once, with shared marks, and logs what its steps do.

``python -m tests.crash.competing_runs FOLDER ID NUMBER WORKERS UNTIL FUSE`` runs the inputs NUMBER, NUMBER + 1, ...
as workflow id ID until the time UNTIL (seconds since 1970), and kills itself after FUSE lines of log; 0 means never.
All processes append to one log file, so the number of a line serves as the time of what it says.
"""

from __future__ import annotations

import faulthandler
import fcntl
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from tests.processes import alive

PREFIX = "competing/steps"
LONGEST_RUN = 120
"""Seconds after which a run counts as hanging."""

NAMES = (
    *("in", "clean", "clean.users", "clean.orders", "join", "stats"),
    *("stats.day", "report", "mail", "index", "publish", "log"),
)
FORCES = {
    "in": ("clean",),
    "clean.users": ("join",),
    "clean.orders": ("join", "stats.day"),
    "join": ("report", "index"),
    "stats": ("report",),
    "report": ("mail",),
    "index": ("publish",),
}

owner = os.getpid()  # workers are forked after this module was imported
_folder = Path()
_fuse: Iterator[int] = itertools.repeat(1)


@dataclass(frozen=True)
class Choice:
    """What the run with a given input number does. For 0, no step is forced and none fails; for -1, all are forced.

    Both run all steps; half of the others run some.
    """

    order: tuple[str, ...] = NAMES  # of submission
    together: tuple[int, ...] = ()  # how many steps each group submits at once
    forced: tuple[str, ...] = ()  # patterns
    soft: tuple[str, ...] = ()  # steps whose activity fails, and the run goes on
    hard: tuple[str, ...] = ()  # steps whose activity fails, and fails the run
    milliseconds: int = 0  # that each step takes

    @staticmethod
    def of(number: int) -> Choice:
        if number <= 0:
            return Choice(forced=() if number == 0 else ("*",))
        chance = random.Random(number)
        order = list(NAMES)
        if chance.random() < 0.3:
            for _ in range(3):
                one, other = chance.sample(range(len(order)), 2)
                order[one], order[other] = order[other], order[one]
        if chance.random() < 0.5:  # this run knows some of the steps only
            order = [name for name in order if chance.random() < 0.4] or order[:1]
        return Choice(
            tuple(order),
            tuple(chance.choice([1, 1, 2, 4]) for _ in order),
            tuple(chance.sample(NAMES, chance.choice([0, 1, 2, 3]))),
            tuple(chance.sample(NAMES, chance.choice([0, 0, 0, 1, 2]))),
            tuple(chance.sample(NAMES, chance.choice([0, 0, 0, 1]))),
            chance.choice([1, 5, 20, 100]),
        )

    def groups(self) -> Iterable[tuple[str, ...]]:
        """The names that are submitted together, one group after the other."""
        left = self.order
        for size in itertools.chain(self.together, itertools.repeat(1)):
            if not left:
                return
            yield left[:size]
            left = left[size:]


def note(word: str, run_id: str, names: Sequence[str], **more: Any) -> None:
    """Write a line to the log; then kill the process that owns the run, if the fuse has burned down."""
    line = {"word": word, "run": run_id, "names": list(names), "pid": os.getpid(), "owner": owner, **more}
    with open(_folder / "log", "ab", buffering=0) as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.write(json.dumps(line).encode() + b"\n")
    if not next(_fuse):
        os.kill(owner, signal.SIGKILL)
        signal.pause()


def _work(context: dict[str, Any], name: str, milliseconds: int, fails: bool) -> None:
    """The work of a step: log when it begins and ends, and whether another process works on the same step."""
    run_id = context["run_id"]
    with open(_folder / f"{name}.guard", "a+") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel releases the lock when a process dies
        except BlockingIOError:
            guard.seek(0)
            other = int(guard.read() or 0)
            note("met" if alive(other) else "met orphan", run_id, [name], other=other)
            fcntl.flock(guard, fcntl.LOCK_EX)
        guard.truncate(0)
        guard.write(str(owner))
        guard.flush()
        note("begin", run_id, [name])
        time.sleep(milliseconds / 1000)
        note("failed" if fails else "end", run_id, [name])
    if fails:
        raise ValueError("as expected")


@activity.with_attributes(name="competing.soft")
def soft(name: str, milliseconds: int, fails: bool) -> None:
    _work(soft.context, name, milliseconds, fails)


@activity.with_attributes(name="competing.hard", raises_on_failure=True)
def hard(name: str, milliseconds: int, fails: bool) -> None:
    _work(hard.context, name, milliseconds, fails)


def before(context: dict[str, Any]) -> None:
    """Log which marks an activity is going to write or remove."""
    args = context["input"]["args"]
    kind = context["name"].rpartition(".")[2]
    if kind == "UnmarkStepsDoneTask":
        note("unmarking", context["run_id"], args[2], patterns=args[4] if len(args) > 4 else [])
    elif kind == "MarkStepDoneTask":
        note("marking", context["run_id"], [args[2]])


def after(context: dict[str, Any], result: Any) -> None:
    """Log which marks or claims an activity has written or removed."""
    args = context["input"]["args"]
    kind = context["name"].rpartition(".")[2]
    if kind == "ClaimStepTask":
        note(next(iter(result), "claimed"), context["run_id"], [args[2]])
    elif kind == "UnmarkStepsDoneTask":
        note("unmarked", context["run_id"], args[2], patterns=args[4] if len(args) > 4 else [])
    elif kind == "MarkStepDoneTask":
        note("marked" if result is None else "revoked", context["run_id"], [args[2]])


class CompetingRun(Workflow, WorkflowStepMixin):
    """Up to twelve steps, some of which force others; all workflow ids share their marks."""

    name = "competing"

    def get_step_bucket(self) -> str:
        return str(_folder / "marks")

    def get_step_path_prefix(self) -> str:
        return PREFIX

    def run(self, number: int) -> None:
        choice = Choice.of(number)
        self.add_forced_steps(choice.forced, "chance")
        for names in choice.groups():
            self.submit(Group(*(self.make_step(name, choice) for name in names))).result

    def make_step(self, name: str, choice: Choice) -> Any:
        fails = name in choice.soft or name in choice.hard
        work = (hard if name in choice.hard else soft, name, choice.milliseconds, fails)
        return self.step(name, work, force_steps_if_executed=FORCES.get(name, ()))


def main() -> None:
    global _folder, _fuse
    _folder, workflow_id, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    workers, until, fuse = int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
    _fuse = itertools.chain([1] * fuse, [0]) if fuse else itertools.repeat(1)
    middlewares: dict[str, list[str | Callable[..., Any]]] = {"pre": [before], "post": [after]}
    while True:
        (_folder / f"{workflow_id}.input").write_text(str(number))
        faulthandler.dump_traceback_later(LONGEST_RUN, exit=True)
        executor = Executor(
            CompetingRun,
            workflow_id=workflow_id,
            state=_folder / workflow_id,
            nb_workers=workers or None,
            middlewares=middlewares,
        )
        try:
            executor.run([number])
        except TaskFailed:
            if not Choice.of(number).hard:
                raise
        faulthandler.cancel_dump_traceback_later()
        number += 1
        if time.time() >= until:
            break


if __name__ == "__main__":
    # Workers look activities up in the module tests.crash.competing_runs, not in __main__.
    from tests.crash import competing_runs

    competing_runs.main()
