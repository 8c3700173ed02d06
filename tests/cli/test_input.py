"""The input of ``workflow.start``: every form reaches the workflow, and an unclear input is refused."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow import Workflow
from simpleflow.cli import main, workflow_input
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from tests.cli.conftest import SIMPLEFLOW, Folder


class Echo(Workflow):
    name = "echo"

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return [list(args), kwargs]


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
KEYS = st.sampled_from(["args", "kwargs", "x", "__propagate", ""])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def expected(value: Any) -> Any:
    """The arguments that ``run`` must receive for an input; None if the input must be refused."""
    if isinstance(value, list):
        return [value, {}]
    if not isinstance(value, dict):
        return [[value], {}]
    args, kwargs = value.get("args", []), value.get("kwargs", {})
    fits = set(value) <= {"args", "kwargs"} and isinstance(args, list) and isinstance(kwargs, dict)
    return [args, kwargs] if fits else None


@given(VALUES)
def test_run_receives_every_part_of_an_input(value: Any) -> None:
    text = json.dumps(value)
    if expected(value) is None:
        with pytest.raises(InputError, match="--input"):
            workflow_input.read_input(text, None)
    else:
        assert Executor(Echo).run(workflow_input.read_input(text, None)) == expected(value)


FORMS = ["[1, [2]]", '{"args": [1], "kwargs": {"x": 2}}', '{"args": [1]}', '{"kwargs": {"x": 1}}', "12", '"[1"', "true"]


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("how", ["--input", "-i", "--input-file"])
def test_every_form_of_the_input_reaches_the_workflow(
    text: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input.json").write_text(text)
    given = "input.json" if how == "--input-file" else text
    target = "tests.cli.test_input:Echo"
    assert main(["workflow.start", "--local", "--nb-workers", "0", target, how, given]) == 0
    assert json.loads(capfd.readouterr().out) == expected(json.loads(text))


@pytest.mark.parametrize("text", ['{"x": 1}', '{"args": [], "x": 1}', "[1", "text", "{'x': 1}", "", "[1] [2]"])
@pytest.mark.parametrize("how", ["--input", "--input-file"])
def test_an_ambiguous_or_malformed_input_is_refused_in_one_line(
    text: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("input.json").write_text(text)
    given = "input.json" if how == "--input-file" else text
    assert main(["workflow.start", "--local", "tests.cli.test_input:Echo", how, given]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: input file 'input.json'" if how == "--input-file" else "error: --input")
    assert not Path(".simpleflow").exists()


UNREAD = "warning: standard input holds data that is not read; give --input - to read the input of the workflow from it"


@pytest.mark.parametrize(
    ("kind", "options"), [("pipe", ["--input", "-"]), ("file", ["-i-"]), ("pipe", ["--input-file=-"])]
)
def test_standard_input_is_read_where_an_option_says_so(folder: Folder, kind: str, options: list[str]) -> None:
    done = with_input(folder, kind, '["tue"]', "step.plan", "flow.py:Daily", *options)
    assert (done.returncode, UNREAD in done.stderr) == (0, False)
    bad = with_input(folder, kind, '["tue"', "step.plan", "flow.py:Daily", *options)
    assert (bad.returncode, bad.stderr.count("\n")) == (2, 1)
    assert bad.stderr.startswith("error: standard input is not JSON")


@pytest.mark.parametrize(
    ("kind", "command"),
    [("pipe", "workflow.start --local --nb-workers 1"), ("file", "step.plan"), ("pipe", "step.list")],
)
def test_data_that_nothing_reads_is_told_in_one_line(folder: Folder, kind: str, command: str) -> None:
    done = with_input(folder, kind, '["tue"]', *command.split(), "flow.py:Daily")
    assert (done.returncode, done.stderr.splitlines().count(UNREAD)) == (0, 1)


@pytest.mark.parametrize("kind", ["pipe", "file", "closed", "null"])
def test_standard_input_without_data_is_no_reason_for_a_line(folder: Folder, kind: str) -> None:
    done = with_input(folder, kind, "", "step.plan", "flow.py:Daily")
    assert (done.returncode, UNREAD in done.stderr) == (0, False)


def test_data_that_comes_late_is_told_at_the_end(folder: Folder) -> None:
    script = f"(sleep 1.5; echo '[1]') | {SIMPLEFLOW} workflow.start --local flow.py:Slow"
    (folder.path / "flow.py").write_text(
        "from simpleflow import Workflow\nclass Slow(Workflow):\n    def run(self):\n"
        "        self.submit(self.start_timer('t', 2)).result\n"
    )
    done = subprocess.run(script, shell=True, cwd=folder.path, capture_output=True, encoding="utf-8", timeout=60)
    assert done.stderr.splitlines()[-1] == UNREAD


def with_input(folder: Folder, kind: str, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard input is a pipe or a file with this text, closed, or the null device."""
    (folder.path / "data").write_text(text)
    quoted = shlex.join([SIMPLEFLOW, *args])
    script = {"pipe": "cat data | ", "null": "</dev/null ", "closed": "<&- ", "file": "<data "}[kind] + quoted
    return subprocess.run(script, shell=True, cwd=folder.path, capture_output=True, encoding="utf-8", timeout=60)
