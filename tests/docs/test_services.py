"""Commands in shell scripts, units of systemd, images and task definitions on the pages: simpleflow takes them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from simpleflow.cli.app import app
from simpleflow.cli.existing_options import translated
from simpleflow.cli.options import Session
from tests.docs.pages import PAGES, ROOT, Block, blocks, read


def of_shell(text: str) -> Iterator[list[str]]:
    """The commands of simpleflow in a script, without what the shell puts in place of variables."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"\s*(?:\||&&|;|>|&$)\s*", line):
            words = part.split() if "'" in part or '"' in part else shlex.split(part, comments=True)
            names = [word for word in words[:4] if word.rpartition("/")[2] == "simpleflow"]
            if names and not any(word.startswith("$") for word in words) and "'" not in part:
                yield words[words.index(names[0]) + 1 :]


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of simpleflow in a block."""
    if block.kind == "sh":
        yield from of_shell(block.text)
    elif block.kind == "text":
        for line in block.text.splitlines():
            if line.startswith("ExecStart="):
                yield from of_shell(line.removeprefix("ExecStart="))
            elif line.startswith("CMD "):
                yield json.loads(line.removeprefix("CMD "))
    elif block.kind == "json" and "containerDefinitions" in block.text:
        for container in json.loads(block.text)["containerDefinitions"]:
            yield container["command"]


def indented(page: str) -> Iterator[list[str]]:
    """The commands of simpleflow in lines of a page that are indented, as in lists."""
    for line in re.findall(r"^ {3,}(simpleflow .*(?:\\\n.*)*)$", read(page), re.MULTILINE):
        yield from of_shell(line)


FOUND = [(f"{page}:{block.line}", words) for page in PAGES for block in blocks(page) for words in commands(block)]
FOUND += [(page, words) for page in PAGES if page != "docs/command-line.md" for words in indented(page)]


def test_they_are_commands_with_options_that_there_are() -> None:
    dockerfile = [line for line in (ROOT / "docker/Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    assert len(FOUND) > 40
    for where, words in [*FOUND, ("Dockerfile", json.loads(dockerfile[0].removeprefix("CMD ")))]:
        if not words or words[0].startswith("-"):
            continue
        command = app.get_command(click.Context(app), words[0])
        assert command is not None, (where, words)
        try:
            command.make_context(words[0], translated(words)[1:], parent=click.Context(app, obj=Session()))
        except click.ClickException as error:
            pytest.fail(f"{where}: {' '.join(words)}: {error.format_message()}")


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on PATH: units are not tried"
)
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = [block.text for page in PAGES for block in blocks(page) if block.text.startswith("[Unit]")]
    assert len(units) > 2
    for number, unit in enumerate(units):
        name = f"flows-{number}"
        text = re.sub(r"=\S*/simpleflow ", "=/bin/true ", unit)
        text = re.sub(r"^(User|WorkingDirectory)=.*\n", "", text, flags=re.MULTILINE)
        if "[Timer]" in text:
            (tmp_path / f"{name}.service").write_text("[Service]\nExecStart=/bin/true\n")
            path = tmp_path / f"{name}.timer"
        else:
            path = tmp_path / f"{name}@.service"
        path.write_text(text)
        shown = str(path).replace("@.", "@x.")
        done = subprocess.run(["systemd-analyze", "verify", shown], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), unit
