"""A workflow whose id has no known run, but marks that a workflow of another file has made."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.step.tasks import MarkStepDoneTask
from simpleflow.stores import open_store

FLOW = """
from simpleflow import Workflow, activity
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def make():
    pass


class Pipeline(Workflow, WorkflowStepMixin):
    name = "two-files"

    {method}

    def run(self):
        self.prefix = "late"
        return self.submit(self.step("load", make)).ran
"""

BUCKET = "def get_step_bucket(self): return './marks'"
SHARED = "def get_step_path_prefix(self): return 'shared'"
LATE = "def get_step_path_prefix(self): return self.prefix"

Define = Callable[..., type[Workflow]]


@pytest.fixture
def define(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Define]:
    """Returns the workflow class of a file, which it writes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    before = set(sys.modules)

    def found(folder: str, method: str = "") -> type[Workflow]:
        path = tmp_path / folder / "pipeline.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FLOW.format(method=method))
        spec = importlib.util.spec_from_file_location(f"two_files_{folder}", path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        kind: type[Workflow] = module.Pipeline
        return kind

    yield found
    for name in set(sys.modules) - before:
        if name.startswith("two_files_"):
            del sys.modules[name]


def run(kind: type[Workflow], **options: Any) -> Any:
    return Executor(kind, **options).run()


@pytest.mark.parametrize("method", ["", BUCKET])
@pytest.mark.parametrize("state", [None, "another state"])
def test_it_is_refused_unless_it_has_an_id_or_adopts_them(define: Define, method: str, state: str | None) -> None:
    if not method and state is not None:
        bucket = f"state://{Path('.simpleflow').absolute()}"
        method = f"def get_step_bucket(self): return {bucket!r}"
    etl, ml = define("etl", method), define("ml", method)
    assert run(etl) is True
    with pytest.raises(InputError) as refused:
        run(ml, state=state)
    text = str(refused.value)
    assert "workflow id 'two-files' belongs to the done steps of etl/pipeline.py (one is 'load')" in text
    assert "this class is defined in ml/pipeline.py" in text
    assert "--workflow-id" in text
    assert "--adopt" in text
    assert run(etl, state=state) is False
    assert run(ml, state=state and f"{state} 2", adopt=True) is False
    assert run(ml, workflow_id="two-files", state=state and f"{state} 3") is False


def test_one_mark_of_its_own_file_is_enough(define: Define) -> None:
    etl, ml = define("etl", BUCKET), define("ml", BUCKET)
    run(etl)
    details = {"made_with": {"arguments": "[]", "activities": {}, "file": "ml/pipeline.py"}}
    task = MarkStepDoneTask("./marks", "two-files/steps", "other", details)
    task.context = {"workflow_id": "two-files", "run_id": "r"}
    task.execute()
    assert run(ml) is False


def test_marks_of_other_workflow_ids_refuse_nothing(define: Define) -> None:
    assert run(define("etl", SHARED), workflow_id="etl") is True
    assert run(define("ml", SHARED)) is False


def test_marks_that_do_not_tell_their_file_refuse_nothing(define: Define) -> None:
    for name, body in (("load", b"{}"), ("a", b'{"workflow_id":"two-files"}'), ("b", b"rubbish")):
        open_store("./marks").put("two-files/steps", name, body)
    assert run(define("ml", BUCKET)) is False


def test_a_place_that_only_run_knows_refuses_nothing_and_the_step_tells_it(define: Define) -> None:
    assert run(define("etl", LATE)) is True
    executor = Executor(define("ml", LATE))
    assert executor.run() is False
    assert executor.list_markers()[-1].details["changed"] == {
        "file": "etl/pipeline.py (now ml/pipeline.py)",
        "code": "two_files_etl.make (now two_files_ml.make)",
    }


@pytest.mark.parametrize(
    "code",
    ["raise SystemExit(3)", "return self.submit(make).result and 'late'", "raise KeyError('no')", "return 3"],
)
def test_a_place_that_cannot_be_known_before_run_stops_nothing(define: Define, code: str) -> None:
    text = f"def get_step_path_prefix(self):\n        if not hasattr(self, 'prefix'):\n            {code}\n"
    assert run(define("ml", text + "        return self.prefix")) is True


def test_a_workflow_whose_init_raises_says_so_itself(define: Define) -> None:
    kind = define("ml", "def __init__(self, executor): raise ValueError('broken')")
    with pytest.raises(ValueError, match="broken"):
        run(kind)
