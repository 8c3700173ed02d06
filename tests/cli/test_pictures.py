"""Runs as files to look at: ``workflow.timeline``, ``workflow.graph``, ``workflow.report`` and ``--report``."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from simpleflow.cli.written_files import write_file
from simpleflow.exceptions import StateError
from tests.cli.conftest import Folder
from tests.markup import plain

FLOW = """
from flow import *

@activity.with_attributes(raises_on_failure=True)
def check(what):
    print("<b>checking</b>", what)
    raise ValueError(f"{what} is broken")

class Shown(Workflow, WorkflowStepMixin):
    name = "shown"

    def run(self, day="mon"):
        load = self.submit(self.step("load.users", (fetch, day), force_steps_if_executed=["check"]))
        futures.wait(load)
        return self.submit(self.step("check", (check, day))).value
"""


def test_the_files_of_a_failed_run(folder: Folder) -> None:
    (folder.path / "shown.py").write_text(FLOW)
    done = folder.start("shown.py", "--report", "out/{workflow_id}.html", "--on-failure", "cat > told")
    assert done.code == 1
    assert done.err.splitlines()[-1] == f"report: {folder.path}/out/shown.html"
    html = plain((folder.path / "out/shown.html").read_text())
    for expected in (
        "ValueError: mon is broken",
        "in check: raise ValueError",
        "&lt;b&gt;checking&lt;/b&gt; mon",
        "simpleflow workflow.start --local --nb-workers 2 shown.py --report",
        f"simpleflow task.info --state {folder.path}/.simpleflow --run-id",
    ):
        assert expected in html, expected
    assert json.loads((folder.path / "told").read_text())["report"] == f"{folder.path}/out/shown.html"
    for command, files in (("timeline", ("a.svg", "a.html", "a.json", "a.perfetto")), ("graph", ("b.svg", "b.mmd"))):
        for name in files:
            done = folder.run(f"workflow.{command}", "shown", "-o", name)
            assert (done.code, done.out) == (0, "")
            assert done.err.startswith(f"the {command} of run 2")
            assert done.err.endswith(f" of workflow shown: {name}\n")
    assert "load.users" in texts(folder.path / "a.svg")
    assert {"load.users", "check"} <= texts(folder.path / "b.svg")
    names = {each["name"] for each in json.loads((folder.path / "a.json").read_text())["traceEvents"]}
    assert {"load.users", "check"} <= names
    assert (folder.path / "a.perfetto").read_text() == (folder.path / "a.json").read_text()
    assert "n0 ==> n1" in (folder.path / "b.mmd").read_text()
    done = folder.run("workflow.report", "-o", "report.html")  # the latest run
    assert done.code == 0
    assert "simpleflow workflow.restart --state" in plain((folder.path / "report.html").read_text())


def texts(path: Path) -> set[str]:
    return {each.text or "" for each in ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")}


def test_the_setting_and_paths_that_cannot_be_written(folder: Folder) -> None:
    (folder.path / "file").write_text("")
    done = folder.start("flow.Daily", SIMPLEFLOW_REPORT="{run_id}.html")
    assert done.code == 0
    [report] = folder.path.glob("2*.html")
    assert report.stat().st_size > 10_000
    done = folder.start("flow.Daily", "--report", "file/report.html")
    assert done.code == 0, "a report that cannot be written does not change the exit code"
    assert "warning: the report was not written: the report cannot be written to" in done.err
    done = folder.start("flow.Daily", "--report", ".")
    assert done.code == 2
    assert "--report '.' is a folder; expected the path of a file" in done.err
    done = folder.start("flow.Missing", "--report", "none.html")
    assert done.code == 2
    assert not (folder.path / "none.html").exists()


def test_an_id_stays_one_name_of_a_file_and_an_interrupted_run_is_reported(folder: Folder) -> None:
    (folder.path / "shown.py").write_text(FLOW.replace("raise V", "import time; time.sleep(60); raise V"))
    process = folder.begin("shown.py", "--workflow-id", "..<b>x", "--report", "out/{workflow_id}.html")
    logs = folder.path / ".simpleflow" / "logs"
    folder.wait_for(lambda: list(logs.glob("*/*check*")))
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    [report] = (folder.path / "out").iterdir()
    assert report.name == "%2E.%3Cb%3Ex.html"
    html = report.read_text()
    assert "running for" in html
    assert "..&lt;b&gt;x" in html
    assert "..<b>x" not in html


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("timeline", "-o", "x.png"), "--output 'x.png' does not say which kind of file it is"),
        (("graph", "-o", ".svg"), "expected a name that ends with .svg or .mmd"),
        (("report", "-o", "report"), "expected a name that ends with .html or .htm"),
        (("report", "-o", "report.html"), "there are no runs in folder"),
        (("timeline",), "Missing option '--output' / '-o'"),
    ],
)
def test_one_line_says_what_is_wrong(folder: Folder, arguments: tuple[str, ...], expected: str) -> None:
    done = folder.run(f"workflow.{arguments[0]}", *arguments[1:])
    assert done.code in (1, 2)
    assert len(done.err.splitlines()) == 1
    assert expected in done.err


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.svg"
    write_file(str(path), ["one", "two\ud800"], "the graph")
    assert path.read_text() == "onetwo\\ud800"

    def breaks() -> object:
        yield "half"
        raise OSError(28, "No space left on device")

    with pytest.raises(StateError, match=r"the graph cannot be written to .*: No space left"):
        write_file(str(path), breaks(), "the graph")  # type: ignore[arg-type]
    assert path.read_text() == "onetwo\\ud800"
    assert [each.name for each in path.parent.iterdir()] == ["a.svg"]
    link = tmp_path / "link.svg"
    link.symlink_to(path)
    write_file(str(link), ["three"], "the graph")
    assert link.is_symlink()
    assert path.read_text() == "three"
    write_file("/dev/null", ["nothing"], "the graph")
