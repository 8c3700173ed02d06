"""Stores of other packages, with the one of docs/stores.md."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from simpleflow import stores
from simpleflow.exceptions import InputError, StoreError
from simpleflow.stores import Store, is_folder, is_local, open_store
from tests.docs.pages import blocks
from tests.docs.test_blocks import install


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the import path that holds the package of the page, as if it were installed."""
    for block in blocks("docs/stores.md"):
        if block.file:
            block.write(tmp_path)
        if block.kind == "toml":
            install(block, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for known in (stores._stores, stores._named):
        known.clear()  # type: ignore[attr-defined]
    sys.modules.pop("marks_in_sqlite", None)


@pytest.fixture
def store(package: Path) -> Store:
    return open_store(f"sqlite://{package}/marks.sqlite")


def test_it_is_opened_once_and_is_not_local(store: Store) -> None:
    assert type(store).__name__ == "SqliteMarks"
    assert open_store(store.url) is store
    assert not is_local(store.url)
    assert not is_folder(store.url)


def test_it_does_what_a_store_promises(store: Store) -> None:
    assert store.names("") == []
    store.put("w/steps/", "b", b"1")
    store.put("w/steps", "a/x", b"2")
    store.put("w/steps-old", "c", b"3")
    assert store.names("w/steps") == ["a/x", "b"]
    assert store.contents("w/steps") == {"a/x": b"2", "b": b"1"}
    assert store.get("w", "steps/b") == b"1"
    assert store.get("w", "b") is None
    assert not store.create("w/steps", "b", b"4")
    found = store.read("w/steps", ["none", "b"])
    assert list(found) == ["b"]
    assert abs(found["b"].modified - time.time()) < 60
    store.delete("w/steps", ["b", "none"])
    assert store.names("") == ["w/steps-old/c", "w/steps/a/x"]


def test_of_several_creators_one_wins(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.create("p", str(number % 5), b"%d" % number), range(40)))
    assert won.count(True) == 5


def test_errors_are_those_of_stores(package: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read or written"):
        open_store(f"sqlite://{package}/none/marks.sqlite").names("")


def test_a_package_that_fails(package: Path) -> None:
    (package / "marks_in_sqlite.py").write_text("raise ValueError('no licence')")
    with pytest.raises(InputError, match=r"marks_in_sqlite:SqliteMarks, which makes .* failed with .*no licence"):
        open_store("sqlite://x")


def test_what_is_no_store(package: Path) -> None:
    (package / "marks_in_sqlite.py").write_text(
        "class SqliteMarks:\n    def __init__(self, url): self.get = self.put = print"
    )
    with pytest.raises(InputError, match=r"SqliteMarks is no store: it lacks names, contents, create, read, delete"):
        open_store("sqlite://x")


def test_two_packages_with_one_scheme(package: Path) -> None:
    (package / "another-1.0.dist-info").mkdir()
    (package / "another-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (package / "another-1.0.dist-info/entry_points.txt").write_text("[simpleflow.stores]\nsqlite = another:Store\n")
    with pytest.raises(
        InputError, match=r"several installed packages .* sqlite://: another:Store, marks_in_sqlite:Sql"
    ):
        open_store("sqlite://x")


def test_commands_know_it(package: Path) -> None:
    page = [block.text for block in blocks("docs/stores.md") if block.kind == "python" and "class Shared" in block.text]
    header = "from simpleflow import Workflow\nfrom simpleflow.step import WorkflowStepMixin\n"
    (package / "shared.py").write_text(header + page[0].partition("\nprint(")[0])
    command = [sys.executable, "-m", "simpleflow", "workflow.start", "--local", "shared.py:Shared"]
    for answer in ("true\n", "false\n"):
        run = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stdout) == (0, answer), run.stderr
