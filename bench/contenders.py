"""The contenders, and the command with which each does a piece of work."""

from __future__ import annotations

import importlib.util
import json
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).resolve().parent / "scripts"

STEPS = "steps"
FAN_OUT = "fan-out"
CPU = "cpu"


class Work(NamedTuple):
    """A piece of work: ``number`` steps in sequence (STEPS), or one step with that many activities.

    The activities of that one step do nothing (FAN_OUT), or keep a core busy for ``seconds`` each (CPU).
    """

    kind: str  # STEPS, FAN_OUT or CPU
    number: int
    seconds: float = 0.0


@dataclass(frozen=True)
class Contender:
    """A tool, or a way of using it, that is measured."""

    name: str
    command: Callable[[Work], list[str]]
    """Returns the arguments of the process that does a piece of work in its current folder."""
    package: str | None = None
    """The package that must be installed; None if it needs none."""
    kinds: frozenset[str] = frozenset({STEPS, FAN_OUT, CPU})
    """The kinds of work that it is measured with; without any, only its start is measured."""

    aside: bool = False
    """True: it is measured at one number of steps only, and not drawn in the plot."""

    @property
    def installed(self) -> bool:
        return self.package is None or importlib.util.find_spec(self.package) is not None


def _script(name: str, *arguments: str) -> Callable[[Work], list[str]]:
    def command(work: Work) -> list[str]:
        return [sys.executable, str(SCRIPTS / name), *arguments, work.kind, str(work.number), str(work.seconds)]

    return command


def _command_line(work: Work) -> list[str]:
    name = {STEPS: "Steps", FAN_OUT: "FanOut", CPU: "Burn"}[work.kind]
    given = [work.number, work.seconds] if work.kind == CPU else [work.number]
    workers = [] if work.kind == STEPS else ["--nb-workers", "2"]
    target = f"{SCRIPTS / 'flow.py'}:{name}"
    return [*_simpleflow(), "workflow.start", "--local", *workers, "--input", json.dumps(given), target]


def _simpleflow() -> list[str]:
    script = Path(sysconfig.get_path("scripts"), "simpleflow")
    return [str(script)] if script.exists() else [sys.executable, "-m", "simpleflow"]


_ALONE = frozenset({STEPS, FAN_OUT})  # without worker processes, it cannot use two cores

PYTHON = Contender("python -c pass", lambda work: [sys.executable, "-c", "pass"], kinds=frozenset(), aside=True)
PLAIN = Contender("plain script", _script("plain.py", "nosync"))
SYNCED = Contender("plain script + fsync", _script("plain.py", "fsync"), aside=True)
SIMPLEFLOW = Contender("simpleflow", _command_line)
DOIT = Contender("doit", _script("doit_steps.py", "process"), "doit")
DOIT_THREADS = Contender(
    "doit, threads", _script("doit_steps.py", "thread"), "doit", kinds=frozenset({FAN_OUT}), aside=True
)
DBOS = Contender("DBOS", _script("dbos_steps.py", "tuned"), "dbos")
DBOS_BY_DEFAULT = Contender(
    "DBOS, by default", _script("dbos_steps.py", "default"), "dbos", kinds=frozenset({STEPS}), aside=True
)

CONTENDERS = (
    PYTHON,
    PLAIN,
    SYNCED,
    SIMPLEFLOW,
    Contender("Executor, in memory", _script("executor.py", "memory"), kinds=_ALONE, aside=True),
    Contender("Executor, state", _script("executor.py", "state"), kinds=_ALONE, aside=True),
    Contender("Executor, state, 2 workers", _script("executor.py", "workers"), aside=True),
    Contender("joblib", _script("joblib_steps.py"), "joblib"),
    DOIT,
    DOIT_THREADS,
    Contender("Luigi", _script("luigi_steps.py"), "luigi"),
    DBOS,
    DBOS_BY_DEFAULT,
)
