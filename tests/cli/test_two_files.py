"""Two files that define workflows of one name: neither takes the runs and marks of the other for its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from tests.cli.conftest import Done, Folder

FLOW = """
from simpleflow import Workflow, activity
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def make(what):
    return what


class Pipeline(Workflow, WorkflowStepMixin):
    def run(self):
        return self.submit(self.step("load", (make, "{0}"))).ran
"""


@pytest.fixture
def project(folder: Folder) -> Folder:
    for name in ("etl", "ml"):
        (folder.path / name).mkdir()
        (folder.path / name / "pipeline.py").write_text(FLOW.format(name))
    (folder.path / "pyproject.toml").touch()
    return folder


def start(project: Folder, name: str, *options: str) -> Done:
    return project.run("workflow.start", "--local", "--nb-workers", "0", f"{name}/pipeline.py:Pipeline", *options)


def test_the_other_file_is_refused_and_told_what_to_do(project: Folder) -> None:
    assert start(project, "etl").out == "true\n"
    found = start(project, "ml")
    assert found.code == 2
    assert found.out == ""
    assert "workflow id 'pipeline.Pipeline' belongs to the runs of etl/pipeline.py" in found.err
    assert "ml/pipeline.py" in found.err
    assert "--workflow-id" in found.err
    assert "--adopt" in found.err
    assert start(project, "etl").out == "false\n"


def test_a_plan_says_that_the_start_would_be_refused(project: Folder) -> None:
    def told(name: str, *options: str) -> bool:
        planned = project.run("step.plan", f"{name}/pipeline.py", *options)
        assert planned.code == 0, planned.err
        return "workflow.start would refuse this run: workflow id 'pipeline.Pipeline' belongs to the " in planned.err

    assert not told("ml")
    assert start(project, "etl").out == "true\n"
    assert told("ml")
    assert not told("etl")
    assert not told("ml", "--workflow-id", "ml")


def test_an_id_of_its_own_is_not_refused(project: Folder) -> None:
    assert start(project, "etl").out == "true\n"
    assert start(project, "ml", "--workflow-id", "ml").out == "true\n"
    assert start(project, "ml", "--workflow-id", "ml").out == "false\n"


def test_marks_alone_tell_the_other_file(project: Folder) -> None:
    own = "class Pipeline(Workflow, WorkflowStepMixin):\n    def get_step_bucket(self):\n        return './marks'\n"
    for name in ("etl", "ml"):
        text = FLOW.format(name).replace("class Pipeline(Workflow, WorkflowStepMixin):\n", own)
        (project.path / name / "pipeline.py").write_text(text)
    assert start(project, "etl").out == "true\n"
    shutil.rmtree(project.path / ".simpleflow")
    found = start(project, "ml")
    assert found.code == 2
    assert found.out == ""
    assert "workflow id 'pipeline.Pipeline' belongs to the done steps of etl/pipeline.py (one is 'load')" in found.err
    assert start(project, "ml", "--adopt").out == "false\n"


def test_a_file_that_moved_adopts_its_runs_once(project: Folder) -> None:
    assert start(project, "etl").out == "true\n"
    (project.path / "etl" / "pipeline.py").rename(project.path / "ml" / "pipeline.py")
    assert start(project, "ml").code == 2
    assert start(project, "ml", "--adopt").out == "false\n"
    assert start(project, "ml").out == "false\n"


def test_a_project_that_moved_as_a_whole_is_the_same(project: Folder, tmp_path: Path) -> None:
    assert start(project, "etl").out == "true\n"
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    project.path.rename(moved)
    command = [sys.executable, "-m", "simpleflow", "workflow.start", "--local", "--nb-workers", "0"]
    found = subprocess.run([*command, "etl/pipeline.py:Pipeline"], cwd=moved, capture_output=True, text=True)
    assert found.stdout == "false\n", found.stderr


def test_scripts_have_ids_by_their_files(project: Folder) -> None:
    run = "\n\nif __name__ == '__main__':\n    from simpleflow.local import Executor\n"
    run += "    executor = Executor(Pipeline, state='.simpleflow')\n    print(executor.run(), executor.workflow_id)\n"
    for name in ("first", "second"):
        (project.path / f"{name}.py").write_text(FLOW.format(name) + run)
        found = subprocess.run(
            [sys.executable, f"{name}.py"], cwd=project.path, capture_output=True, text=True, check=True
        )
        assert found.stdout == f"True {name}.Pipeline\n"


def test_a_class_without_a_file_is_not_refused(project: Folder) -> None:
    code = FLOW.format("x") + "\n\nfrom simpleflow.local import Executor\n"
    code += "print(Executor(Pipeline, state='.simpleflow', workflow_id=None).run())\n"
    for expected in ("True\n", "False\n"):
        found = subprocess.run([sys.executable, "-"], cwd=project.path, input=code, capture_output=True, text=True)
        assert found.stdout == expected, found.stderr


def test_programs_are_refused_too(project: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(project, "etl").out == "true\n"
    monkeypatch.chdir(project.path)
    monkeypatch.syspath_prepend(str(project.path / "ml"))
    sys.modules.pop("pipeline", None)
    import pipeline  # type: ignore[import-not-found]

    with pytest.raises(InputError, match=r"etl/pipeline\.py"):
        Executor(pipeline.Pipeline, state=".simpleflow").run()
    assert Executor(pipeline.Pipeline, state=".simpleflow", adopt=True).run() is False
    del sys.modules["pipeline"]
