"""The examples and the demo through the command line, each in a separate process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests import nursery
from tests.examples.conftest import EXAMPLES
from tests.examples.test_examples import EXPECTED
from tests.stamps import unstamped

OPTIONS: dict[str, list[str]] = {
    "activity_class:ActivityClass": ["--tags", "shop"],
    "middlewares:Middlewares": [
        *("--middleware-pre-execution", "middlewares.before"),
        *("--middleware-post-execution", "middlewares.after"),
    ],
    "priorities_and_tags:Priorities": ["--tags", "shop", "--nb-workers", "1"],
}
NUMBERED = re.compile(r"(?P<steps>\d+) steps: (?P<ran>\d+) ran, (?P<skipped>\d+) skipped, (?P<failed>\d+) failed")


def start(target: str, folder: Path, *options: str) -> nursery.Ended:
    module, _, name = target.partition(":")
    command = ["workflow.start", "--local", *options, f"{EXAMPLES / module}.py:{name}"]
    return nursery.run(command, folder, dict(os.environ), as_module=True)


@pytest.mark.parametrize("target", sorted(EXPECTED))
def test_example(target: str, tmp_path: Path) -> None:
    result, printed, _ = EXPECTED[target]
    run = start(target, tmp_path, *OPTIONS.get(target, ()))
    assert run.code == 0, run.err
    assert json.loads(run.out) == result
    lines = [line.rpartition(" | ")[2] for line in unstamped(run.err).splitlines()]
    assert [line for line in printed if line not in lines] == []


@pytest.mark.parametrize("target", ["basic_step:AWorkflow", "step:CustomizedStepWorkflow"])
def test_example_steps_run_then_are_skipped(target: str, tmp_path: Path) -> None:
    counts = []
    for _ in range(2):
        run = start(target, tmp_path)
        assert run.code == 0, run.err
        match = NUMBERED.search(unstamped(run.err).replace("1 step:", "1 steps:"))
        assert match is not None, run.err
        counts.append([int(match[key]) for key in ("ran", "skipped", "failed")])
    assert counts == ([[1, 0, 0], [0, 1, 0]] if "basic" in target else [[4, 1, 0], [0, 5, 0]])


def test_fail(tmp_path: Path) -> None:
    run = start("fail:Failing", tmp_path)
    assert (run.code, run.out) == (1, "")
    assert "too few rows" in run.err


def test_time_out(tmp_path: Path) -> None:
    run = start("retries:Retries", tmp_path, "--nb-workers", "2")
    found = json.loads(run.out)
    assert found["flaky"] == "it took 3 tries"
    assert found["slow"].startswith("time-out START_TO_CLOSE after 1 s: ")


class TestDemo:
    def test_make_installs_three_packages_for_it(self) -> None:
        project = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text())["project"]
        command = [sys.executable, "examples/demo.py", "--needs"]
        needs = subprocess.run(
            command, cwd=EXAMPLES.parent, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert needs == project["dependencies"]
        assert len(needs) == 3
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        make = ["make", "--dry-run", "--always-make", "demo"]
        shown = subprocess.run(
            make, cwd=EXAMPLES.parent, env=environment, capture_output=True, text=True, check=True
        ).stdout
        assert ".venv-demo/bin/python examples/demo.py" in shown
        assert "[dev]" not in shown

    def test_it_says_what_is_missing(self, clone: Path) -> None:
        shutil.copy(EXAMPLES.parent / "pyproject.toml", clone)
        command = [sys.executable, "-S", "-E", "examples/demo.py"]  # without site-packages
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"not installed for {sys.executable}: click, greenlet, msgspec; run: make demo\n"

    @pytest.fixture
    def clone(self, tmp_path: Path) -> Path:
        """A copy of the examples, so that the demo of a developer stays as it is, and a small library to count."""
        shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        for package in ("asyncio", "json", "logging", "unittest"):
            shutil.copytree(Path(sysconfig.get_path("stdlib"), package), tmp_path / "library" / package)
        return tmp_path

    @staticmethod
    def demo(clone: Path, errors: int = subprocess.STDOUT) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}
        command = [sys.executable, "examples/demo.py", "library"]
        return subprocess.Popen(
            command, cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
        )

    def finish(self, clone: Path) -> str:
        with self.demo(clone) as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return output

    def test_whole(self, clone: Path) -> None:
        output = self.finish(clone)
        headlines = [line.strip("━ ") for line in output.splitlines() if line.startswith("━━")]
        assert headlines == [
            "First run: every step runs",
            "Second run: every step is done, so it is skipped",
            "The report",
        ]
        first, second = (match.groupdict() for match in NUMBERED.finditer(output))
        assert first == {"steps": first["steps"], "ran": first["steps"], "skipped": "0", "failed": "0"}
        assert second == {"steps": first["steps"], "ran": "0", "skipped": first["steps"], "failed": "0"}
        assert "A census of" in output
        for name in ("report.txt", "report.svg", "first-run.html", "second-run.html"):
            path = clone / ".simpleflow" / "demo" / "census" / name
            assert path.is_file()
            assert str(path.relative_to(clone)) in output
        # After a demo has ended, the next one starts from the beginning.
        assert [match["ran"] for match in NUMBERED.finditer(self.finish(clone))] == [first["steps"], "0"]

    def test_a_killed_demo_is_resumed(self, clone: Path) -> None:
        with self.demo(clone) as process:
            assert process.stdout is not None
            completed = []
            for line in process.stdout:
                match = re.match(r"completed +(\S+)", unstamped(line))
                completed += [match[1]] if match else []
                if len(completed) == 3:
                    break
            process.send_signal(signal.SIGKILL)
        output = unstamped(self.finish(clone))
        assert "this one continues it" in output
        again = re.findall(r"^completed +(\S+)", output, re.MULTILINE)
        assert again
        assert set(again).isdisjoint(completed)
        assert (clone / ".simpleflow" / "demo" / "ended").exists()
