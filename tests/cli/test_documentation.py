"""docs/command-line.md names every command, option and exit code, and its examples print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from simpleflow.cli import errors
from simpleflow.cli.app import app
from simpleflow.cli.options import Session
from tests import nursery
from tests.cli.conftest import SIMPLEFLOW
from tests.cli.terminals import Screen
from tests.docs.pages import blocks, prose, read
from tests.stamps import unstamped

PAGE = "docs/command-line.md"
DOC = read(PAGE)


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            yield from commands(each, f"{path} {name}")


EVERY = dict(commands(app, "simpleflow"))


def section(path: str) -> str:
    """Return the part of the page about a command, up to the next heading of its level."""
    found = re.search(rf"^(##+) {re.escape(path)}\n(.*?)(?=^##? |\Z)", prose(PAGE), re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading {path!r}"
    return found[2]


def test_the_table_has_every_command() -> None:
    listed = re.findall(r"^\| \[`([a-z.]+)`\]\(#simpleflow-([a-z]+)\) \|", DOC, re.MULTILINE)
    assert sorted(name for name, _ in listed) == sorted(app.list_commands(click.Context(app)))
    assert all(anchor == name.replace(".", "") for name, anchor in listed)


@pytest.mark.parametrize("path", EVERY)
def test_every_command_and_option_is_documented(path: str) -> None:
    text = section(path if not path.startswith("simpleflow info ") else "simpleflow info")
    assert re.search(rf"^##+ {re.escape(path)}$", prose(PAGE), re.MULTILINE)
    for option in EVERY[path].get_params(click.Context(EVERY[path], **EVERY[path].context_settings)):
        if isinstance(option, click.Option):
            for name in option.opts:
                assert f"`{name}`" in text, f"{path} {name}"


@pytest.mark.parametrize("path", [path for path in EVERY if not isinstance(EVERY[path], click.Group)])
def test_the_example_in_its_help_is_valid(path: str) -> None:
    [example] = re.findall(r"^ *Example: (simpleflow .+)$", EVERY[path].help or "", re.MULTILINE)
    assert example.startswith(f"{path} ") or example == path
    words = shlex.split(example)[len(path.split()) :]
    EVERY[path].make_context(path, words, parent=click.Context(app, obj=Session()))


@pytest.mark.parametrize("path", EVERY)
def test_every_option_has_help(path: str) -> None:
    command = EVERY[path]
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{path} {option.name}"


def test_every_exit_code_is_documented() -> None:
    codes = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int) and name[0] != "_"
    }
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", DOC, re.MULTILINE)}


def plain(text: str) -> str:
    """Replace the parts of a text that differ from run to run."""
    text = re.sub(r" +\d+\.\d\d? s\b", " N s", text)
    text = re.sub(r"run 2\S+", "run 2...", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +2\S+", "DATE RUN", text)
    return re.sub(r"(?<= in )/\S+(?=/\.simpleflow\b)", "FOLDER", text)


def test_the_commands_on_the_page_print_what_it_shows(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL)
    for kind, code in blocks:
        if kind == "python":
            (tmp_path / code.splitlines()[0].removeprefix("# ")).write_text(code)
    environment = {**os.environ, "PATH": f"{os.path.dirname(SIMPLEFLOW)}{os.pathsep}{os.environ['PATH']}"}
    code, tried = 0, 0
    for kind, text in blocks:
        if kind != "console":
            continue
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            tried += 1
            if command == "echo $?":
                assert expected == f"{code}\n"
                continue
            code, printed = in_shell(command, tmp_path, environment)
            assert plain(unstamped(printed)) == plain(expected), command
    assert tried > 20


def in_shell(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command in a shell; returns its exit code and what it has printed. One that needs no shell gets none."""
    if command.startswith("simpleflow ") and not re.search(r"[|<>&;$]", command):
        ended = nursery.run(shlex.split(command)[1:], folder, environment, merged=True)
        return ended.code, ended.out
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, stdout=-1, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    return done.returncode, done.stdout


def test_the_live_view_looks_as_the_page_shows(tmp_path: Path) -> None:
    found = blocks(PAGE)
    [at] = [number for number, block in enumerate(found) if block.file == "nightly.py"]
    (tmp_path / "nightly.py").write_text(found[at].text)
    middle, end, again = [block.text for block in found[at:] if block.kind == "text"][:3]
    command = ("workflow.start", "--local", "--nb-workers", "2", "nightly.py:Nightly")
    first = Screen(tmp_path, *command)
    first.wait(lambda: seen(first.lines) == seen(middle.splitlines()), "never as shown")
    assert first.end() == 0
    assert seen(first.everything) == seen(end.splitlines())
    second = Screen(tmp_path, *command)
    assert second.end() == 0
    assert seen(second.everything) == seen(again.splitlines())


def seen(lines: list[str]) -> list[str]:
    """Replace the parts of a terminal's lines that differ from run to run."""
    text = re.sub(r" +\d+(\.\d+)? s\b", " N s", "\n".join(lines))
    return re.sub(r"run 2\S+", "run 2...", text).splitlines()
