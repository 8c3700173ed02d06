"""Shell completion, as shells ask for it; and the help of commands that hold others."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from simpleflow.cli.help_text import GROUPS
from simpleflow.cli.sentences import SENTENCES
from tests.cli.conftest import SIMPLEFLOW, WORKFLOWS, Folder
from tests.cli.test_documentation import EVERY


def complete(folder: Folder, line: str, **environment: str) -> list[str]:
    """What bash offers at the end of a line that is being typed."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    done = subprocess.run(
        [SIMPLEFLOW],
        cwd=folder.path,
        env={
            **os.environ,
            "_SIMPLEFLOW_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return [each.partition(",")[2] for each in done.stdout.splitlines() if each]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with a run of a workflow with steps. Completion changes nothing in it."""
    folder = Folder(tmp_path_factory.mktemp("ran"))
    shutil.copy(WORKFLOWS / "flow.py", folder.path)
    assert folder.start("flow.Daily").code == 0
    return folder


def test_commands_and_options(folder: Folder) -> None:
    assert complete(folder, "simpleflow step.") == ["step.list", "step.plan", "step.why", "step.forget", "step.mark"]
    assert complete(folder, "simpleflow nothing.") == []
    assert complete(folder, "simpleflow workflow.start --middleware-p") == [
        "--middleware-pre-execution",
        "--middleware-post-execution",
    ]
    assert complete(folder, "simpleflow workflow.list --format ") == ["table", "json", "csv"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("simpleflow workflow.start --local flow.Daily --force ", ["load", "report", "report.text"]),
        ("simpleflow workflow.start --force load,re", ["load,report", "load,report.text"]),
        ("simpleflow step.forget flow.Daily load report.", ["report.text"]),
        ("simpleflow step.plan flow.Daily --workflow-id another --skip ", []),
        ("simpleflow workflow.info --local d", ["daily"]),
        ("simpleflow step.list flow.Daily --workflow-id ", ["daily"]),
        ("simpleflow step.list fl", ["fl"]),
        ("simpleflow workflow.start --local --force=re", ["report", "report.text"]),
        ("simpleflow step.plan flow.Daily --save pl", ["pl"]),
        ("simpleflow worker.start -l w", ["warning"]),
    ],
)
def test_names_of_steps_and_workflow_ids(ran: Folder, line: str, expected: list[str]) -> None:
    found = complete(ran, line)
    assert sorted(found) == sorted(expected)


def test_run_ids_and_steps_of_a_run(ran: Folder) -> None:
    [run_id] = complete(ran, "simpleflow workflow.info --local daily ")
    assert re.fullmatch(r"2[\w-]{45}", run_id)
    assert complete(ran, f"simpleflow workflow.terminate --local {run_id[:5]}") == [run_id]
    assert complete(ran, "simpleflow task.info --local daily rep") == ["report.text"]
    assert complete(ran, "simpleflow task.info --local daily report.text --run-id 2") == [run_id]
    assert complete(ran, "simpleflow workflow.info --local daily 3") == []


def test_a_folder_without_runs_and_a_broken_setting_offer_nothing(folder: Folder) -> None:
    assert complete(folder, "simpleflow workflow.info --local ") == []
    assert not (folder.path / ".simpleflow").exists()
    (folder.path / ".simpleflow").mkdir()
    (folder.path / ".simpleflow" / "history.sqlite").write_text("no database")
    assert complete(folder, "simpleflow workflow.start --force ") == []
    assert complete(folder, "simpleflow workflow.start --force ", SIMPLEFLOW_STATE="") == []


def in_shell(folder: Folder, *command: str) -> list[str]:
    environment = {**os.environ, "PATH": f"{os.path.dirname(SIMPLEFLOW)}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder.path, env=environment, capture_output=True, text=True)
    assert done.stderr == ""
    return [word for line in done.stdout.splitlines() for word in line.partition("\t")[0].split()]  # no descriptions


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("simpleflow workflow.start --force = re", ["report", "report.text"]),
        ("simpleflow workflow.start --output = t", ["tail"]),
        ("simpleflow workflow.start --force load,re", ["load,report", "load,report.text"]),
    ],
)
def test_bash_puts_a_word_in_place_of_the_last_one(ran: Folder, words: str, expected: list[str]) -> None:
    """Bash takes ``--force=re`` for three words."""
    call = f"COMP_WORDS=({words}) COMP_CWORD={len(words.split()) - 1}; _simpleflow_completion simpleflow"
    script = f'. <(_SIMPLEFLOW_COMPLETE=bash_source simpleflow); {call}; echo "${{COMPREPLY[@]}}"'
    assert sorted(in_shell(ran, "bash", "--norc", "-c", script)) == expected


def test_bash_quotes_names_with_blanks(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    shutil.copy(WORKFLOWS / "flow.py", tmp_path)
    assert folder.start("flow.Daily", "--workflow-id", "it's monday").code == 0
    call = "COMP_WORDS=(simpleflow workflow.info i) COMP_CWORD=2; _simpleflow_completion simpleflow"
    script = f'. <(_SIMPLEFLOW_COMPLETE=bash_source simpleflow); {call}; eval "echo ${{COMPREPLY[0]}} end"'
    assert in_shell(folder, "bash", "--norc", "-c", script) == ["it's", "monday", "end"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("workflow.start --force=re", ["--force=report", "--force=report.text"]),
        ("workflow.start --force load,re", ["load,report", "load,report.text"]),
        ("workflow.start --state=./.simple", ["--state=./.simpleflow/"]),
    ],
)
def test_fish_puts_an_item_in_place_of_the_word(ran: Folder, line: str, expected: list[str]) -> None:
    script = f"_SIMPLEFLOW_COMPLETE=fish_source simpleflow | source; complete -C 'simpleflow {line}'"
    assert sorted(in_shell(ran, "fish", "--no-config", "-c", script)) == expected


def test_zsh_keeps_the_option_before_a_value(folder: Folder) -> None:
    environment = {**os.environ, "_SIMPLEFLOW_COMPLETE": "zsh_source"}
    found = subprocess.run([SIMPLEFLOW], cwd=folder.path, env=environment, capture_output=True, text=True).stdout
    assert found.count("$before$key") == found.count("compset -P '--*='") == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(folder: Folder, shell: str) -> None:
    environment = {**os.environ, "_SIMPLEFLOW_COMPLETE": f"{shell}_source"}
    done = subprocess.run([SIMPLEFLOW], cwd=folder.path, env=environment, capture_output=True, text=True)
    assert f"{shell}_complete" in done.stdout


def test_help_is_in_groups_and_cuts_no_sentence(folder: Folder) -> None:
    assert {name for names in GROUPS.values() for name in names} >= {
        path.removeprefix("simpleflow ") for path in EVERY if path.count(" ") == 1
    }
    assert set(SENTENCES) <= {path.removeprefix("simpleflow ") for path in EVERY if path.count(" ") == 1}
    for columns in ("60", "100", "200"):
        shown = folder.run("--help", COLUMNS=columns).out
        titles = [line.rstrip(":") for line in shown.splitlines() if re.fullmatch(r"\S.*:", line)]
        assert titles == ["Options", *GROUPS]
        text = " ".join(shown.split()).replace("[ARGS]...", "")
        assert "..." not in text
        for path, command in EVERY.items():
            if path.count(" ") == 1:
                sentence = re.split(r"(?<=\.)\s", " ".join((command.help or "").split()))[0]
                assert f"{path.removeprefix('simpleflow ')} {sentence}" in text
    assert "Show the versions of simpleflow, Python, the system and the main dependencies." in " ".join(
        folder.run("info", "--help").out.split()
    )


@pytest.mark.parametrize("command", ["workflow.start", "workflow.list", "info"])
def test_help_fits_a_narrow_terminal(folder: Folder, command: str) -> None:
    lines = folder.run(command, "--help", COLUMNS="40").out.splitlines()
    assert max(len(line) for line in lines if line.startswith("        ")) <= 40
    assert "        Output format" in "\n".join(lines) or command == "workflow.start"
