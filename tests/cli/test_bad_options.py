"""The table of bad command lines: each is one line with exit code 2, and nothing is begun, made or listened on."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.cli import main
from tests.cli.conftest import WORKFLOWS, Folder

ROWS = [
    ("workflow.start --local --state= flow.Daily", "--state is empty"),
    ("workflow.start --local --nb-workers nan flow.Daily", "'--nb-workers': 'nan' is not a valid integer r"),
    ("workflow.start --local --nb-workers 1.5 flow.Daily", "'--nb-workers': '1.5' is not a valid integer r"),
    ("workflow.start --local --nb-workers 1e3 flow.Daily", "'--nb-workers': '1e3' is not a valid integer r"),
    ("workflow.start --local --execution-timeout nan flow.Daily", "'--execution-timeout': 'nan' is not a val"),
    ("workflow.start --local --execution-timeout 1e400 flow.Daily", "'--execution-timeout': '1e400' is not a"),
    ("workflow.start --local --execution-timeout -5 flow.Daily", "'--execution-timeout': -5 is not in the ra"),
    ("workflow.start --local --execution-timeout 99999999999 flow.Daily", "'--execution-timeout': 9999999999"),
    ("workflow.start --local --decision-tasks-timeout 0 flow.Daily", "'--decision-tasks-timeout': 0 is not i"),
    ("workflow.start --local --decision-tasks-timeout x flow.Daily", "'--decision-tasks-timeout': 'x' is not"),
    ("workflow.start --local --force a..b flow.Daily", "--force: step name 'a..b' has an empty part"),
    ("workflow.start --local --force , flow.Daily", "--force ',' has an empty name"),
    ("workflow.start --local --force= flow.Daily", "--force '' has an empty name"),
    ("workflow.start --local --skip .a flow.Daily", "--skip: step name '.a' has an empty part"),
    ("workflow.start --local --skip a. flow.Daily", "--skip: step name 'a.' has an empty part"),
    ("workflow.start --local --tags , flow.Daily", "tag_list: tag is empty"),
    ("workflow.start --local --input= flow.Daily", "--input is empty"),
    ("workflow.start --local --input-file= flow.Daily", "input file '' cannot be read: No such file or direc"),
    ('workflow.start --local -i {"args":[],"args":[]} flow.Daily', '--input is not JSON: the key "args" appe'),
    ("workflow.start --local -i [-Infinity] flow.Daily", "--input is not JSON: JSON has no number -Infinity"),
    ("workflow.start --local --workflow-id a\tb flow.Daily", "--workflow-id 'a\\tb' holds a control character"),
    ("workflow.start --local --color purple flow.Daily", "'--color': 'purple' is not one of 'auto', 'alw"),
    ("workflow.start --local --middleware-pre-execution= flow.Daily", "middleware '' cannot be loaded: Empty"),
    ("workflow.start --local --middleware-pre-execution .. flow.Daily", "a middleware cannot be imported: Ty"),
    ("workflow.start --local --workers nowhere flow.Daily", "scheduler 'nowhere' is no address; expected tcp://host"),
    ("workflow.start --local --upload a.py flow.Daily", "--upload is for workers of a scheduler: give --workers, too"),
    ("workflow.start --workers tcp://h:1 --domain d flow.Daily", "--workers is for runs in this process, not for Amaz"),
    ("worker.join nowhere", "scheduler 'nowhere' is no address; expected tcp://host:8786, or a scheduler file"),
    ("worker.join tcp://h:1 --task-lists gpu", "--task-lists is 'gpu'; expected LIST=N, such as gpu=1"),
    ("worker.join tcp://h:1 --task-lists a=1 --slots 2", "--slots and --task-lists exclude each other"),
    ("workflow.start --local --slots gpu flow.Daily", "--slots is 'gpu'; expected LIST=N, such as gpu=1"),
    ("workflow.start --local --slots gpu=0 flow.Daily", "--slots is 'gpu=0'; expected LIST=N, such as gpu=1"),
    (
        "workflow.start --local --slots gpu=9999999 flow.Daily",
        "--slots is 'gpu=9999999'; expected LIST=N, such as gpu=1",
    ),
    (
        "workflow.start --local --nb-workers 1000000 flow.Daily",
        "'--nb-workers': '1000000' is too large; expected at most",
    ),
    (f"step.why flow.Daily load --runs {'9' * 5_000}", "'--runs': '99999"),
    (
        "standalone --domain d --heartbeat 1e300 flow.Daily",
        "'--heartbeat': '1e300' is too large; expected at most 9999",
    ),
    ("workflow.start --slots gpu=1 --domain d flow.Daily", "--slots is for runs in this process, not for Amazon SWF"),
    ("workflow.start --local --nb-workers= flow.Daily", "'--nb-workers': '' is not a valid integer rang"),
    ("workflow.start --local flow.Daily extra", "Got unexpected extra argument (extra)"),
    ("workflow.start --local ../flow.Daily", "there is no file '../flow.Daily'"),
    ("workflow.start --local flow.py:", "'flow.py:' does not name a workflow"),
    ("workflow.start --local :Daily", "':Daily' does not name a workflow"),
    ("workflow.start", "Missing argument 'WORKFLOW'"),
    ("workflow.start --nb-workers 2 --domain d flow.Daily", "--nb-workers is for runs in this process, not for Amazo"),
    ("workflow.start --state x --domain d flow.Daily", "--state is for runs in this process, not for Amazo"),
    ("workflow.start --domain= flow.Daily", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("workflow.list --local --domain d", "--local and --domain exclude each other: runs are ke"),
    ("workflow.list -n 0", "'--limit' / '-n': 0 is not in the range x>=1"),
    ("workflow.list --state=", "--state is empty"),
    ("workflow.list --state file", "state folder file is a file"),
    ("workflow.list --local x", "expected nothing, got 'x'; a domain of Amazon SWF is given with --"),
    ("workflow.list --local -s closing", "'--status' / '-s': 'closing' is not one of 'op"),
    ("workflow.list --local -d nan", "'--started-since' / '-d': 'nan' is not a finit"),
    ("workflow.list --local -d inf", "'--started-since' / '-d': 'inf' is not a finit"),
    ("workflow.list --local -d 1e400", "'--started-since' / '-d': '1e400' is not a fin"),
    ("workflow.list --local -d -1", "'--started-since' / '-d': -1.0 is not in the r"),
    ("workflow.list --local -d x", "'--started-since' / '-d': 'x' is not a valid f"),
    ("workflow.list --local --format xml", "'--format': 'xml' is not one of 'table', 'json"),
    ("workflow.filter --local -s failed -c completed", "--close-status completed and --status failed select diff"),
    ("workflow.list --no-header", "No such option '--no-header' behind a command: give it before; see"),
    ("workflow.list a b", "expected nothing, got 'a' 'b'; a domain"),
    ("workflow.filter --local --from yesterday", "'--from' / '--from-date': 'yesterday' does not match"),
    ("workflow.filter --local --from 2026-13-01", "'--from' / '--from-date': '2026-13-01' does not match"),
    ("workflow.filter --local --to 0000-00-00", "'--to' / '--to-date': '0000-00-00' does not match"),
    ("workflow.filter --local --close-status open", "'--close-status' / '-c': 'open' is not one of 'com"),
    ("workflow.filter --local --status none", "'--status' / '-s': 'none' is not one of 'open'"),
    ("workflow.filter --local -d nan", "'--started-since' / '-d': 'nan' is not a finit"),
    ("workflow.info", "expected ID [RUN_ID], got nothing"),
    ("workflow.info --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.info --local a b c", "expected ID [RUN_ID], got 'a' 'b' 'c'; a domain"),
    ("workflow.steps a b c", "expected ID [RUN_ID], got 'a' 'b' 'c'; a domain"),
    ("workflow.steps --state file", "state folder file is a file"),
    ("workflow.info --state file w", "state folder file is a file"),
    ("workflow.info --state= w", "--state is empty"),
    ("workflow.history --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.history --local w --output xml", "'--of' / '-o': 'xml' is not one of 'events', 'raw"),
    ("workflow.history --state= w", "--state is empty"),
    ("workflow.tasks --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.tasks --local w x y", "expected ID [RUN_ID], got 'w' 'x' 'y'; a domain"),
    ("workflow.tasks --local w --nb-tasks 0", "'--nb-tasks' / '-n': 0 is not in the range x>="),
    ("workflow.tasks --local w --nb-tasks -1", "'--nb-tasks' / '-n': -1 is not in the range x>"),
    ("workflow.tasks --local w --nb-tasks nan", "'--nb-tasks' / '-n': 'nan' is not a valid inte"),
    ("workflow.profile --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.profile --local w -n 0", "'--nb-tasks' / '-n': 0 is not in the range x>="),
    ("task.info --local", "expected ID NAME, got nothing"),
    ("task.info --local w", "expected ID NAME, got 'w'"),
    ("task.info --local w a b c", "expected ID NAME, got 'w' 'a' 'b' 'c'; a domain"),
    ("workflow.signal --local w", "Missing option '--name'"),
    ("workflow.signal --local w --name=", "--name has 0 characters"),
    ("workflow.signal --local w --name x -i {", "--input is not JSON: expecting property name enclose"),
    ("workflow.signal --local w --name x -i [NaN]", "--input is not JSON: JSON has no number NaN"),
    ("workflow.cancel --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.cancel", "expected ID [RUN_ID], got nothing"),
    ("workflow.terminate --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.terminate --local a b c", "expected ID [RUN_ID], got 'a' 'b' 'c'; a domain"),
    ("workflow.restart --local", "expected ID [RUN_ID], got nothing"),
    ("workflow.restart --local w --nb-workers -1", "'--nb-workers': -1 is not in the range x>=0"),
    ("workflow.restart --local w --fresh", "No such option '--fresh'"),
    ("activity.rerun --local", "Missing option '--workflow-id'"),
    ("activity.rerun --local w", "Missing option '--workflow-id'"),
    ("activity.rerun --local w --scheduled-id 0", "'--scheduled-id': 0 is not in the range x>=1"),
    ("activity.rerun --local w --scheduled-id x", "'--scheduled-id': 'x' is not a valid integer r"),
    ("step.list", "Missing argument 'WORKFLOW'"),
    ("step.list flow.Daily a..b", "NAME: step name 'a..b' has an empty part"),
    ("step.list flow.Daily --state=", "--state is empty"),
    ("step.list flow.Daily --format yaml", "'--format': 'yaml' is not one of 'table', 'jso"),
    ("step.list flow.Daily --domain d --state s", "--state and --domain exclude each other: runs are ke"),
    ("step.list flow.Daily -i [", "--input is not JSON: expecting value (column 2, at its end)"),
    ("step.list flow.Daily --workflow-id=", "--workflow-id is empty"),
    ("step.plan", "Missing argument 'WORKFLOW'"),
    ("step.plan flow.Daily --force a..b", "--force: step name 'a..b' has an empty part"),
    ("step.plan flow.Daily --skip=", "--skip '' has an empty name"),
    ("step.plan flow.Daily -i [1,2]", "the input does not fit Daily.run(day='mon', *, force=None, skip="),
    ("step.plan flow.Daily --input-file none", "input file 'none' cannot be read: No such file or directory"),
    ("step.plan nope.py:X", "there is no file 'nope.py'"),
    ("step.forget", "Missing argument 'WORKFLOW'"),
    ("step.forget flow.Daily", "Missing argument 'NAME...'"),
    ("step.forget flow.Daily a..b", "NAME: step name 'a..b' has an empty part"),
    ("step.forget flow.Daily nothing", "no done step is called 'nothing' or lies below it"),
    ("step.mark", "Missing argument 'WORKFLOW'"),
    ("step.mark flow.Daily", "Missing argument 'NAME...'"),
    ("step.mark flow.Daily *", "'*' is no step that can be marked as done"),
    ("step.mark flow.Daily a..b", "NAME: step name 'a..b' has an empty part"),
    ("step.mark flow.Daily --state nope load", "--state 'nope' is no folder"),
    ("step.mark flow.Daily --state file load", "--state 'file' is no folder"),
    ("step.mark flow.Daily --state= load", "--state is empty"),
    ("step.mark flow.Daily --result [ load", "--result is not JSON: expecting value (column 2, at its end)"),
    ("step.mark flow.Daily --result 1 load report", "--result is the result of one step"),
    ("step.mark flow.Daily --result [NaN] load", "--result is not JSON: JSON has no number NaN"),
    ("state.check", "Missing argument 'FOLDER'"),
    ("state.check nope", "nope is no state folder: there is no file history.sqlite in it"),
    ("state.check file", "file is no state folder: there is no file history.sqlite in it"),
    ("state.check text.txt/x", "text.txt/x is no state folder: there is no file history.sqlite i"),
    ("state.check . x", "Got unexpected extra argument (x)"),
    ("state.check --format xml .", "'--format': 'xml' is not one of 'table', 'json"),
    ("state.rescue", "Missing argument 'FOLDER'"),
    ("state.rescue .", "Missing argument 'NEW_FOLDER'"),
    ("state.rescue nope new", "nope is no state folder: there is no file history.sqlite in it"),
    ("state.rescue file new", "file is no state folder: there is no file history.sqlite in it"),
    ("info settings --format xml", "'--format': 'xml' is not one of 'table', 'json"),
    ("info versions extra", "Got unexpected extra argument (extra)"),
    ("info nothing", "No such command 'nothing'"),
    ("server --port 99999", "cannot listen on 127.0.0.1:99999"),
    ("server --port -1", "'--port': -1 is not in the range x>=0"),
    ("server --port x", "'--port': 'x' is not a valid integer range"),
    ("server --poll-seconds nan", "'--poll-seconds': 'nan' is not a finite number"),
    ("server --poll-seconds -1", "'--poll-seconds': -1.0 is not in the range x>="),
    ("server --poll-seconds inf", "'--poll-seconds': 'inf' is not a finite number"),
    ("server --chaos x=1", "'x' is not an option of the test mode"),
    ("server --chaos drop=2", "test mode drop=2.0"),
    ("server --chaos drop=nan", "test mode drop=nan"),
    ("server --chaos drop=x", "test mode 'drop=x'"),
    ("server --state file", "--state 'file' is a file"),
    ("server --state=", "--state is empty"),
    ("server --domain=", "--domain is empty"),
    ("decider.start", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("decider.start flow.Daily", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("decider.start --domain d --nb-processes 0 flow.Daily", "'--nb-processes' / '-N': 0 is not in the range"),
    ("decider.start --domain d --task-list= flow.Daily", "--task-list is empty"),
    ("worker.start", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("worker.start --domain=", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("worker.start --domain d --nb-processes 0", "'--nb-processes' / '-N': 0 is not in the range"),
    ("worker.start --domain d --heartbeat -1", "'--heartbeat': -1.0 is not in the range x>=0"),
    ("worker.start --domain d --heartbeat nan", "'--heartbeat': 'nan' is not a finite number"),
    ("worker.start --domain d --heartbeat inf", "'--heartbeat': 'inf' is not a finite number"),
    ("worker.start --domain d --task-list=", "--task-list is empty"),
    ("worker.start --domain d --poll-data x", "--poll-data is not a response of PollForActivityTask"),
    ("worker.start --domain d --middleware-pre-execution nope.x", "middleware 'nope.x' cannot be loaded: No "),
    ("worker.start --domain d --modules=", "--modules is empty"),
    ("worker.start --domain d --modules a,,b", "--modules is 'a,,b': expected names of modules"),
    ("worker.start --domain d --modules ../x", "--modules is '../x': expected names of modules"),
    ("worker.start --domain d --modules nope", "module 'nope', which activities may come from, cannot be imported"),
    ("standalone", "Missing argument 'WORKFLOW'"),
    ("standalone flow.Daily", "no Amazon SWF domain is given: use --domain NAME or set SWF_DOMA"),
    ("standalone --domain d --nb-workers 0 flow.Daily", "'--nb-workers' / '-W': 0 is not in the range x"),
    ("standalone --domain d --nb-deciders x flow.Daily", "'--nb-deciders' / '-D': 'x' is not a valid int"),
    ("standalone --domain d --heartbeat nan flow.Daily", "'--heartbeat': 'nan' is not a finite number"),
    ("--color", "Option '--color' requires an argument"),
    ("nothing", "No such command 'nothing'"),
]

SETTINGS = [
    ("SWF_MAX_OPEN_ACTIVITY_COUNT", "0", "workflow.start --local flow.Daily"),
    ("SWF_MAX_OPEN_ACTIVITY_COUNT", "9" * 5_000, "workflow.start --local flow.Daily"),
    ("ACTIVITY_SIGTERM_WAIT_SEC", "9" * 30, "workflow.start --local flow.Daily"),
    ("SWF_MAX_OPEN_ACTIVITY_COUNT", "many", "workflow.start --local flow.Daily"),
    ("SWF_CONNECTION_RETRIES", "-1", "worker.start --domain d"),
    ("SWF_DECISION_LIMIT", "soon", "decider.start --domain d"),
    ("ACTIVITY_DEFAULT_TIMEOUT", "nan", "workflow.start --local flow.Daily"),
    ("ACTIVITY_HEARTBEAT_TIMEOUT", "1e400", "decider.start --domain d flow.Daily"),
    ("SIMPLEFLOW_STEP_CLAIMS", "perhaps", "workflow.start --local flow.Daily"),
    ("SIMPLEFLOW_STEP_CHANGES", "x", "workflow.start --local flow.Daily"),
    ("STEP_BUCKET", "s3:/x/y", "workflow.start --local flow.Daily"),
    ("SIMPLEFLOW_S3_HOST", "http://", "workflow.start --local flow.Daily"),
    ("SIMPLEFLOW_SETTINGS_MODULE", "nope", "workflow.start --local flow.Daily"),
    ("SIMPLEFLOW_ACTIVITY_MODULES", "a b", "workflow.start --local flow.Daily"),
    ("SIMPLEFLOW_STATE", "file", "workflow.list --local"),
    ("SIMPLEFLOW_IDENTITY", "x" * 300, "worker.start --domain d"),
    ("LOG_LEVEL", "LOUD", "worker.start --domain d"),
    ("LOG_LEVEL", "LOUD", "decider.start --domain d flow.Daily"),
    ("LOG_LEVEL", "LOUD", "standalone --domain d flow.Daily"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder: it holds ``flow.py`` and an empty file, and nothing else afterwards."""
    (tmp_path / "flow.py").write_text((WORKFLOWS / "flow.py").read_text())
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "flow", raising=False)
    for name, value in {"ID": "x", "SECRET": "x"}.items():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID" if name == "ID" else "AWS_SECRET_ACCESS_KEY", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:9")
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def refused(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused; returns its message."""
    assert main(line.split(" ")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == {"flow.py", "file"}
    return err


@pytest.mark.parametrize(("line", "message"), ROWS, ids=[line[:50] for line, _ in ROWS])
def test_a_bad_command_line(line: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(line, here, capsys)


@pytest.mark.parametrize(("name", "value", "line"), SETTINGS)
def test_a_bad_setting(
    name: str,
    value: str,
    line: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert name in refused(line, here, capsys) or name in ("STEP_BUCKET", "SIMPLEFLOW_S3_HOST", "SIMPLEFLOW_STATE")


def test_some_of_them_in_a_process_of_their_own(folder: Folder) -> None:
    for line in ("workflow.list --state=", "workflow.list --local -d nan", "step.mark flow.Daily --state nope load"):
        done = folder.run(*line.split(" "))
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert not (folder.path / "nope").exists()
