"""``state.check`` sees what is damaged, and ``state.rescue`` saves the rest."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from simpleflow.core import events as e
from simpleflow.engines.sqlite import rescue
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.exceptions import InputError, RunBusy, StateError
from simpleflow.stores.state import StateStore
from tests.engines.test_damaged import whole

__all__ = ["whole"]

Histories = dict[str, list[e.Event]]


def histories(folder: Path) -> Histories:
    engine = SqliteEngine(folder)
    try:
        return {run.workflow_id: list(engine.history(run.workflow_id)) for run in engine.list_runs()}
    finally:
        engine.close()


def damaged(whole: Path, folder: Path, damage: str, dice: random.Random) -> Path:
    shutil.copytree(whole, folder)
    file = folder / "history.sqlite"
    data = bytearray(file.read_bytes())
    pages = len(data) // 4096
    if damage == "a page is lost":
        page = dice.randrange(pages)
        data[page * 4096 : page * 4096 + 4096] = bytes(4096)
    elif damage == "a block is rubbish":
        at = dice.randrange(len(data) - 512)
        data[at : at + 512] = dice.randbytes(512)
    elif damage == "the end is cut off":
        del data[dice.randrange(4096, len(data)) :]
    elif damage == "the header is lost":
        data[:100] = bytes(100)
    else:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    file.write_bytes(data)
    return folder


DAMAGES = ["a page is lost", "a block is rubbish", "the end is cut off", "the header is lost", "a bit is flipped"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_can_be_read_is_saved(whole: Path, tmp_path: Path, damage: str) -> None:
    expected = histories(Path(shutil.copytree(whole, tmp_path / "whole")))
    dice = random.Random(damage)
    saved = []
    for number in range(8 if damage != "the header is lost" else 1):
        folder = damaged(whole, tmp_path / f"{number}", damage, dice)
        seen = rescue.look(folder)
        told = rescue.rescue(folder, tmp_path / f"new{number}")
        assert told == seen
        found = histories(tmp_path / f"new{number}")
        assert set(found) == {each.workflow_id for each in told if each.events}
        for each in told:
            if each.workflow_id in found:
                history = found[each.workflow_id]
                assert history[: each.events] == expected[each.workflow_id][: each.events]
                if each.problem and each.workflow_id != "open":
                    assert isinstance(
                        history[-1].attributes, e.WorkflowExecutionTerminated | e.WorkflowExecutionCompleted
                    )
        lost = {id for id in expected if found.get(id) != expected[id]}
        assert lost <= {each.workflow_id for each in told if each.problem} or any(not each.run_id for each in told)
        saved.append(len(expected) - len(lost))
        SqliteEngine(tmp_path / f"new{number}").close()
    assert sum(saved) / len(saved) > (1 if damage == "the end is cut off" else 9), saved


def test_a_whole_folder_is_copied_as_it_is(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    StateStore(str(folder)).put("w/steps", "report", b"{}")
    mark = folder / "objects" / "w" / "steps" / "load.done"
    mark.parent.mkdir(parents=True)
    mark.write_text("{}")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert not any(each.problem for each in rescue.look(folder))
    new = tmp_path / "new"
    assert not any(each.problem for each in rescue.rescue(folder, new))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert (new / mark.relative_to(folder)).read_text() == "{}"
    assert StateStore(str(new)).contents("w/steps") == {"load": b"{}", "report": b"{}"}
    assert histories(new) == histories(folder)
    assert [path.stat().st_mode & 0o777 for path in (new, new / "history.sqlite")] == [0o700, 0o600]
    engine = SqliteEngine(new)
    assert engine.adopt("open") is not None
    engine.receive_messages()
    assert "WorkflowExecutionSignaled" in [event.type for event in engine.history("open")]
    engine.close()


def test_what_is_only_in_the_log_is_saved(tmp_path: Path) -> None:
    """A process was killed, so its write-ahead log was never moved into the database, which has lost its header."""
    from simpleflow.engines.base import StartRequest

    engine = SqliteEngine(tmp_path / "state")
    engine.start_workflow_execution(StartRequest("w", "type", "1", '"input"'))
    shutil.copytree(tmp_path / "state", tmp_path / "killed")
    engine.close()
    expected = histories(tmp_path / "state")["w"]
    file = tmp_path / "killed" / "history.sqlite"
    file.write_bytes(bytes(100) + file.read_bytes()[100:])
    assert [(each.workflow_id, each.events) for each in rescue.rescue(tmp_path / "killed", tmp_path / "new")][:1] == [
        ("w", 2)
    ]
    assert histories(tmp_path / "new") == {"w": expected}


def test_what_cannot_be_rescued_is_refused(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    with pytest.raises(InputError, match="is no state folder: there is no file"):
        rescue.look(tmp_path)
    with pytest.raises(InputError, match="is not an empty folder"):
        rescue.rescue(folder, tmp_path)
    engine = SqliteEngine(folder)
    with pytest.raises(RunBusy, match="is in use by a living process"):
        rescue.rescue(folder, tmp_path / "new")
    engine.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="could not be written"):
        rescue.rescue(folder, tmp_path / "file" / "below")


def test_a_folder_without_checksums(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    expected = histories(folder)
    db = sqlite3.connect(folder / "history.sqlite")
    with db:
        db.execute("alter table events drop column sum")
        db.execute("drop table about")
    db.close()
    assert not any(each.problem for each in rescue.look(folder))
    rescue.rescue(folder, tmp_path / "new")
    assert histories(tmp_path / "new") == expected
    assert histories(folder) == expected  # converted as it was opened
