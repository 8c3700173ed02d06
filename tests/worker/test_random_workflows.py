"""All drivers of a decider give an execution the same history."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from simpleflow.core import codec
from simpleflow.core.decider import evaluation
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.engines.sqlite.engine import SqliteEngine
from tests.worker.random_workflows import drive, evaluated_afresh, evicted, fed_events, in_memory, kept_alive

SEEDS = range(120)


@pytest.mark.parametrize("start", range(0, len(SEEDS), 15))
def test_a_decider_kept_alive_decides_as_a_fresh_evaluation_and_as_one_that_is_dropped(start: int) -> None:
    for seed in SEEDS[start : start + 15]:
        expected = in_memory(kept_alive, seed)
        assert expected == in_memory(evaluated_afresh, seed), f"seed {seed}"
        assert expected == in_memory(evicted, seed), f"seed {seed}"


def test_a_run_that_waits_for_room_has_the_same_history_in_every_way(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    wait = Evaluation.wait_for_room

    def counted(evaluation: Evaluation) -> None:
        wait(evaluation)
        waited.append(evaluation)

    monkeypatch.setattr(evaluation, "ROOM", 1)
    monkeypatch.setattr(Evaluation, "wait_for_room", counted)
    for seed in SEEDS[:30]:
        histories = in_memory(kept_alive, seed)
        assert in_memory(evaluated_afresh, seed) == histories, f"seed {seed}"
        assert in_memory(evicted, seed) == histories, f"seed {seed}"
    assert len(waited) > 20


def test_a_decider_that_was_dropped_waits_for_the_same_signals() -> None:
    telling = functools.partial(kept_alive, tells_waits=True)
    waits = 0
    for seed in SEEDS[:20]:
        histories = in_memory(telling, seed)
        assert in_memory(functools.partial(evicted, tells_waits=True), seed) == histories, f"seed {seed}"
        waits += any(b'\\"awaits\\":' in each for each in histories)
    assert waits > 2


def test_a_decider_that_reads_the_history_of_the_engine_leaves_the_same_journal(tmp_path: Path) -> None:
    """It reads the engine's own history, and its responses are written to disk later, with the next ones."""
    for seed in SEEDS[:40]:
        found = []
        for driver in (kept_alive, fed_events):
            clock = [1_000_000.0]
            engine = SqliteEngine(tmp_path / f"{seed}-{driver.__name__}", lambda clock=clock: clock[0])
            drive(engine, driver, seed, clock)
            kept = [codec.encode_history(engine.executions.journal.load(run_id)) for run_id in engine.runs]
            found.append([re.sub(rb"memory://random-[0-9]+", b"bucket", text) for text in kept])
            engine.close()
        assert found[0] == found[1], f"seed {seed}"


def test_the_random_workflows_reach_every_kind_of_event() -> None:
    missing = {
        *(b"TimerFired", b"ActivityTaskFailed", b"ChildWorkflowExecutionCompleted", b"WorkflowExecutionSignaled"),
        *(rb"\"status\":\"skipped\"", rb"\"status\":\"failed\"", b"Dep of a", rb"\"unmarks\":["),
        *(b"WorkflowExecutionCompleted", rb"\"joined\":", rb"\"args\":[10", rb"\"args\":[20"),
        *(b"WorkflowExecutionContinuedAsNew", b"WorkflowExecutionCanceled", b"ActivityTaskCancelRequested"),
        *(b"_simpleflow_retry", b"Workflow execution error", b"outside", b"random_workflows.same-", rb"\"args\":[["),
        *(b'"markerName":"before"', b'"markerName":"after"'),
        *(b"Not among --only", b"log.step.stopped", b"__simpleflow_stopped", b"2 failures: ", rb"\"lost\":true"),
    }
    for seed in SEEDS:
        histories = b"".join(in_memory(kept_alive, seed))
        missing = {text for text in missing if text not in histories}
        if not missing:
            break
    assert missing == set()
