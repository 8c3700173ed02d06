"""An unknown command or option is answered with the one that may be meant, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpleflow.cli import main

COMMANDS = [
    ("workflow.strat", "workflow.start"),
    ("workflow.stat x --nope", "workflow.start"),
    ("workflow-start x", "workflow.start"),
    ("Workflow.Start", "workflow.start"),
    ("workflow start x", "workflow.start"),
    ("workflow_list", "workflow.list"),
    ("plan", "step.plan"),
    ("step.paln", "step.plan"),
    ("restrat", "workflow.restart"),
    ("standalon", "standalone"),
    ("decider", "decider.start"),
    ("severs", "server"),
    ("inof", "info"),
    ("info version", "versions"),
    ("run flow.py", "workflow.start"),
    ("workflow.run flow.py", "workflow.start"),
    ("workflow.stop x", "workflow.cancel"),
    ("workflow kill x", "workflow.terminate"),
    ("list", "workflow.list"),
]
OPTIONS = [
    ("workflow.start --froce x y", "--force"),
    ("workflow.start --workflow_id x y", "--workflow-id"),
    ("workflow.start --params x y", "--param"),
    ("workflow.start --middleware x y", "--middleware-pre-execution"),
    ("workflow.start --Local y", "--local"),
    ("step.plan --chagned x", "--changed"),
    ("workflow.list --locl", "--local"),
    ("info settings --fromat json", "--format"),
    ("--verison", "--version"),
]


@pytest.mark.parametrize(("line", "meant"), COMMANDS)
def test_a_command(line: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(line, capsys).startswith("error: No such command ")
    assert f" (did you mean '{meant}'?); see simpleflow " in refused(line, capsys)


@pytest.mark.parametrize(("line", "meant"), OPTIONS)
def test_an_option(line: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f" (did you mean '{meant}'?); see simpleflow" in refused(line, capsys)


@pytest.mark.parametrize("line", ["zzz", "info zzz", "workflow.start --zzz", "workflow.start -Z", "-Z"])
def test_nothing_is_suggested_where_nothing_is_close(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" not in refused(line, capsys).lower()


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightly.py").touch()
    for path in ("nigthly.py", "nightly.pyy:Flow", "./nigtly.py:Flow", "other.py"):
        said = refused(f"workflow.start {path}", capsys)
        assert ("did you mean" in said) == (path != "other.py" and ".pyy" not in path), said
    assert "there is no file './nigtly.py' (did you mean './nightly.py'?)" in refused(
        "workflow.start ./nigtly.py:Flow", capsys
    )


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err
