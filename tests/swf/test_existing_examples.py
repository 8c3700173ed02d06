"""The examples of the existing library, unchanged, in a local run and in ``standalone`` on the local server.

``make`` takes them from the last source distribution that has them, that of 0.32.2, into ``.venv-existing``. One
workflow of each module runs. With ``EXISTING_EXAMPLES=all`` all of them do, on both, for some minutes; it may also be
the name of another folder with examples, of which then all run.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simpleflow.server import Server
from tests.cli.swf import DOMAIN, Commands
from tests.worker import programs

_CHOICE = os.environ.get("EXISTING_EXAMPLES", "")
FOLDER = Path(_CHOICE) if _CHOICE not in ("", "all") else programs.ROOT / ".venv-existing" / "examples"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "basic.py").exists(),
    reason=f"the examples of the existing simpleflow are not in {FOLDER}; `make .venv-existing/.tried` puts them there",
)

LEFT_OUT = {
    "download1": "binaries are not downloaded",
    "download2": "binaries are not downloaded",
    "lambda": "there are no Lambda tasks; the existing library 0.36 has none either",
}
NO_WORKFLOWS = {"__init__", "middleware", "multiprocess_new", "multiprocess_old"}


class Given(NamedTuple):
    """What a workflow is started with, and how it ends."""

    input: Any = ()
    code: int = 0
    seconds: float = 60
    prints_failures: bool = False  # in a hook of its own, with their tracebacks


GIVEN = {
    "basic.BasicWorkflow": Given([1, 0]),
    "canvas.CanvasWorkflow": Given(code=3),  # activities fail, and no code asks for it
    "canvas.CustomCanvasWorkflow": Given(code=3),
    "complex.ComplexWorkflow": Given([1, 0]),
    "dyn_task_list.BasicWorkflow": Given({"args": [], "kwargs": {"x": 1, "task_list": "quickstart"}}),
    "dynamic_builder.BasicWorkflow": Given([1, 2]),
    "failing.FailingWorkflow": Given(code=1),
    "failing.NotFailingWorkflow": Given(seconds=240, prints_failures=True),  # it waits twice for a minute
    "jumbo_fields.JumboFieldsWorkflow": Given(["a"]),
    "priorities.WorkflowPriority1": Given([1]),
    "priorities.WorkflowPriority2": Given([1]),
    "priorities.WorkflowPriority3": Given([1]),
    "priorities.WorkflowPriority4": Given([1]),
    "priorities.WorkflowPriority5": Given([1]),
    "step.CustomizedStepWorkflow": Given(["me"]),
    "timer.BasicWorkflow": Given([1]),
    "timer.TimerWorkflow": Given([1, 3]),
}
"""Of the workflows that need other input than none."""

OF_OTHERS = ("Base", "Child", "Idempotent")
"""Beginnings of the names of classes that other workflows submit or are derived from."""


def workflows() -> list[str]:
    """The workflows of all modules, as ``module.Class``."""
    found = []
    for path in sorted(FOLDER.glob("*.py")) if FOLDER.exists() else ():
        if path.stem in LEFT_OUT or path.stem in NO_WORKFLOWS:
            continue
        for each in ast.parse(path.read_text()).body:
            is_workflow = isinstance(each, ast.ClassDef) and any("Workflow" in ast.unparse(base) for base in each.bases)
            if is_workflow and not each.name.startswith(OF_OTHERS):  # type: ignore[attr-defined]
                found.append(f"{path.stem}.{each.name}")  # type: ignore[attr-defined]
    return found


CHOSEN = ("failing.FailingWorkflow", "signals.WorkflowWithChildrenSignalingIt")
"""In place of the first ones of their modules."""


def runs() -> list[tuple[str, str]]:
    """The workflows that are tried, each with ``local`` or ``standalone``."""
    if _CHOICE:
        return [(each, how) for each in workflows() for how in ("local", "standalone")]
    firsts = {each.partition(".")[0]: each for each in reversed(workflows())}
    firsts |= {each.partition(".")[0]: each for each in CHOSEN}
    local = [(each, "local") for each in workflows() if each in firsts.values()]
    return [*local, ("signals.WorkflowWithChildrenSignalingIt", "standalone")] if local else []


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(poll_seconds=1.0) as server:
        Commands(Path(), server.url).client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        yield server.url


@pytest.fixture
def swf(url: str, tmp_path: Path) -> Iterator[Commands]:
    (tmp_path / "examples").symlink_to(FOLDER)  # beside them there may be the existing library itself
    found = Commands(tmp_path, url)
    yield found
    found.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("target", "how"), runs())
def test_example(swf: Commands, target: str, how: str) -> None:
    given = GIVEN.get(target, Given())
    command = ["workflow.start", "--local"] if how == "local" else ["standalone", "-W", "3"]
    folders = {"SIMPLEFLOW_JUMBO_FIELDS_BUCKET": str(swf.path / "long"), "SIMPLEFLOW_S3_HOST": str(swf.path)}
    done = swf.run(
        *command,
        f"examples.{target}",
        "-i",
        json.dumps(given.input),
        seconds=given.seconds,
        STEP_BUCKET="marks",
        **folders,
    )
    assert done.code == given.code, done.err
    assert "Traceback" not in done.err or given.code or given.prints_failures
    assert not any(line.startswith("Traceback") for line in done.err.splitlines()) or given.code
