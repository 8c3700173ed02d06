"""Estimates: earlier runs are simulated ones with known durations, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Group
from simpleflow.core.events import Event
from simpleflow.engines.base import ActivityTask
from simpleflow.local import Executor
from simpleflow.steering.estimate import Estimate, Unknown, estimate
from simpleflow.steering.simulation import Simulation
from simpleflow.step import Step
from tests.steering.bench import Bench, do


def two_loads_and_a_report(self: Any) -> None:
    loads = [self.submit(Step(f"load.{name}", (do, name))) for name in "ab"]
    futures.wait(*loads)
    futures.wait(self.submit(Step("report", (do, "report"))))


SECONDS = {"load.a": 10.0, "load.b": 30.0, "report": 5.0}


class Timed:
    """A workflow with earlier runs that were simulated."""

    def __init__(self, bench: Bench, body: Any) -> None:
        self.bench = bench
        self.workflow = bench.workflow(body)
        self.histories: list[tuple[str, list[Event]]] = []

    def ran(self, seconds: dict[str, float], workers: int = 8, **request: Any) -> float:
        """Simulate a run in which activities of steps take these seconds; returns how long it took."""

        def of_task(task: ActivityTask) -> float:
            return next((took for name, took in seconds.items() if name in task.activity_id), 0.0)

        executor = Executor(self.workflow, workflow_id="w", **request)
        simulation = Simulation(self.workflow, None, None, self.past, workers, of_task)
        _, runs = simulation.simulate(executor.request([]))
        root = next(iter(runs.values()))
        self.histories.insert(0, (root.run_id, list(root.history.events)))
        return root.history.events[-1].time - root.history.events[0].time

    def past(self, workflow_id: str) -> Iterator[tuple[str, list[Event]]]:
        yield from self.histories if workflow_id == "w" else ()

    def estimate(self, workers: int = 8, assume: bool = False, **request: Any) -> Estimate:
        return estimate(
            self.workflow,
            request=request,
            input=[],
            workflow_id="w",
            default_bucket=None,
            domain=None,
            results=self.past if assume else None,
            past=self.past,
            workers=workers,
        )


@pytest.fixture
def timed(bench: Bench) -> Timed:
    return Timed(bench, two_loads_and_a_report)


def test_a_run_takes_as_long_as_the_one_before(timed: Timed) -> None:
    assert timed.ran(SECONDS) == pytest.approx(35)
    found = timed.estimate()
    assert (found.complete, found.runs, found.unknown) == (True, 1, ())
    assert found.quantiles[0.5] == found.quantiles[0.9] == pytest.approx(35)
    assert found.steps == {("w", name): pytest.approx(seconds) for name, seconds in SECONDS.items()}
    assert [name for name, _ in found.critical] == ["load.b", "report"]


def test_workers_that_are_too_few_make_it_longer(timed: Timed) -> None:
    timed.ran(SECONDS)
    found = timed.estimate(workers=1)
    assert found.typical == pytest.approx(45)
    [twice, *_] = found.alternatives
    assert (twice.change, twice.seconds) == ("2 workers", pytest.approx(35))
    assert twice.gain == pytest.approx(10)


def test_what_skipping_and_not_forcing_would_gain(timed: Timed) -> None:
    timed.ran(SECONDS)
    timed.bench.mark("load.b")
    found = timed.estimate(force_steps=["load.b"])
    gains = {each.change: each.gain for each in found.alternatives}
    assert gains == {
        "16 workers": 0,
        "without forcing load.b": pytest.approx(20),
        "skipping report": pytest.approx(5),
    }


def test_a_skipped_step_takes_no_time(timed: Timed) -> None:
    timed.ran(SECONDS)
    timed.bench.mark("load.b", "report")
    found = timed.estimate()
    assert found.typical == pytest.approx(10)
    assert list(found.steps) == [("w", "load.a")]


def test_what_never_ran_is_said_and_counts_as_nothing(timed: Timed) -> None:
    found = timed.estimate()
    assert found.typical == pytest.approx(0)
    assert found.unknown == tuple(Unknown(name, do.name, 1) for name in SECONDS)
    assert set(found.rests_on.values()) == {0}


def test_a_new_activity_of_a_known_step_takes_as_long_as_its_like(bench: Bench) -> None:
    names = ["a"]

    def body(self: Any) -> None:
        futures.wait(self.submit(Step("load", Group(*[(do, name) for name in names]))))

    timed = Timed(bench, body)
    timed.ran({"load": 8.0})
    names.append("b")
    found = timed.estimate(workers=1)
    assert (found.typical, found.unknown) == (pytest.approx(16), ())


def test_the_spread_of_the_past_is_the_spread_of_the_future(timed: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simpleflow.steering.estimate.DRAWS", 60)
    for factor in (0.8, 0.9, 1.0, 1.1, 1.25):
        timed.ran({name: seconds * factor for name, seconds in SECONDS.items()})
    found = timed.estimate()
    assert found.runs == 5
    assert found.typical == pytest.approx(35, rel=0.03)
    assert 34 < found.quantiles[0.5] < 38
    assert 38 < found.quantiles[0.9] < 50
    assert found == timed.estimate()


def test_a_plan_that_stops_gives_a_least_time(bench: Bench) -> None:
    def body(self: Any) -> None:
        if self.submit(Step("load", (do, 1))).value:
            futures.wait(self.submit(Step("report", (do, 2))))

    timed = Timed(bench, body)
    timed.ran({"load": 3.0, "report": 4.0})
    found = timed.estimate()
    assert (found.complete, found.typical) == (False, pytest.approx(3))


def test_timers_pass_on_the_same_clock(bench: Bench) -> None:
    def body(self: Any) -> None:
        timer = self.submit(self.start_timer("pause", 60))
        work = self.submit(Step("load", (do, 1)))
        futures.wait(timer, work)

    timed = Timed(bench, body)
    timed.ran({"load": 90.0})
    assert timed.estimate().typical == pytest.approx(90)
    timed.ran({"load": 20.0})
    timed.histories.pop()
    assert timed.estimate().typical == pytest.approx(60)


def test_an_estimate_executes_and_writes_nothing(timed: Timed, tmp_path: Path) -> None:
    timed.ran(SECONDS)
    timed.bench.mark("load.a")
    before = timed.bench.files()
    timed.estimate()
    assert timed.bench.files() == before
