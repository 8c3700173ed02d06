"""The parts that need no scheduler: options, addresses, lanes, output in pieces."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simpleflow.cli.cluster_options import cluster_of
from simpleflow.cluster import code
from simpleflow.cluster.code import Code, Found
from simpleflow.cluster.join import own_host, scheduler_address
from simpleflow.cluster.members import BATCH, Given, WorkerSeen
from simpleflow.cluster.printed import PIECE, Printed
from simpleflow.cluster.target import Cluster, check_cluster
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import InputError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "workers is 5; expected the address of a Dask scheduler"),
        ("host", "scheduler 'host' is no address; expected tcp://host:8786, or a scheduler file"),
        ("tcp://host", "scheduler 'tcp://host' is no address; expected tcp://host:8786 or tls://host:8786"),
        ("nowhere.json", "there is no scheduler file 'nowhere.json'; start a scheduler with: dask scheduler"),
        (Cluster("tcp://h:1", upload=("a.txt",)), "file to upload 'a.txt'; expected a Python file"),
        (Cluster("tcp://h:1", upload=("a.py",)), "there is no file to upload 'a.py'"),
        (Cluster("tcp://h:1", reconnect_for=-1), "reconnect_for is -1; expected seconds, 0 or more"),
        (Cluster("tcp://h:1", reconnect_for=float("nan")), "reconnect_for is nan; expected seconds, 0 or more"),
    ],
)
def test_clusters_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        check_cluster(given)


def test_the_cluster_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = {"workers": None, "nb_workers": None, "upload": (), "reconnect_for": None}
    assert cluster_of(nothing) is None
    assert cluster_of(nothing | {"workers": "tcp://h:1", "reconnect_for": 0}) == Cluster("tcp://h:1", reconnect_for=0)
    monkeypatch.setenv("SIMPLEFLOW_WORKERS", "tcp://set:1")
    assert cluster_of(nothing) == Cluster("tcp://set:1")
    assert cluster_of(nothing | {"nb_workers": 2}) is None
    with pytest.raises(InputError, match="exclude each other"):
        cluster_of(nothing | {"nb_workers": 2, "workers": "tcp://h:1"})


def test_a_worker_listens_where_it_reaches_the_scheduler(tmp_path: Path) -> None:
    assert own_host("tcp://127.0.0.1:8786") == "127.0.0.1"
    file = tmp_path / "s.json"
    file.write_text('{"address": "tcp://127.0.0.1:1"}')
    assert scheduler_address(str(file)) == "tcp://127.0.0.1:1"
    file.write_text("{}")
    with pytest.raises(InputError, match="cannot be read: KeyError"):
        scheduler_address(str(file))


def described(**changes: Any) -> Code:
    return Code("m", "m.py", "digest", (), python="3.11", release="1")._replace(**changes)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (Found("3.11", "1", "digest"), ""),
        (Found("3.12", "1", "digest"), "it has Python 3.12, and this run 3.11: install the same version there"),
        (Found("3.11", "2", "digest"), "it has simpleflow 2, and this run 1: install the same version there"),
        (Found("3.11", "1", "other"), "its copy of m.py differs from the one of this run: update it there, or send it"),
        (Found("3.11", "1", error="no"), "it cannot import module 'm': no; put the code there, or send it with --upl"),
    ],
)
def test_workers_that_differ(found: Found, message: str) -> None:
    text = code.difference(described(), found)
    assert text.startswith(message)
    assert bool(text) == bool(message)


def test_a_workflow_of_the_program_itself_is_refused() -> None:
    workflow = type("W", (), {"__module__": "__main__"})
    with pytest.raises(InputError, match="workflow W is defined in __main__, which workers elsewhere cannot import"):
        code.of_workflow(workflow, (), (), ())


def task(number: int) -> ActivityTask:
    return ActivityTask(str(number), "w", "r", str(number), "n", "1", None, "default", None)


def test_lanes_are_the_resources_of_a_worker_or_its_threads() -> None:
    seen = WorkerSeen("tcp://h:1", "p", {"nthreads": 4, "resources": {"gpu": 1.0, "MEMORY": 1e9}, "name": "node"})
    lanes = {each.task_list: each.slots for each in seen.lanes.values()}
    assert lanes == {"gpu": 1, "MEMORY": 4}
    assert seen.lane("default") is None
    assert seen.identity == "node at tcp://h:1"
    lane = WorkerSeen("tcp://h:1", "p", {"nthreads": 2, "resources": {}, "name": "tcp://h:1"}).lane("any")
    assert lane is not None
    assert lane.slots == 2


def test_a_lane_has_as_many_tasks_as_slots_and_two_batches_for_each_if_they_are_short() -> None:
    lane = WorkerSeen("tcp://h:1", "p", {"nthreads": 2}).lane("any")
    assert lane is not None
    assert (lane.room(short=False), lane.room(short=True)) == (2, 4 * BATCH)
    lane.pending += [task(number) for number in range(10)]
    parts = lane.split()
    assert [len(part) for part in parts] == [3, 3, 2, 2]
    assert sorted(each.token for part in parts for each in part) == [str(number) for number in range(10)]
    for number, part in enumerate(parts[:2]):
        lane.given[str(number)] = Given(str(number), lane, tuple(part))
    assert (lane.room(short=False), lane.room(short=True), lane.load) == (0, 2 * BATCH, (False, 3))
    lane.member.leaving = True
    assert (lane.room(short=False), lane.room(short=True)) == (0, 0)


def test_output_is_sent_in_pieces_and_its_middle_left_out() -> None:
    printed = Printed(40_000)
    found = b""
    for number in range(10_000):
        printed.add(b"line %d\n" % number)
        for piece in printed.take(whole=False):
            assert len(piece) == PIECE
            found += piece
    printed.end()
    found += b"".join(printed.take())
    assert found.startswith(b"line 0\nline 1\n")
    assert found.endswith(b"line 9998\nline 9999\n")
    missing = re.search(rb"\[simpleflow: (\d+) bytes are missing here\]", found)
    assert missing is not None
    whole = sum(len(b"line %d\n" % number) for number in range(10_000))
    assert len(found) - len(missing[0]) - 2 + int(missing[1]) == whole
    nothing = Printed(0)
    nothing.add(b"x" * 100)
    nothing.end()
    assert nothing.take() == []
