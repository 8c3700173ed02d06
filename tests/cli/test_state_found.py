"""The state folder that is found again, and ``workflow.prune``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SIMPLEFLOW, Folder


def test_a_run_in_a_folder_below_uses_the_same_state_and_names_it(folder: Folder) -> None:
    assert folder.start("flow.Daily").code == 0
    state = folder.path / ".simpleflow"
    assert (state / ".gitignore").read_text() == "*\n"
    deep = folder.path / "deep" / "down"
    deep.mkdir(parents=True)
    done = Folder(deep).start("../../flow.py:Daily")
    assert done.code == 0
    assert done.err.splitlines()[0].endswith(f" in {state}")
    assert "2 steps: 0 ran, 2 skipped" in done.err
    assert not (deep / ".simpleflow").exists()
    assert Folder(deep).run("workflow.list", "--local", "-s", "all").err == f"2 runs: folder {state}\n"


def test_a_folder_of_the_home_folder_and_one_that_does_not_exist(folder: Folder) -> None:
    home = str(folder.path)
    assert f" in {home}/flows\n" in folder.run("workflow.start", "--state=~/flows", "flow.Echo", HOME=home).err
    assert folder.run("workflow.list", HOME=home, SIMPLEFLOW_STATE="~/flows").err == f"1 run: folder {home}/flows\n"
    missing = f"folder {home}/flow, which does not exist\n"
    assert folder.run("workflow.list", "--state", "flow").err == f"no runs: {missing}"
    assert folder.run("workflow.steps", "--state", "flow").err == f"error: there are no runs in {missing}"
    pruned = folder.run("workflow.prune", "--keep", "0", "--state", "misspelt")
    assert (pruned.code, pruned.err) == (0, f"no runs removed in {folder.path}/misspelt, which does not exist\n")


@pytest.mark.skipif(os.path.exists("/.simpleflow"), reason="there is a state folder in the root folder")
def test_the_folders_in_which_cron_starts_commands_are_errors_of_one_line(folder: Folder, tmp_path: Path) -> None:
    flow = str(folder.path / "flow.py:Daily")
    for place, expected in (
        ("/", "error: the state folder would be made as /.simpleflow, since the current folder is /; name one with"),
        ("/proc", "error: state folder /proc/.simpleflow could not be opened: No such file or directory"),
    ):
        done = Folder(Path(place)).start(flow)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(expected)
        assert done.err.count("\n") == 1
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {gone} && exec {SIMPLEFLOW} workflow.start --local {flow}"
    found = subprocess.run(command, shell=True, cwd=gone, capture_output=True, encoding="utf-8", check=False)
    assert found.returncode == 1
    assert found.stderr.startswith("error: the current folder cannot be used: No such file or directory")


def test_runs_are_removed_while_another_one_goes_on(folder: Folder) -> None:
    folder.start("flow.Daily")
    process = folder.begin("flow.Long")
    folder.wait_for(folder.worker_pids)
    asked = folder.run("workflow.prune", "--older-than", "0s", "--dry-run", "--format", "json")
    [first] = json.loads(asked.out)
    assert (first["workflow_id"], first["status"]) == ("daily", "completed")
    assert asked.err.endswith(f"1 run would be removed in {folder.path}/.simpleflow\n")
    assert f"  {first['run_id'][:8]}  completed  " in folder.run("workflow.prune", "--keep", "0", "--dry-run").out
    done = folder.run("workflow.prune", "--keep", "0")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(f"1 run removed in {folder.path}/.simpleflow")
    left = json.loads(folder.run("workflow.list", "--local", "-s", "all", "--format", "json").out)
    assert [each["workflow_id"] for each in left] == ["flow.Long"]
    assert process.poll() is None
    done = folder.start("flow.Daily")
    assert "2 steps: 0 ran, 2 skipped" in done.err


def test_a_run_that_was_removed_has_a_short_id_where_its_marks_are_shown(folder: Folder) -> None:
    folder.start("flow.Daily")
    [first] = json.loads(folder.run("workflow.list", "--json").out)
    folder.start("flow.Daily")
    assert folder.run("workflow.prune", "--keep", "1", "--older-than", "0s").err.startswith("1 run")
    shown = folder.run("workflow.steps").out
    assert first["run_id"][:8] in shown
    assert first["run_id"][:9] not in shown


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["--older-than", "soon"],
            "--older-than is 'soon'; expected a number with s, m, h, d or w, such as 30d or 12h",
        ),
        (["--older-than", "-3d"], "--older-than is '-3d'"),
        (["--older-than", "nan"], "--older-than is 'nan'"),
        (["--keep", "-1"], "Invalid value for '--keep': -1 is not in the range"),
        (["--state", "file"], "is a file; expected a folder"),
    ],
)
def test_wrong_values_are_refused(folder: Folder, args: list[str], message: str) -> None:
    (folder.path / "file").touch()
    done = folder.run("workflow.prune", *args)
    assert done.code in (1, 2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (folder.path / ".simpleflow").exists()
