"""Runs are folded once, in pieces, and kept within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from bench.ui import RUN_ID, make_folder

from simpleflow.core.events import Event
from simpleflow.engines.base import RunDescription
from simpleflow.ui import folded
from simpleflow.ui.decisions import Decisions
from simpleflow.ui.folded import FoldedRuns, summary_of
from simpleflow.ui.source import FolderSource
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView
from tests.pauses import wait_for
from tests.ui.conftest import Runs, serving


class Counting(FolderSource):
    """Counts the events that are read."""

    read = 0

    def events(self, run: RunDescription, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        found = super().events(run, after, limit)
        self.read += len(found)
        return found


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counting]:
    """A folder with a run of 300 steps and 3,000 activities."""
    folder = tmp_path_factory.mktemp("long") / "state"
    make_folder(folder, 300, 3_000)
    source = Counting(str(folder))
    yield source
    source.close()


def test_no_event_is_read_twice(runs: Runs) -> None:
    source = Counting(str(runs.state))
    kept = FoldedRuns(source)
    run = source.find("nightly")
    first = kept.run(run)
    assert first.ready
    read = source.read
    assert read == first.view.last_id > 10
    assert kept.run(run) is first
    assert kept.summary(run, time.monotonic() + 1) is not None
    assert source.read == read
    kept.close()
    source.close()


def test_a_long_history_is_read_by_the_thread_while_pages_say_how_far(long: Counting) -> None:
    kept = FoldedRuns(long, lambda found: found.once("prepared", lambda view: view.last_id))
    run = long.find(RUN_ID)
    first = kept.run(run, seconds=0.0)
    assert not first.ready
    assert 0 < first.view.last_id < first.last_id
    wait_for(lambda: kept.run(run, seconds=0.0).ready)
    assert first.once("prepared", lambda view: 0) == first.last_id
    whole = RunView(run.run_id, run.workflow_id)
    events = long.events(run)
    whole.extend(events)
    assert first.view.rows.keys() == whole.rows.keys()
    assert summary_of(first.view).steps == summary_of(whole).steps
    assert [link.row.event_id for link in critical_path(first.view, first.decisions)] == [
        link.row.event_id for link in critical_path(whole, events)
    ]
    kept.close()


def test_decisions_are_a_history_as_the_critical_path_reads_it(long: Counting) -> None:
    events = long.events(long.find(RUN_ID), 0, 500)
    decisions = Decisions()
    decisions.extend(events)
    assert len(decisions) == 500
    assert [each.id for each in decisions] == [each.id for each in events]
    assert [each.id for each in decisions[10:20]] == list(range(11, 21))


def test_few_rows_are_kept(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "MAX_ROWS", 1)
    monkeypatch.setattr(folded, "MAX_SUMMARIES", 1)
    source = Counting(str(runs.state))
    kept = FoldedRuns(source)
    found = source.list_runs()
    for run in found:
        kept.run(run)
        kept.summary(run, time.monotonic() + 1)
    assert len(kept._runs) == 1
    assert len(kept._summaries) == 1
    assert kept.run(found[0]).ready
    kept.close()
    source.close()


def test_a_damaged_folder_is_said_in_a_page(tmp_path: Path) -> None:

    make_folder(tmp_path / "state", 12, 24)
    path = tmp_path / "state" / "history.sqlite"
    with serving(tmp_path / "state") as site:
        assert site.get("/").status == 200
    for each in tmp_path.glob("state/history.sqlite-*"):
        each.unlink()
    path.write_bytes(path.read_bytes()[:5_000] + b"\0" * 20_000)
    with serving(tmp_path / "state") as site:
        answer = site.get("/")
        assert answer.status == 503
        assert "simpleflow state.check" in answer.text
        assert "default-src" in answer.headers["content-security-policy"]
