"""Bad input gives one line with the error, and exit code 2."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import pytest

from simpleflow.cli import main
from tests.cli.conftest import Folder

START = "workflow.start --local "
ROWS = [
    ("workflow.start --local", "Missing argument 'WORKFLOW'; see simpleflow workflow.start --help"),
    ("workflow.begin", "No such command 'workflow.begin'"),
    ("--nope", "No such option"),
    (START + "flow.Daily --nope", "No such option"),
    (START + "flow.Daily --nb-workers -1", "Invalid value for '--nb-workers'"),
    (START + "flow.Daily --nb-workers two", "'two' is not a valid integer"),
    (START + "flow.Daily --execution-timeout 0", "Invalid value for '--execution-timeout'"),
    ("--color red workflow.start", "'red' is not one of 'auto', 'always', 'never'"),
    (START + "daily", "'daily' does not name a workflow; expected module.Class or path/to/file.py:Class"),
    (START + "flow", "'flow' does not name a workflow (did you mean 'flow.py'?); expected module.Class"),
    (START + "flow:", "'flow:' does not name a workflow"),
    (START + ".Daily", "'.Daily' does not name a workflow"),
    (START + "flows.Daily", "there is no module 'flows' in "),
    (START + "flow.sub.Daily", "there is no module 'flow.sub'"),
    (START + "other.py:Daily", "there is no file 'other.py'"),
    (START + "no/such/flow.py:Daily", "there is no file 'no/such/flow.py'"),
    (START + "/tmp/:Daily", "is a folder"),
    (START + "text.txt/x:Daily", "there is no file"),
    (START + "async_run.py", "run of workflow class A is 'async def'; expected 'def'"),
    (START + "no_run.py:A", "workflow class A has no method run"),
    (START + "flow.py", "'flow.py' defines more than one workflow; expected flow.py:Class; workflow classes there: D"),
    (START + "empty.py", "'empty.py' defines no workflow; expected empty.py:Class; there is no workflow class there"),
    (START + "flow.Dayly", "there is no class 'Dayly' in 'flow' (did you mean 'Daily'?); workflow classes"),
    (START + "empty.X", "there is no class 'X' in 'empty'; there is no workflow class there"),
    (START + "flow.helper", "'flow.helper' is a function, not a workflow class; workflow classes there: Daily"),
    (START + "flow.Plain", "is a class that does not derive from simpleflow.Workflow"),
    (START + "flow.Workflow", "is simpleflow.Workflow itself"),
    (START + "broken.X", "'broken' cannot be imported: ModuleNotFoundError: No module named 'pandaz' (broken.py:2)"),
    (START + "broken.py:X", "'broken.py' cannot be imported: ModuleNotFoundError: No module named 'pandaz'"),
    (START + "wrong.X", "'wrong' cannot be imported: SyntaxError: expected ':' (wrong.py:1)"),
    (START + "handles.py:X", "'handles.py' cannot be imported: SystemExit: 3 (handles.py:1)"),
    (START + "flow.Daily --workflow-id caf\udce9", "--workflow-id 'caf\\udce9' holds bytes that are not UTF-8"),
    (START + "flow.Daily -i [1", "--input is not JSON: expecting ',' delimiter (column 3, at its end)"),
    (START + "flow.Daily -i [1;2]", "--input is not JSON: expecting ',' delimiter (column 3, at ';2]')"),
    (START + "flow.Daily -i mon", "expecting value (column 1, at 'mon'); put a text in quotes: '\"mon\"'"),
    (START + "flow.Daily -i [NaN]", "JSON has no number NaN"),
    (START + "flow.Daily -i [1e999]", "a number that JSON cannot hold"),
    (START + 'flow.Daily -i {"x":1}', 'with the key "x", which may mean two things; write {"kwargs": {"x": 1}}'),
    (START + 'flow.Daily -i {"args":[],"x":1}', 'with "args" or "kwargs" and also "x"'),
    (START + 'flow.Daily -i {"args":1}', '"args" is 1; expected a list'),
    (START + 'flow.Daily -i {"kwargs":[1]}', '"kwargs" is [1]; expected an object'),
    (START + 'flow.Daily -i {"kwargs":{"day":1,"day":2}}', 'the key "day" appears twice'),
    (START + "flow.Daily -i " + "[" * 100_000, "nested too deeply"),
    (START + "flow.Daily --input-file none.json", "input file 'none.json' cannot be read: No such file"),
    (START + "flow.Daily --input-file .", "input file '.' cannot be read: Is a directory"),
    (START + "flow.Daily --input-file binary", "input file 'binary' is not UTF-8 text: byte 0 is 0xff"),
    (START + "flow.Daily --input-file -", "standard input is empty"),
    (START + "flow.Daily --input-file - -i 1", "--input and --input-file exclude each other"),
    (START + 'flow.Daily -i {"kwargs":{"dey":1}}', "the input does not fit Daily.run(day='mon', *, force=None,"),
    (START + "flow.Daily -i [1,2]", "the input does not fit Daily.run(day='mon', *, force=None, skip=None): too many"),
    (START + "flow.Daily --tags a,b,c,d,e,f", "tag_list holds 6 tags; expected 5 at most"),
    (START + "flow.Daily --tags a,,b", "tag_list: tag is empty"),
    (START + "flow.Daily --workflow-id=", "--workflow-id is empty"),
    (START + "flow.Daily --workflow-id " + "x" * 257, "has 257 characters; expected 256 at most"),
    (START + "flow.Daily --task-list=", "--task-list is empty"),
    (START + "flow.Daily --middleware-pre-execution flow.none", "middleware 'flow.none' cannot be loaded"),
    (START + "flow.Daily --middleware-post-execution flow", "middleware 'flow' cannot be loaded"),
    (START + "flow.Daily --middleware-pre-execution raises.x", "cannot be imported: KeyError: 1 (raises.py:1)"),
    (START + "flow.BadId", "workflow BadId cannot be started: KeyError: 'day' (flow.py:"),
    ("info nothing", "No such command 'nothing'"),
]  # fmt: skip


@pytest.fixture
def files(folder: Folder) -> Iterator[Folder]:
    for name, content in {
        "empty.py": "",
        "broken.py": "import json\nimport pandaz\n",
        "wrong.py": "class X\n",
        "handles.py": "raise SystemExit(3)\n",
        "raises.py": "{}[1]\n",
        "async_run.py": "from simpleflow import Workflow\nclass A(Workflow):\n    async def run(self): pass\n",
        "no_run.py": "from simpleflow import Workflow\nclass A(Workflow): pass\n",
        "text.txt": "",
    }.items():
        (folder.path / name).write_text(content)
    (folder.path / "binary").write_bytes(b"\xff\xfe")
    yield folder
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder.path)):
            del sys.modules[name]


@pytest.mark.parametrize(("args", "message"), ROWS, ids=[args[:60] for args, _ in ROWS])
def test_one_line(
    files: Folder, args: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(files.path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(args.split(" ")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (files.path / ".simpleflow").exists()


def test_one_line_from_the_console_script(files: Folder) -> None:
    done = files.run("workflow.start", "--local", "flow.Dayly")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: there is no class 'Dayly'")
    assert done.err.count("\n") == 1


def test_debug_shows_the_traceback(files: Folder) -> None:
    done = files.run("--debug", "workflow.start", "--local", "broken.X")
    assert done.code == 2
    assert "import pandaz" in done.err


@pytest.mark.parametrize("kind", ["file", "forbidden", "rubbish"])
def test_an_unusable_state_folder_is_one_line(folder: Folder, kind: str) -> None:
    state = folder.path / "state"
    if kind == "file":
        state.write_text("")
    elif kind == "forbidden":
        if os.geteuid() == 0:
            state = folder.path / "proc"
            state.symlink_to("/proc/self")
        else:
            state.mkdir(mode=0o555)
    else:
        state.mkdir()
        (state / "history.sqlite").write_text("rubbish" * 1000)
    done = folder.start("flow.Daily", "--state", str(state))
    assert (done.code, done.out) == (1, "")
    damage = "is damaged: file is not a database; see simpleflow state.check "
    problem = damage if kind == "rubbish" else "could not be "
    assert done.err.startswith(f"error: state folder {state} {problem}")
    assert done.err.count("\n") == 1


def test_an_internal_fault_has_its_own_exit_code(folder: Folder) -> None:
    """A workflow file breaks a module of simpleflow, as a bug in it would."""
    (folder.path / "breaks.py").write_text(
        "from simpleflow import Workflow, local\n"
        "class W(Workflow):\n    def run(self):\n        return 1\n"
        "def drive(*args):\n    raise ZeroDivisionError('inside')\n"
        "local.drive = drive\n"
    )
    done = folder.start("breaks.W")
    assert done.code == 70
    last = done.err.splitlines()[-1]
    assert last.startswith("error: internal fault: ZeroDivisionError: inside")
    assert last.endswith("run it again with --debug for the traceback")
    assert "Traceback" not in done.err
    assert "Traceback" in folder.start("breaks.W", "--debug").err
