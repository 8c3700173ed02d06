"""A file that defines one workflow needs no name of a class."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from simpleflow.cli.load_workflow import load_workflow
from simpleflow.exceptions import InputError

HEAD = "from simpleflow import Workflow\n"
ONE = "class One(Workflow):\n    def run(self): return 1\n"
TWO = "class Two(Workflow):\n    def run(self): return 2\n"
ONLY = {
    "alone": ONE,
    "imports_another": "from helper import Two\n" + ONE,
    "has_a_base": "class Base(Workflow):\n    version = '2'\nclass One(Base):\n    def run(self): return 1\n",
    "has_a_private_base": ONE.replace("One", "_Base") + "class One(_Base):\n    pass\n",
    "has_another_name_for_it": ONE + "Other = One\n",
    "has_other_classes": ONE + "class Other:\n    pass\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "helper.py").write_text(HEAD + TWO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    for name in ("helper", "several", *ONLY):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ONLY)
def test_the_only_workflow_of_a_file_is_found(name: str, folder: Path) -> None:
    (folder / f"{name}.py").write_text(HEAD + ONLY[name])
    assert load_workflow(f"{name}.py").__name__ == "One"
    assert load_workflow(str(folder / f"{name}.py")).__name__ == "One"


def test_the_workflows_of_a_file_with_several_are_named(folder: Path) -> None:
    (folder / "several.py").write_text(HEAD + ONE + TWO)
    with pytest.raises(InputError, match=r"'several.py' defines more than one workflow; expected several.py:Class; "):
        load_workflow("several.py")


def test_a_workflow_that_a_file_imports_is_not_its_own(folder: Path) -> None:
    (folder / "several.py").write_text("from helper import Two\n")
    with pytest.raises(
        InputError, match=r"defines no workflow; expected several.py:Class; workflow classes there: Two"
    ):
        load_workflow("several.py")
