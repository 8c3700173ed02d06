"""The folder as a store: crashes, foreign files, and folders that cannot be used."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpleflow.exceptions import StoreError
from simpleflow.stores import open_store
from simpleflow.stores.directory import DirectoryStore, _link

WRITER = """
import itertools, sys
from simpleflow.stores.directory import DirectoryStore

store = DirectoryStore(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    name = f"step.{number % 40}"
    write = store.create if number % 2 else store.put
    write(f"w{number % 3}/steps", name, (name * 2000).encode())
    print(f"w{number % 3}/steps", name, flush=True)
"""


def test_a_killed_writer_leaves_whole_marks_or_none(tmp_path: Path) -> None:
    """Marks whose writing had returned exist, and no existing mark is partial."""
    store = DirectoryStore(str(tmp_path / "marks"))
    acknowledged: set[tuple[str, str]] = set()
    for attempt in range(8):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "marks"), str(attempt * 7)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged.add(tuple(writer.stdout.readline().split()))  # type: ignore[arg-type]
            time.sleep(random.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
            acknowledged.update(tuple(line.split()) for line in writer.stdout if line.endswith("\n"))  # type: ignore[misc]
    seen = {(prefix, name) for prefix in ("w0/steps", "w1/steps", "w2/steps") for name in store.names(prefix)}
    assert acknowledged <= seen
    for prefix, name in seen:
        assert store.get(prefix, name) == (name * 2000).encode()


def test_plain_names_are_readable(tmp_path: Path) -> None:
    DirectoryStore(str(tmp_path)).put("nightly/steps", "load.users", b"{}")
    assert (tmp_path / "nightly/steps/load.users.done").read_bytes() == b"{}"


def test_paths_differ_when_case_is_ignored_and_stay_inside(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "marks"))
    names = ["a", "A", "aa", "Aa", "../../out", "/abs", "é", "e\u0301", "É"]
    for name in names:
        store.put("p", name, b"")
    paths = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert len({path.lower() for path in paths}) == len(names)
    assert all(path.startswith("marks/p/") and path.isascii() for path in paths)


def test_foreign_files_are_ignored(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    store.put("p", "real", b"")
    (tmp_path / "p/.0123456789abcdef.tmp").write_bytes(b"cut short")
    for name in (
        "notes.txt",
        "real",
        "UPPER.done",
        "%zz.done",
        "%4a.done",
        "%C3.done",
        ".done",
        "a%2Fb.done",
    ):
        (tmp_path / "p" / name).write_bytes(b"")
    (tmp_path / "p/folder.done").mkdir()
    (tmp_path / "p/Folder").mkdir()
    (tmp_path / "p/Folder/x.done").write_bytes(b"")
    (tmp_path / "p/short%").mkdir()
    (tmp_path / "p/short%/x.done").write_bytes(b"")
    (tmp_path / "p/loop").symlink_to(tmp_path / "p")
    (tmp_path / "p/dangling.done").symlink_to("nowhere")
    assert store.names("p") == ["real"]


def test_a_mark_made_by_hand_counts(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/load.done").touch()
    assert DirectoryStore(str(tmp_path)).names("p") == ["load"]


def test_the_folder_is_created_by_the_first_put(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "a/b"))
    assert store.names("p") == []
    store.delete("p", ["x"])
    assert not (tmp_path / "a").exists()


def test_a_folder_that_was_removed_or_moved_away_is_created_again(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path / "marks"))
    store.put("p", "a", b"")
    (tmp_path / "marks").rename(tmp_path / "old")
    store.put("p", "b", b"")
    assert store.names("p") == ["b"]


def test_no_temporary_file_is_left(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    store.put("p", "a", b"")
    (tmp_path / "p/b.done").mkdir()
    with pytest.raises(StoreError, match="there is a folder where the mark should be"):
        store.put("p", "b", b"")
    assert not store.create("p", "a", b"other")
    assert store.create("p", "c", b"")
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["a.done", "b.done", "c.done"]
    assert (tmp_path / "p/c.done").stat().st_nlink == 1


def test_a_mark_that_the_first_try_linked_is_our_own(tmp_path: Path) -> None:
    """The client of a file server links once more if the answer is lost."""
    written, mark = tmp_path / ".x.tmp", tmp_path / "x.done"
    written.write_bytes(b"")
    mark.hardlink_to(written)
    _link(str(written), str(mark))
    assert [path.name for path in tmp_path.iterdir()] == ["x.done"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = DirectoryStore(str(tmp_path / "file"))
    for call in (
        lambda: store.put("p", "a", b""),
        lambda: store.names("p"),
        lambda: store.get("p", "a"),
        lambda: store.create("p", "a", b""),
        lambda: store.read("p", ["a"]),
        lambda: store.delete("p", ["a"]),
    ):
        with pytest.raises(StoreError, match="there is a file where a folder is needed") as caught:
            call()
        assert str(caught.value).startswith(f"folder {tmp_path}/file: cannot ")
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system where no folder can be made")
def test_a_folder_that_cannot_be_created() -> None:
    with pytest.raises(StoreError, match=r"folder /proc/marks: cannot write the done mark 'a' .*choose another"):
        DirectoryStore("/proc/marks").put("p", "a", b"")


def test_a_path_that_no_system_holds(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="shorten the step's name"):
        DirectoryStore(str(tmp_path)).put("p", "É" * 2000, b"")


def test_temporary_files_of_killed_processes_are_removed_after_an_hour(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path))
    store.put("w/steps", "load", b"{}")
    [folder] = {path.parent for path in tmp_path.rglob("*.done")}
    old, young, other = (folder / name for name in (f".{'a' * 16}.tmp", f".{'b' * 16}.tmp", "notes.tmp"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    assert store.names("w/steps") == ["load"]
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_a_folder_that_another_process_makes_and_removes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, late = os.mkdir, []

    def mkdir(folder: str) -> None:
        if folder.endswith("/steps") and not late:
            late.append(folder)
            raise FileExistsError(folder)
        make(folder)

    monkeypatch.setattr(os, "mkdir", mkdir)
    store = open_store(str(tmp_path / "marks"))
    store.put("w/steps", "a", b"{}")
    assert late
    assert store.names("w/steps") == ["a"]
