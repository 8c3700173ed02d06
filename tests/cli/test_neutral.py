"""What names, errors and values hold is neutral in views, tables, CSV, JSON and logs; passwords are hidden."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow import shown_text
from simpleflow.cli import main, processes
from tests.cli.conftest import Folder

ODD = "=cmd|' /C calc'!A0\x1b[31m\x9b31m\u202e\r\nnext\x07\x00\u2028end"

FLOW = """
from simpleflow import Workflow, activity, futures
from simpleflow.step import WorkflowStepMixin

ODD = %r

@activity.with_attributes(name="=act\\u202e", version="+v", task_list="-tl")
def act(x): raise ValueError(ODD)
@activity.with_attributes(name="@ok")
def ok(x): return ODD

class W(Workflow, WorkflowStepMixin):
    name = "=w\\u202e"
    version = "@v"
    tag_list = ["=tag\\u202e", "+t"]
    def run(self):
        steps = [
            self.submit(self.step("=step\\u202e", (act, ODD))),
            self.submit(self.step("-ok\\u202e", (ok, ODD), keep_result=True)),
        ]
        self.submit(self.record_marker("=m\\u202e", ODD))
        futures.wait(*steps)
        return ODD
"""

READERS = [
    ["workflow.list", "-s", "all"],
    ["workflow.info", "=w\u202e"],
    ["workflow.history", "=w\u202e"],
    ["workflow.tasks", "=w\u202e"],
    ["workflow.profile", "=w\u202e"],
    ["step.list", "odd.py:W"],
    ["step.plan", "odd.py:W"],
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    folder = Folder(tmp_path_factory.mktemp("odd"))
    (folder.path / "odd.py").write_text(FLOW % ODD)
    done = folder.run("workflow.start", "--local", "--state", "state", "--nb-workers", "0", "odd.py:W")
    assert done.code == 3
    neutral(done.err)
    neutral(done.out)
    assert json.loads(done.out) == ODD
    yield folder
    sys.modules.pop("odd", None)


def neutral(text: str) -> None:
    raw = [each for each in text if not each.isprintable() and each != "\n"]
    assert raw == [], (raw, text)


@pytest.mark.parametrize("style", ["table", "csv", "json"])
@pytest.mark.parametrize("words", READERS, ids=[words[0] for words in READERS])
def test_commands(
    project: Folder, words: list[str], style: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    assert main([*words, "--state", "state", "--format", style]) == 0
    out, err = capfd.readouterr()
    neutral(out)
    neutral(err)
    if style == "csv":
        for row in csv.reader(io.StringIO(out)):
            assert not [each for each in row if each.startswith(("=", "+", "-", "@", "\t"))], row
    if style == "json":
        assert "\u202e" in json.dumps(json.loads(out), ensure_ascii=False)


def test_tracebacks(
    project: Folder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(project.path)
    assert (
        main(["task.info", "=w\u202e", "activity-=act\u202e-step.=step\u202e.-1", "--state", "state", "--details"]) == 0
    )
    out, err = capfd.readouterr()
    assert "Traceback (most recent call last)" in out
    neutral(out + err)
    done = project.run(
        "workflow.start", "--debug", "--local", "--state", str(tmp_path), "--nb-workers", "0", "odd.py:W"
    )
    assert "Traceback (most recent call last)" in done.err
    neutral(done.err)


def test_raw_events_are_the_same_values(
    project: Folder, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    assert main(["workflow.history", "=w\u202e", "--state", "state", "--output", "raw"]) == 0
    out = capfd.readouterr().out
    neutral(out)
    assert json.loads(out)[0]["workflowExecutionStartedEventAttributes"]["tagList"][0] == "=tag\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pw@host:80/x", "http://user:***@host:80/x"),
        ("https://u:p@ss/w:@h", "https://u:***@h"),
        ("socks5h://:secret@proxy:1", "socks5h://:***@proxy:1"),
        ("user:pw@host:9000", "user:***@host:9000"),
        ('proxy URL: "http://me:s3cr@proxy:1" and http://h/', 'proxy URL: "http://me:***@proxy:1" and http://h/'),
        ("http://u:p@h2/ and http://u2:p2@h3", "http://u:***@h2/ and http://u2:***@h3"),
        ("http://h/x?token=s3cr", "http://h/x?token=***"),
        ("https://a.blob/c?sv=1&sig=a%2Fb=&se=2 is gone", "https://a.blob/c?sv=1&sig=***&se=2 is gone"),
        ("https://b.s3/k?X-Amz-Signature=0f&X-Amz-Date=1", "https://b.s3/k?X-Amz-Signature=***&X-Amz-Date=1"),
        ("http://u:p@h/?API_KEY=k#part", "http://u:***@h/?API_KEY=***#part"),
        ("https://h/?list-type=2&prefix=w", "https://h/?list-type=2&prefix=w"),
        ("monkey=1", "monkey=1"),
        ("host:9000/bucket", "host:9000/bucket"),
        ("bob@example.com: hello", "bob@example.com: hello"),
        ("https://host/a@b", "https://host/a@b"),
    ],
)
def test_passwords(text: str, shown: str) -> None:
    assert shown_text.hide_passwords(text) == shown


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "AWS_ENDPOINT_URL_S3", "SIMPLEFLOW_S3_HOST"])
@pytest.mark.parametrize("command", ["info settings", "info environment", "info environment --format json"])
def test_info_hides_passwords(
    command: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "http://user:hunter2@host:1")
    monkeypatch.setattr(sys, "path", sys.path[:])
    assert main(command.split()) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert ("http://user:***@host:1" in out) is (command != "info settings" or name == "SIMPLEFLOW_S3_HOST")


def test_errors_hide_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMPLEFLOW_STEP_CHANGES", "http://user:hunter2@host:1")
    assert main(["workflow.start", "--local", "--input-file", "http://user:hunter2@host:1", "x.py:X"]) == 2
    err = capsys.readouterr().err
    assert "user:***@host:1" in err
    assert "hunter2" not in err


def test_log_lines() -> None:
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "a\nb\x1b[31m %s", ("http://u:pw@h",), None)
    try:
        raise ValueError("one\ntwo\x9b")
    except ValueError:
        record.exc_info = sys.exc_info()
    text = processes._OneLine("%(message)s").format(record)
    neutral(text)
    first, *rest = text.splitlines()
    assert first == "a\\nb\\x1b[31m http://u:***@h"
    assert rest[0].startswith("Traceback")
    assert rest[-2:] == ["ValueError: one", "two\\x9b"]
