"""The state folder that is found without a name: the nearest one upwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simpleflow import nearest_state, settings
from simpleflow.exceptions import StateError
from simpleflow.state_folder.database import make_folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a folder that is deep in it, which is the current one. The home folder is around the project."""
    project = tmp_path / "home" / "project"
    (project / "a" / "b").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(project / "a" / "b")
    return project


def test_without_one_it_is_made_in_the_current_folder(project: Path) -> None:
    assert nearest_state.find() == settings.SIMPLEFLOW_STATE == ".simpleflow"


@pytest.mark.parametrize("place", [".", "a", ".."])
def test_the_nearest_one_above_is_used(project: Path, place: str) -> None:
    (project / place / ".simpleflow").mkdir()
    expected = os.path.normpath(project / place / ".simpleflow")
    assert nearest_state.find() == settings.SIMPLEFLOW_STATE == expected
    (project / "a" / "b" / ".simpleflow").mkdir()
    assert nearest_state.find() == ".simpleflow"


def test_a_setting_comes_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".simpleflow").mkdir()
    monkeypatch.setenv("SIMPLEFLOW_STATE", "mine")
    assert settings.SIMPLEFLOW_STATE == "mine"


def test_the_search_ends_at_the_home_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parents[1] / ".simpleflow").mkdir()
    assert nearest_state.find() == ".simpleflow"
    monkeypatch.setenv("HOME", "/nowhere")
    assert nearest_state.find() == str(project.parents[1] / ".simpleflow")


def test_the_search_ends_below_a_folder_for_everybody(project: Path) -> None:
    (project / ".simpleflow").mkdir()
    project.chmod(0o1777)
    assert nearest_state.find() == ".simpleflow"


def test_files_and_folders_of_others_are_passed_over(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "a" / ".simpleflow").touch()
    (project / ".simpleflow").mkdir()
    assert nearest_state.find() == str(project / ".simpleflow")
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert nearest_state.find() == ".simpleflow"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", str(uid))
    assert nearest_state.find() == str(project / ".simpleflow")


def test_a_folder_that_is_gone_has_none(project: Path) -> None:
    os.rmdir(project / "a" / "b")
    assert nearest_state.find() == ".simpleflow"


def test_the_root_folder_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert nearest_state.find() == ".simpleflow"
    if not os.path.exists("/.simpleflow"):
        with pytest.raises(StateError, match="the current folder is /; name one with --state FOLDER or SIMPLEFLOW_ST"):
            make_folder(".simpleflow")
        assert not os.path.exists("/.simpleflow")


def test_a_new_folder_is_kept_out_of_version_control(tmp_path: Path) -> None:
    for name in (".simpleflow", "other"):
        make_folder(str(tmp_path / name))
        assert (tmp_path / name / ".gitignore").read_text() == "*\n"
    (tmp_path / ".simpleflow" / ".gitignore").write_text("mine")
    make_folder(str(tmp_path / ".simpleflow"))
    assert (tmp_path / ".simpleflow" / ".gitignore").read_text() == "mine"
    make_folder(str(tmp_path))
    assert not (tmp_path / ".gitignore").exists()
