"""docs/command-line.md names every command, option and exit code, and what it shows is what happens."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from simpleflow.cli import errors
from simpleflow.cli.app import app
from tests.cli.conftest import SIMPLEFLOW

DOC = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, f"{path} {name}")


EVERY = dict(commands(app, "simpleflow"))


def section(path: str) -> str:
    """The part of the page about a command, up to the next heading of its level."""
    found = re.search(rf"^(##+) {re.escape(path)}\n(.*?)(?=^##? |\Z)", DOC, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no heading {path!r}"
    return found[2]


@pytest.mark.parametrize("path", EVERY)
def test_every_command_and_option_is_documented(path: str) -> None:
    text = section(path if not path.startswith("simpleflow info ") else "simpleflow info")
    assert re.search(rf"^##+ {re.escape(path)}$", DOC, re.MULTILINE)
    for option in EVERY[path].get_params(click.Context(EVERY[path], **EVERY[path].context_settings)):
        if isinstance(option, click.Option):
            for name in option.opts:
                assert f"`{name}`" in text, f"{path} {name}"


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
    """Without what differs from run to run."""
    text = re.sub(r" +\d+\.\d\d? s\b", " N s", text)
    return re.sub(r"run 2\S+", "run 2...", text)


def test_what_it_shows_is_what_happens(tmp_path: Path) -> None:
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
            done = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
            )
            code = done.returncode
            assert plain(done.stdout) == plain(expected), command
    assert tried > 12
