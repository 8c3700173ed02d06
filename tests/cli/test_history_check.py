"""``history.check``: what ``workflow.history`` has written is replayed with the code of today."""

from __future__ import annotations

import json

from tests.cli.conftest import Folder

CODE = """
from simpleflow import Workflow, activity

@activity.with_attributes(name="check.one")
def one(x):
    return x

class W(Workflow):
    name = "w"

    def run(self):
        return self.submit(one, 1).result
"""


def test_the_command(folder: Folder) -> None:
    (folder.path / "flow.py").write_text(CODE)
    (folder.path / "new.py").write_text(CODE.replace("one, 1", "one, 2"))
    assert folder.run("workflow.start", "--local", "flow.W").code == 0
    for output in ((), ("-o", "raw")):
        dump = folder.run("workflow.history", "w", "--local", "--format", "json", *output)
        (folder.path / "dump.json").write_text(dump.out)
        done = folder.run("history.check", "dump.json", "flow.W")
        assert (done.code, done.out) == (0, "the same: 2 decisions of 2 decision tasks\n"), done.err
        done = folder.run("history.check", "dump.json", "flow.W", "--code", "new.py")
        assert done.code == 1
        assert done.out.splitlines()[1:] == [
            'recorded: activity check.one (id activity-check.one-1) with {"args":[1],"kwargs":{}}',
            'today:    activity check.one (id activity-check.one-1) with {"args":[2],"kwargs":{}}',
        ]
    for text in ("[1]", "{", "{}"):
        (folder.path / "dump.json").write_text(text)
        done = folder.run("history.check", "dump.json", "flow.W")
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert folder.run("history.check", "none.json", "flow.W").code == 2


UNNAMED = """
from simpleflow import Workflow, activity
HELPER

@activity.with_attributes(raises_on_failure=True)
def one(x):
    return x

class W(Workflow):
    def run(self):
        first = self.submit(one, 1).result
        return self.submit(one, first + 1).result
"""


def test_other_code_has_the_names_of_the_module(folder: Folder) -> None:
    package = folder.path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "helper.py").touch()
    (folder.path / "flow.py").write_text(UNNAMED.replace("HELPER", ""))
    (package / "flow.py").write_text(UNNAMED.replace("HELPER", "from . import helper"))
    for workflow, helper in (("flow.W", ""), ("flow.py:W", ""), ("package.flow.W", "from . import helper")):
        (folder.path / "new.py").write_text(UNNAMED.replace("HELPER", helper))
        (folder.path / "changed.py").write_text(UNNAMED.replace("HELPER", helper).replace("first + 1", "first + 2"))
        started = folder.run("workflow.start", "--local", workflow, "--workflow-id", "w")
        assert started.code == 0, started.err
        dump = folder.run("workflow.history", "w", "--local", "--format", "json", "-o", "raw")
        (folder.path / "dump.json").write_text(dump.out)
        same = folder.run("history.check", "dump.json", workflow, "--code", "new.py")
        assert (same.code, same.out) == (0, "the same: 3 decisions of 3 decision tasks\n"), same.err
        done = folder.run("history.check", "dump.json", workflow, "--code", "changed.py")
        assert done.code == 1
        assert [line[-24:] for line in done.out.splitlines()[1:]] == [
            '{"args":[2],"kwargs":{}}',
            '{"args":[3],"kwargs":{}}',
        ]


STEPS = """
from simpleflow import Workflow, activity
from simpleflow.step import WorkflowStepMixin

@activity.with_attributes(name="check.one")
def one(x):
    return x

class W(Workflow, WorkflowStepMixin):
    name = "w"

    def run(self):
        return self.submit(self.step("a", (one, 1))).value
"""


def test_steps_of_code_in_another_file(folder: Folder) -> None:
    (folder.path / "flow.py").write_text(STEPS)
    assert folder.run("workflow.start", "--local", "flow.W").code == 0
    dump = json.loads(folder.run("workflow.history", "w", "--local", "--format", "json", "-o", "raw").out)
    (folder.path / "dump.json").write_text(json.dumps({"events": dump, "nextPageToken": "more"}))
    (folder.path / "new.py").write_text(STEPS.replace("return x", "return x + 1"))
    done = folder.run("history.check", "dump.json", "flow.W", "--code", "new.py")
    assert (done.code, done.out[:10]) == (0, "the same: "), done.out
    assert done.err == (
        "warning: file 'dump.json' is one page of a history; the events of the next pages are not checked\n"
    )
    (folder.path / "new.py").write_text(STEPS.replace("value", "result[0]"))
    done = folder.run("history.check", "dump.json", "flow.W", "--code", "new.py")
    assert [line.split(" with ")[0] for line in done.out.splitlines()[1:]] == [
        "recorded: end of the run completed",
        "today:    end of the run completed",
    ]


def test_what_the_aws_cli_writes(folder: Folder) -> None:
    (folder.path / "flow.py").write_text(CODE)
    assert folder.run("workflow.start", "--local", "flow.W").code == 0
    events = json.loads(folder.run("workflow.history", "w", "--local", "--format", "json", "-o", "raw").out)
    for time in ("2026-11-29T10:00:00.123000+01:00", "2026-11-29 09:00:00+00:00", 1_795_000_000, "1795000000.123"):
        text = json.dumps({"events": [{**each, "eventTimestamp": time} for each in events]})
        done = folder.run("history.check", "-", "flow.W", stdin=text)
        assert (done.code, done.out) == (0, "the same: 2 decisions of 2 decision tasks\n"), done.err
