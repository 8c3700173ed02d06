"""Damaged bytes, odd tokens and later formats: the state folder says so in one line, or works."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from simpleflow.core import compact
from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite import rescue
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.reading import ReadingEngine
from simpleflow.engines.sqlite.salvage import salvage
from simpleflow.exceptions import StateError
from simpleflow.state_folder import run_rows
from simpleflow.testing.subject import COMPLETE, activity, child, timer
from tests.engines.test_sqlite import decide

ADVICE = "see simpleflow state.check"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with closed and open runs, whose process is gone."""
    folder = tmp_path_factory.mktemp("whole") / "state"
    engine = SqliteEngine(folder)
    for number in range(12):
        engine.start_workflow_execution(StartRequest(f"closed{number}", "type", "1", '"input"'))
        decide(engine, COMPLETE)
    engine.start_workflow_execution(StartRequest("open", "type", "1", '"input"'))
    decide(engine, activity("a"), activity("b"), child(), timer(seconds=50))
    task = engine.poll_for_activity_task()
    assert task is not None
    engine.respond_activity_task_completed(task.token, '"' + random.Random(0).randbytes(5_000).hex() + '"')
    other = SqliteEngine(folder)
    other.signal_workflow_execution("open", "s", '"text"')
    other.close()
    engine.close()
    db = sqlite3.connect(folder / "history.sqlite")
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    return folder


def use(folder: Path) -> list[object]:
    """Read everything, take over the open run, and begin another one."""
    engine = SqliteEngine(folder)
    try:
        found: list[object] = [engine.list_runs()]
        found += [list(engine.history(run.workflow_id, run.run_id)) for run in engine.list_runs()]
        engine.adopt("open")
        engine.receive_messages()
        engine.start_workflow_execution(StartRequest("new", "type", "1"))
        return found
    finally:
        engine.close()


def test_each_damaged_byte_is_reported_or_does_no_harm(whole: Path, tmp_path: Path) -> None:
    data = (whole / "history.sqlite").read_bytes()
    expected = use(Path(shutil.copytree(whole, tmp_path / "copy")))
    dice = random.Random(14)
    reported = 0
    offsets = [*range(0, 100, 4), *range(100, len(data), 601)]
    for number, offset in enumerate(offsets):
        folder = tmp_path / str(number)
        (folder / "owners").mkdir(parents=True)
        damaged = bytearray(data)
        damaged[offset] ^= 1 << dice.randrange(8)
        (folder / "history.sqlite").write_bytes(damaged)
        message = ""
        try:
            found = use(folder)
        except StateError as error:
            message = str(error)
        if message:
            reported += 1
            assert "\n" not in message
            assert f"state folder {folder} " in message
            assert "damaged" in message, (offset, message)
        else:
            assert found[1:] == expected[1:], offset  # no history is different
        shutil.rmtree(folder)
    assert reported > len(offsets) / 20


@pytest.mark.parametrize("token", ["../../victim", "a/b", "", "x" * 65, "\x00", b"\xff"])
def test_the_token_of_an_owner_is_checked_before_it_names_a_file(whole: Path, tmp_path: Path, token: object) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "state"))
    victim = tmp_path / "victim.lock"
    victim.write_text("precious")
    db = sqlite3.connect(folder / "history.sqlite")
    with db:
        db.execute("update runs set owner = ? where status = 'open'", (token,))
        db.execute("insert into owners values (?, 1)", (token,))
    db.close()
    engine = SqliteEngine(folder)
    try:
        if token == "":
            engine.adopt("open")
        else:
            for use_it in (engine.list_runs, lambda: engine.adopt("open")):
                with pytest.raises(StateError, match=f"is damaged: the owner of a run is .*{ADVICE}"):
                    use_it()
    finally:
        engine.close()
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "change",
    [
        "name = 'other'", "name = ''", "version = '2'", "version = x'31'",
        "status = 'weird'", "status = 'open', closed = null", "status = 'failed'", "status = 1",
        "started = -5.0", "started = 1e300", "started = 9e999", "started = 'now'", "started = started - 86400",
        "closed = null", "closed = -7.0", "closed = 9e999",
        "run_id = '../../victim'", "run_id = ''", "run_id = 'a' || char(10)", "root_id = '../../victim'",
        "workflow_id = ''", "workflow_id = x'ff'", "number = 77", "number = -3",
    ],
)  # fmt: skip
def test_a_damaged_row_of_a_run_is_reported_and_rescued(whole: Path, tmp_path: Path, change: str) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "state"))
    victim = tmp_path / "victim.lock"
    victim.write_text("precious")
    db = sqlite3.connect(folder / "history.sqlite")
    with db:
        db.execute(f"update runs set {change} where workflow_id = 'closed3'")
    db.close()
    for open_it in (SqliteEngine, ReadingEngine):
        with pytest.raises(StateError, match=f"state folder .*state is damaged: .*{ADVICE}"):
            open_it(str(folder))
    problems = [each for each in rescue.look(folder) if each.problem]
    assert problems
    lost = rescue.rescue(folder, tmp_path / "new")
    assert sum(bool(each.problem) for each in lost) == len(problems)
    engine = SqliteEngine(tmp_path / "new")
    names = {run.workflow_id: (run.name, run.status) for run in engine.list_runs()}
    engine.close()
    assert len(names) >= 12
    if not change.startswith(("workflow_id", "run_id", "number")):
        assert names["closed3"] == ("type", "completed")
    assert victim.read_text() == "precious"


def test_the_numbers_of_closing_events() -> None:
    numbers = {status: compact._NUMBERS[number] for status, number in run_rows.CLOSING.items()}
    words = {status: "".join(map(str.title, status.split("_"))) for status in numbers}
    assert numbers == {status: f"WorkflowExecution{word}" for status, word in words.items()}


def test_a_later_format_names_the_release_that_wrote_it(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "state"))
    db = sqlite3.connect(folder / "history.sqlite")
    with db:
        db.execute("pragma user_version = 7")
        db.execute("update about set format = 7, release = '9.1.0'")
    with pytest.raises(StateError, match=r"by simpleflow 9\.1\.0 \(format 7, expected 4 for simpleflow 1\."):
        SqliteEngine(folder)
    with db:
        db.execute("drop table about")
    with pytest.raises(StateError, match="was written by a later release of simpleflow"):
        SqliteEngine(folder)
    db.close()


def test_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    code = (
        "import os, sys\nfrom simpleflow.engines.sqlite.engine import SqliteEngine\n"
        "from simpleflow.engines.base import StartRequest\n"
        "engine = SqliteEngine(sys.argv[1])\n"
        "engine.start_workflow_execution(StartRequest('w', 'type', '1'))\nos._exit(9)\n"
    )
    living = SqliteEngine(folder)
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, str(folder)], timeout=30, check=False)
        living.terminate_workflow_execution("w")
    (folder / "owners" / "half.lock.new").write_text("")
    (folder / "owners" / "old.lock.new").write_text("")
    os.utime(folder / "owners" / "old.lock.new", (1, 1))
    engine = SqliteEngine(folder)
    db = sqlite3.connect(folder / "history.sqlite")
    tokens = {f"{token}.lock" for (token,) in db.execute("select token from owners")}
    db.close()
    assert len(tokens) == 2
    assert {path.name for path in (folder / "owners").iterdir()} == {*tokens, "half.lock.new"}
    engine.close()
    living.close()


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "state")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").rglob("*")}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert modes.pop("owners") == 0o700
    assert set(modes.values()) == {0o600}, modes
    engine.close()


def test_another_connection_of_the_process_keeps_its_locks(tmp_path: Path) -> None:
    """The kernel drops all locks of a process on a file when the process closes any descriptor of it.

    Without its locks, another process that closes the database takes itself for the last one: it moves the write-ahead
    log into the database and removes it, while this process goes on writing into it.
    """
    folder = tmp_path / "state"
    first = SqliteEngine(folder)
    first.start_workflow_execution(StartRequest("w", "type", "1"))
    SqliteEngine(folder).close()
    code = (
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\n"
        "db.execute('select count(*) from runs').fetchone()\ndb.close()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder / "history.sqlite")], check=True, timeout=30)
    assert (folder / "history.sqlite-wal").exists()
    decide(first, COMPLETE)
    first.close()


def test_a_header_that_forbids_writing_is_damage(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(whole, folder)
    with open(folder / "history.sqlite", "r+b") as file:
        file.seek(18)
        file.write(b"\x09")
    with pytest.raises(StateError, match=f"is damaged: its header says that it may not be written; {ADVICE}"):
        use(folder)
    found = salvage(folder)
    assert any("its header names a format" in text for text in found.problems)
