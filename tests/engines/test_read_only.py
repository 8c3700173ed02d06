"""State folders that may not be written: what they hold can be read. Root may write everywhere but on such a mount."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.reading import ReadingEngine
from simpleflow.exceptions import StateError, StoreError
from simpleflow.state_folder.database import FILE
from simpleflow.stores.state import StateStore

KILLED = """
import os, sys
from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.stores.state import StateStore
engine = SqliteEngine(sys.argv[1])
engine.start_workflow_execution(StartRequest("killed", "type", "1"))
StateStore(sys.argv[1]).put("steps", "load", b"done")
os._exit(9)
"""


class Frozen:
    """Makes folders read-only until the test has ended."""

    def __init__(self) -> None:
        self._undo: list[list[str]] = []

    def __call__(self, folder: Path, view: Path | None = None) -> Path:
        """Returns the read-only folder: ``view`` if it is given, while ``folder`` can still be written."""
        if os.geteuid() != 0:
            subprocess.run(["chmod", "-R", "a-w", folder], check=True)
            self._undo.append(["chmod", "-R", "u+w", str(folder)])
            return folder
        view = folder if view is None else view
        if subprocess.run(["mount", "--bind", folder, view], capture_output=True).returncode:
            pytest.skip("root may not mount here")
        self._undo.append(["umount", "-l", str(view)])
        subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
        return view

    def close(self) -> None:
        for command in self._undo:
            subprocess.run(command, check=True)


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    found = Frozen()
    yield found
    found.close()


def used(folder: Path) -> Path:
    """A folder that a process has left in order."""
    engine = SqliteEngine(folder)
    engine.start_workflow_execution(StartRequest("w", "type", "1"))
    engine.close()
    StateStore(str(folder)).put("steps", "load", b"done")
    return folder


def test_a_folder_that_was_left_in_order_can_be_read(tmp_path: Path, frozen: Frozen) -> None:
    folder = frozen(used(tmp_path / "state"))
    before = sorted(os.listdir(folder))
    engine = ReadingEngine(str(folder))
    assert [(each.workflow_id, each.alive) for each in engine.list_runs()] == [("w", False)]
    assert engine.history("w")[0].type == "WorkflowExecutionStarted"
    engine.close()
    store = StateStore(str(folder))
    with store.kept_open():
        assert store.names("steps") == ["load"]
        assert store.get("steps", "load") == b"done"
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize("index", [True, False])
def test_what_a_killed_process_has_left_in_the_log_is_read(tmp_path: Path, frozen: Frozen, index: bool) -> None:
    folder = used(tmp_path / "state")
    subprocess.run([sys.executable, "-c", KILLED, folder], check=False)
    assert (folder / f"{FILE}-wal").stat().st_size
    if not index:  # as in a copy
        (folder / f"{FILE}-shm").unlink()
    frozen(folder)
    engine = ReadingEngine(str(folder))
    assert {each.workflow_id for each in engine.list_runs()} == {"w", "killed"}
    engine.close()
    assert StateStore(str(folder)).names("steps") == ["load"]


def test_it_is_told_that_a_process_that_uses_the_folder_lives(tmp_path: Path, frozen: Frozen) -> None:
    if os.geteuid() != 0:
        pytest.skip("the owner could not write, either")
    program = KILLED.replace("os._exit(9)", "print('begun', flush=True); sys.stdin.read()")
    folder, view = tmp_path / "state", tmp_path / "view"
    folder.mkdir()
    view.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"begun\n"
        engine = ReadingEngine(str(frozen(folder, view)))
        assert [(each.workflow_id, each.alive) for each in engine.list_runs()] == [("killed", True)]
        engine.close()
        owner.communicate(b"")


def test_what_would_write_says_that_it_may_not(tmp_path: Path, frozen: Frozen) -> None:
    folder = frozen(used(tmp_path / "state"))
    engine = ReadingEngine(str(folder))
    with pytest.raises(StateError, match="could not be written: attempt to write a readonly database; allow this user"):
        engine.signal_workflow_execution("w", "go")
    engine.close()
    with pytest.raises(StoreError, match="could not be used to write the done mark 'load'"):
        StateStore(str(folder)).put("steps", "load", b"new")


def test_a_run_that_would_begin_there_is_told_so(tmp_path: Path, frozen: Frozen) -> None:
    with pytest.raises(StateError, match="could not be opened: it is read-only; allow this user to write there, or"):
        SqliteEngine(frozen(used(tmp_path / "state")))


def test_a_file_is_no_state_folder(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StateError, match=r"could not be opened: .*state is a file; expected a folder; check"):
        SqliteEngine(tmp_path / "state")


def test_a_folder_of_another_format_is_named(tmp_path: Path, frozen: Frozen) -> None:
    folder = used(tmp_path / "state")
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        db.execute("pragma user_version = 2")
    frozen(folder)
    with pytest.raises(StateError, match="has format 2, expected 4, and is read-only; copy it"):
        ReadingEngine(str(folder))


@pytest.mark.parametrize("name", ["a b", "100%25", "what?mode=rw", "#1", "é", "a'\"b"])
def test_any_name_of_a_folder_can_be_read(tmp_path: Path, name: str) -> None:
    folder = used(tmp_path / name)
    engine = ReadingEngine(str(folder))
    assert [each.workflow_id for each in engine.list_runs()] == ["w"]
    engine.close()
    assert StateStore(str(folder)).names("steps") == ["load"]
    assert [each.name for each in tmp_path.iterdir()] == [name]
