"""Plans of runs that need results: they stop there, or go on with results of earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simpleflow import Workflow, futures
from simpleflow.canvas import FuncGroup, Group
from simpleflow.core.events import Event
from tests.steering.bench import DONE, NEEDS_DO, REQUESTED, Bench, add_more, do, in_turn, rows


def uses(self: Any) -> None:
    load = self.submit(self.step("load", (do, ["x", "y"])))
    futures.wait(load)
    beside = self.submit(self.step("beside", do))
    for name in load.value:
        futures.wait(self.submit(self.step(f"load.{name}", (do, name))))
    futures.wait(beside)


def test_the_use_of_an_unknown_result_ends_the_plan(bench: Bench) -> None:
    found = bench.plan(uses)
    assert [row[:2] for row in rows(found)] == [("load", "run"), ("beside", "run")]
    line = uses.__code__.co_firstlineno + 4
    assert found.notes == (f"run() {NEEDS_DO} (test_plan_results.py:{line})",)
    assert [each.note for each in found.steps] == [None, None]


def test_the_plan_goes_on_with_earlier_results(bench: Bench) -> None:
    ran = bench.run(uses)
    bench.mark("load.y")
    found = bench.plan(uses, force=["load"], past=bench.past)
    assert found.notes == ()
    assert rows(found) == [
        ("load", "run", True, REQUESTED),
        ("beside", "skip", False, DONE),
        ("load.x", "run", True, REQUESTED),
        ("load.y", "run", True, REQUESTED),
    ]
    assert [row[0] for row in rows(found)] == [row[0] for row in ran]


def test_the_newest_result_counts_and_older_runs_fill_in(bench: Bench) -> None:
    def run(self: Any, first: str, more: bool) -> None:
        names = list(self.submit(add_more, first).result) if more else []
        in_turn(self, *names, *self.submit(do, [first]).result)

    bench.run(run, "old", True)
    bench.run(run, "new", False)
    assert [row[0] for row in rows(bench.plan(run, "?", True, past=bench.past))] == ["old!", "new"]
    del bench.histories["w"][1]
    found = bench.plan(run, "?", True, past=bench.past)
    assert (rows(found), len(found.notes)) == ([], 1)


def test_earlier_runs_are_read_only_when_needed(bench: Bench) -> None:
    asked: list[str] = []

    def past(workflow_id: str) -> Iterator[tuple[str, list[Event]]]:
        asked.append(workflow_id)
        yield from ()

    bench.mark("a")
    bench.plan(in_turn, "a", past=past)
    assert asked == []
    bench.plan(in_turn, "a", "b", "c", past=past)
    assert asked == ["w"]


def test_inside_a_step_only_that_step_waits(bench: Bench) -> None:
    def run(self: Any) -> None:
        many = self.submit(do, [1])
        self.submit(self.step("a", FuncGroup(lambda found: Group(*[(do, each) for each in found]), many.result)))
        self.submit(self.step("b", do))

    found = bench.plan(run)
    assert [row[:2] for row in rows(found)] == [("a", "run"), ("b", "run")]
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"step 'a' {NEEDS_DO} (test_plan_results.py:")
    assert [each.note for each in found.steps] == [found.notes[0], None]


def test_children_return_their_earlier_results(bench: Bench) -> None:
    class Child(Workflow):
        name = "child with a past"

        def run(self, *names: str) -> Any:
            return [name + "!" for name in self.submit(do, list(names)).result]

    def run(self: Any) -> None:
        in_turn(self, *self.submit(Child, "a", "b").result)

    assert bench.plan(run).steps == ()
    bench.run(run)
    assert rows(bench.plan(run, past=bench.past)) == [("a!", "skip", False, DONE), ("b!", "skip", False, DONE)]


def test_plans_are_the_same_each_time(bench: Bench) -> None:
    bench.mark("a")
    assert bench.plan(uses) == bench.plan(uses)
