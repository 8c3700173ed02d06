"""The cost of a run on SWF: decision tasks, events, and bytes of history, counted on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from tests.swf.request_counts import Sequence, Steps
from tests.swf.served import DOMAIN, Crew, ended, outcome, start

N = 100


class Counted:
    """The history that the deciders of this process read."""

    history_bytes = 0
    pages = 0

    def take(self, response_dict: dict[str, Any], **_: Any) -> None:
        self.history_bytes += len(response_dict["body"])
        self.pages += 1


@contextmanager
def counted() -> Iterator[Counted]:
    found = Counted()
    reads = [("polls", "PollForDecisionTask"), ("calls", "GetWorkflowExecutionHistory")]
    for purpose, operation in reads:
        client(purpose).meta.events.register(f"before-parse.swf.{operation}", found.take)  # type: ignore[arg-type]
    yield found
    for purpose, operation in reads:
        client(purpose).meta.events.unregister(f"before-parse.swf.{operation}", found.take)  # type: ignore[arg-type]


def run(workflow_class: type[Workflow], count: int, workflow_id: str, **crew: Any) -> tuple[int, int, int]:
    """Run a workflow; returns its decision tasks, its events, and the bytes of history that its deciders read."""
    run_id = start(workflow_class, count, workflow_id=workflow_id)
    with counted() as found, Crew(**crew):
        assert ended(workflow_id).status == "completed", outcome(workflow_id, run_id)
    assert outcome(workflow_id, run_id).result == str(count * (count - 1) // 2)
    events = SwfEngine(DOMAIN).history(workflow_id, run_id)
    return sum(each.type == "DecisionTaskCompleted" for each in events), len(events), found.history_bytes


def test_sequential_activities(server: Server) -> None:
    run(Sequence, 1, "types are registered now")
    tasks, events, history = run(Sequence, N, "w")
    assert (tasks, events) == (N + 1, 6 * N + 5)
    assert history < 300_000


def test_sequential_steps(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Steps, "get_step_bucket", lambda self: str(tmp_path / "marks"))
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")
    run(Steps, 1, "types are registered now")
    tasks, events, history = run(Steps, N, "w")
    assert tasks <= 2 * N + 2
    assert events <= 14 * N + 11
    assert history < 530_000  # how far pages overlap depends on the machine: 508,000 to 519,000 on one


def test_two_deciders_read_a_history_about_twice(server: Server) -> None:
    run(Sequence, 1, "types are registered now")
    _, _, history = run(Sequence, N, "w", deciders=2)
    assert history < 800_000


def test_an_own_list_brings_tasks_back_to_the_same_process(server: Server) -> None:
    run(Sequence, 1, "types are registered now")
    with_it, _, history = run(Sequence, N, "w", own_list="own", own_list_seconds=5)
    assert with_it == N + 1
    assert history < 300_000
    lists = [getattr(each.attributes, "task_list", None) for each in SwfEngine(DOMAIN).history("w")]
    assert sum(found is not None and found.name == "own" for found in lists) >= N
