"""``history.check``: what ``workflow.history`` has written is replayed with the code of today."""

from __future__ import annotations

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
