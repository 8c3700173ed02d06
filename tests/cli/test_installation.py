"""The library says which one it is, and tells if another one called simpleflow is in the same environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from simpleflow.cli import installation
from simpleflow.constants import INSTALL_BOTO3, INSTALL_DASK, INSTALL_UI
from tests.docs.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def other_library(folder: Path) -> Path:
    """Put into a folder what pip puts there for the library that the index calls simpleflow."""
    package, metadata = folder / "simpleflow", folder / "simpleflow-0.36.0.dist-info"
    for each in (package, metadata):
        each.mkdir(parents=True)
    (package / "__init__.py").write_text("from .activity import Activity\n")
    (package / "activity.py").write_text("class Activity: ...\n")
    (package / "command.py").write_text("def cli(): ...\n")
    (metadata / "METADATA").write_text("Name: simpleflow\nVersion: 0.36.0\n")
    (metadata / "entry_points.txt").write_text("[console_scripts]\nsimpleflow = simpleflow.command:cli\n")
    return folder


def run(program: str, *paths: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run([sys.executable, "-c", program], cwd=cwd, env=environment, capture_output=True, text=True)


def test_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert installation.conflict() == ""


@pytest.mark.parametrize("arguments", [["--version"], ["info", "settings"], ["nothing.such"]])
def test_both_are_installed(tmp_path: Path, arguments: list[str]) -> None:
    other = other_library(tmp_path / "other")
    program = f"import sys; from simpleflow.cli import main; sys.exit(main({arguments}))"
    done = run(program, ROOT / "src", other, cwd=tmp_path)
    told = [line for line in done.stderr.splitlines() if "another library" in line]
    if arguments == ["nothing.such"]:
        assert told == []  # an error is one line
        return
    [line] = told
    assert line.startswith("warning: another library called simpleflow is installed here too: 0.36.0 in ")
    assert str(other) in line
    assert str(ROOT) in line
    assert done.returncode == 0


def test_a_part_of_the_other_one_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other_library(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "nothing")
    monkeypatch.syspath_prepend(tmp_path)
    assert f"0.36.0 in {tmp_path / 'simpleflow'}" in installation.conflict()
    (tmp_path / "simpleflow" / "__init__.py").unlink()  # metadata alone: pip thinks that the other one is installed
    assert f"0.36.0 in {tmp_path};" in installation.conflict()
    monkeypatch.setattr(installation, "HERE", str(tmp_path / "simpleflow"))
    assert "its files are among those in" in installation.conflict()


def test_an_older_release_of_this_one_is_no_other_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "simpleflow-1.0.0a0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[console_scripts]\nsimpleflow = simpleflow.cli:main\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert installation.conflict() == ""


def test_errors_do_not_install_the_other_library() -> None:
    for extra, text in (("aws", INSTALL_BOTO3), ("dask", INSTALL_DASK), ("ui", INSTALL_UI)):
        assert " ".join(["pip install", *(f"'{each}'" for each in PROJECT["optional-dependencies"][extra])]) == text
    wrong = []
    for path in (*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"):
        text = path.read_text(encoding="utf-8").replace("Do not use `pip install simpleflow`", "")
        wrong += [path.name for word in ("install simpleflow", "install 'simpleflow[") if word in text]
    assert wrong == []


def test_it_cannot_be_published_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
