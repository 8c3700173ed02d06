"""The examples of the documentation are true: Python code and commands run, and print what the pages show.

The blocks of a page share a folder. The Python blocks run first, in order and in one process; then the commands, in
order. A block that is a file, or changes a file, is written when the page comes to it. The comparison ignores times,
dates, ids, numbers of processes and events, and the amount of space between words.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import pytest
import yaml

from simpleflow.cli.app import app
from simpleflow.cli.options import Session
from tests import nursery
from tests.docs.pages import PAGES, ROOT, Block, blocks
from tests.pauses import pauses
from tests.servers import program
from tests.stamps import unstamped

KINDS = {"python", "console", "json", "sh", "text", "toml", "yaml"}
SEPARATOR = "\x1e"
RUNNER = f"""
import json, sys
namespace = {{"__name__": "__main__"}}
for text, page, line in json.load(sys.stdin):
    exec(compile("\\n" * line + text, page, "exec"), namespace)
    print("{SEPARATOR}", end="", flush=True)
"""
OTHER_TOOLS = {"luigi": "orders_luigi.py", "doit": "dodo.py"}
"""Tools that pages compare with simpleflow, each with the file that it runs. They are in the extra ``dev``."""

SIMPLEFLOW = [sys.executable, "-W", "error", "-m", "simpleflow"]
PYTEST = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each page, with the files that its blocks define."""
    found = {}
    for page in PAGES:
        folder = found[page] = tmp_path_factory.mktemp(Path(page).stem)
        (folder / "examples").symlink_to(ROOT / "examples")
        for block in blocks(page):
            block.write(folder)
            if block.kind == "toml":
                install(block, folder)
    return found


def install(block: Block, folder: Path) -> None:
    """Make the entry points of a ``pyproject.toml`` known in the folder, as an installation would."""
    project = tomllib.loads(block.text)["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in each.items()) for group, each in groups]
    (info / "entry_points.txt").write_text("\n".join(lines))


def of_kind(kind: str) -> list[str]:
    return [page for page in PAGES if any(block.kind == kind for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_checked(page: str) -> None:
    assert [(block.line, block.kind) for block in blocks(page) if block.kind not in KINDS] == []


@pytest.mark.parametrize("page", of_kind("json"))
def test_json(page: str) -> None:
    for block in blocks(page):
        if block.kind == "json":
            json.loads(block.text)


@pytest.mark.parametrize("page", of_kind("python"))
def test_python(page: str, folders: dict[str, Path]) -> None:
    run = python_run(page, folders[page])
    assert run.returncode == 0, run.stderr
    printed = run.stdout.split(SEPARATOR)
    for block, output in zip(python_blocks(page), printed, strict=False):
        assert stripped(output) == stripped(block.output or ""), f"{page}:{block.line}"


def python_blocks(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.kind == "python" and block.file not in OTHER_TOOLS.values()]


@functools.cache
def python_run(page: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Python of a page in its folder, once. The commands of the page may read what this writes."""
    texts = json.dumps([(block.text, page, block.line) for block in python_blocks(page)])
    command = [sys.executable, "-W", "error", "-c", RUNNER]
    return subprocess.run(command, cwd=folder, input=texts, capture_output=True, text=True)


# tests/cli/test_documentation.py runs the examples of the page about the command line.
@pytest.mark.parametrize("page", [page for page in of_kind("console") if page != "docs/command-line.md"])
def test_console(page: str, folders: dict[str, Path]) -> None:
    if python_blocks(page):
        python_run(page, folders[page])
    shell = Shell(folders[page])
    try:
        for block in blocks(page):
            block.write(folders[page])
            for command, expected in commands(block):
                found = shell.run(command)
                for left in pauses(20 if shell.looks_beside(command) else 0):
                    if not left or normal(found) == normal(expected):
                        break
                    found = shell.run(command)
                assert normal(found) == normal(expected), f"{page}:{block.line}: {command}"
    finally:
        shell.close()


class Shell:
    """Runs the commands of a page in its folder, like a shell."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "COLUMNS": "100"}
        self._jobs: list[subprocess.Popen[str]] = []

    def run(self, command: str) -> str:
        """Run a command and return its output.

        A command that ends in ``> FILE`` writes into it. One that ends in ``&`` runs beside the next one, which starts
        as soon as a step has begun. ``wait`` waits for it, and returns what it has printed.
        """
        if command == "kill -9 $!":
            self._jobs[-1].kill()
            self._jobs[-1].wait()
            return ""
        if command == "wait":
            self._jobs[-1].wait(60)
            return (self._folder / f"job-{len(self._jobs) - 1}").read_text()
        command, _, file = command.partition(" > ")
        tool, *words = shlex.split(command)
        known = {"simpleflow": SIMPLEFLOW, "pytest": PYTEST}
        args = [*(known[tool] if tool in known else [program(tool)]), *words]
        if command.endswith(" &"):
            self._begin(args[:-1])
            return ""
        if tool == "simpleflow" and not file:
            return nursery.run(words, self._folder, self._environment, as_module=True, merged=True).out
        run = subprocess.run(
            args,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if file:
            (self._folder / file).write_text(run.stdout)
        return "" if file else run.stdout

    def looks_beside(self, command: str) -> bool:
        """True if a command only looks at a run that goes on beside it, and may come too early."""
        looks = command.startswith(
            ("simpleflow workflow.list", "simpleflow workflow.steps", "simpleflow workflow.info")
        )
        return looks and any(job.poll() is None for job in self._jobs)

    def _begin(self, args: list[str]) -> None:
        path = self._folder / f"job-{len(self._jobs)}"
        with path.open("w") as file:
            self._jobs.append(self._popen(args, file))
        end = time.monotonic() + 60
        while "scheduled" not in path.read_text():
            assert self._jobs[-1].poll() is None, path.read_text()
            assert time.monotonic() < end, path.read_text()
            time.sleep(0.01)

    def _popen(self, args: list[str], file: IO[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            args, cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file, text=True
        )

    def close(self) -> None:
        """Kill the commands that still run."""
        for job in self._jobs:
            job.kill()
            job.wait()


@pytest.mark.parametrize("page", of_kind("sh"))
def test_shell(page: str) -> None:
    """Shell blocks that install or copy are not run; the make targets and extras that they name exist."""
    makefile, project = ((ROOT / name).read_text() for name in ("Makefile", "pyproject.toml"))
    for block in blocks(page):
        if block.kind == "sh":
            for target in re.findall(r"\bmake ([\w-]+)", block.text):
                assert f"\n{target}:" in makefile
            for extra in re.findall(r"\[(\w+)\]", block.text):
                assert f"\n{extra} = [" in project


@pytest.mark.parametrize("page", of_kind("yaml"))
def test_workflows_of_ci(page: str) -> None:
    """They are YAML, and their commands are commands of simpleflow, with options that it has."""
    for block in blocks(page):
        if block.kind == "yaml":
            jobs = yaml.safe_load(block.text)["jobs"]
            lines = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
            calls = [shlex.split(line)[1:] for line in lines if line.startswith("simpleflow ")]
            assert calls
            for name, *words in calls:
                command = app.get_command(click.Context(app), name)
                assert command is not None, name
                command.make_context(name, words, parent=click.Context(app, obj=Session()))


def test_the_rules_of_snakemake(folders: dict[str, Path]) -> None:
    """Snakemake makes the file that the workflow beside it makes. It is large, so it is not among the extras."""
    if shutil.which("snakemake") is None:
        pytest.skip("snakemake is not on PATH: the Snakefile of docs/from-snakemake.md is not tried")
    page = "docs/from-snakemake.md"
    folder = folders[page] / "rules"
    folder.mkdir()
    [rules] = [block.text for block in blocks(page) if block.text.startswith("rule all:")]
    (folder / "Snakefile").write_text(rules)
    subprocess.run(["snakemake", "--cores", "1"], cwd=folder, check=True, capture_output=True)
    assert (folder / "report.txt").read_text() == "39 euros\n"


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output that the page shows for it."""
    if block.kind != "console":
        return
    parts = re.split(r"^\$ (.*)$", block.text, flags=re.MULTILINE)
    assert parts[0] == "", f"line {block.line}: a console block begins with a command"
    for command, output in zip(parts[1::2], parts[2::2], strict=True):
        known = ("simpleflow", "pytest", "python", *OTHER_TOOLS)
        assert command.split()[0] in known or command in ("kill -9 $!", "wait"), command
        yield command, output


def stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def normal(text: str) -> list[str]:
    """The lines, with the parts that differ from run to run replaced."""
    text = unstamped(text)  # pages show what a terminal shows
    for pattern, word in (
        (r"(?<![\w-])2\d[\w-]{44}(?![\w-])", "ID"),
        (r"(?m)(^|(?<= ))2\d[\w-]{6}(?![\w-])", "ID"),  # short
        (r"\b\d+(\.\d+)? ?(ms|s|min)\b", "N s"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b", "DATE"),
        (r"\bprocess \d+\b( on [^\s)]+)?", "process N"),
        (r"\bsimpleflow@\d+", "simpleflow@N"),
        (r"\bobject at 0x[0-9a-f]+", "object at 0xN"),
        (r"\(\d+ events\)", "(N events)"),
        (r"\bof \d+ decision tasks\b", "of N decision tasks"),  # one task may tell of two ends
        (r"\b\d+(\.\d+)? (kB|MB)\b", "N kB"),
        (r"((?<= in )|(?<= folder ))/\S+(?=/\.simpleflow\b)", "FOLDER"),
    ):
        text = re.sub(pattern, word, text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]
