"""However decisions are found, and whatever is kept alive in between, an execution has the same history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simpleflow.core import codec
from simpleflow.engines.memory import MemoryEngine
from simpleflow.engines.sqlite.engine import SqliteEngine
from tests.worker import random_workflows
from tests.worker.random_workflows import drive, evicted, from_nothing, kept_alive, told

SEEDS = range(120)


def in_memory(road: random_workflows.Road_, seed: int) -> list[bytes]:
    clock = [1_000_000.0]
    return drive(MemoryEngine(lambda: clock[0]), road, seed, clock)


@pytest.mark.parametrize("start", range(0, len(SEEDS), 30))
def test_what_is_kept_alive_decides_as_evaluating_afresh_does(start: int) -> None:
    for seed in SEEDS[start : start + 30]:
        assert in_memory(kept_alive, seed) == in_memory(from_nothing, seed), f"seed {seed}"


@pytest.mark.parametrize("start", range(0, len(SEEDS), 30))
def test_giving_up_what_is_kept_alive_changes_nothing(start: int) -> None:
    for seed in SEEDS[start : start + 30]:
        assert in_memory(evicted, seed) == in_memory(kept_alive, seed), f"seed {seed}"


def test_the_short_road_leaves_the_history_of_the_long_one(tmp_path: Path) -> None:
    """The short one: the decider reads the engine's history, and answers wait for what comes next. The disk tells."""
    for seed in SEEDS[:40]:
        found = []
        for road in (kept_alive, told):
            clock = [1_000_000.0]
            engine = SqliteEngine(tmp_path / f"{seed}-{road.__name__}", lambda clock=clock: clock[0])
            drive(engine, road, seed, clock)
            kept = [codec.encode_history(engine.executions.journal.load(run_id)) for run_id in engine.runs]
            found.append([re.sub(rb"memory://roads-[0-9]+", b"bucket", text) for text in kept])
            engine.close()
        assert found[0] == found[1], f"seed {seed}"


def test_the_random_workflows_come_to_all_that_they_are_for() -> None:
    whole = b"".join(b"".join(in_memory(kept_alive, seed)) for seed in SEEDS)
    for text in (
        *(b"TimerFired", b"ActivityTaskFailed", b"ChildWorkflowExecutionCompleted", b"WorkflowExecutionSignaled"),
        *(rb"\"status\":\"skipped\"", rb"\"status\":\"failed\"", b"Dep of a", rb"\"unmarks\":["),
        *(b"WorkflowExecutionCompleted", rb"\"joined\":", rb"\"args\":[10", rb"\"args\":[20"),
        *(b"WorkflowExecutionContinuedAsNew", b"WorkflowExecutionCanceled", b"ActivityTaskCancelRequested"),
        *(b"_simpleflow_retry", b"Workflow execution error", b"outside", b"random_workflows.same-", rb"\"args\":[["),
        *(b'"markerName":"before"', b'"markerName":"after"'),
    ):
        assert text in whole, text
