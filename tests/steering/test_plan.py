"""The plan of a run: its verdicts, without running an activity or writing a mark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import InputError, StoreError
from simpleflow.local import Executor
from simpleflow.steering.plan import plan
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.child_ids import child_id
from tests.steering.bench import DONE, REQUESTED, Bench, do, in_turn, rows


def test_steps_that_would_run_and_be_skipped(bench: Bench) -> None:
    bench.mark("a", "c", "d.e")
    found = bench.plan(in_turn, "a", "b", "c", "d.e", "d.f", force=["c"], skip="d")
    assert rows(found) == [
        ("a", "skip", False, DONE),
        ("b", "run", False, ()),
        ("c", "run", True, REQUESTED),
        ("d.e", "skip", True, REQUESTED),
        ("d.f", "skip", True, REQUESTED),
    ]
    assert {each.workflow_id for each in found.steps} == {"w"}
    assert found.notes == ()


def test_a_step_that_is_submitted_twice_has_two_rows(bench: Bench) -> None:
    assert rows(bench.plan(in_turn, "a", "a")) == [("a", "run", False, ()), ("a", "skip", False, DONE)]


def test_planning_creates_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    class Plain(Workflow, WorkflowStepMixin):
        name = "plain"

        def run(self) -> None:
            in_turn(self, "a")

    found = plan(Plain, default_bucket=Executor(Plain).default_bucket)
    assert rows(found) == [("a", "run", False, ())]
    assert found.steps[0].workflow_id == "plain"
    assert list(tmp_path.iterdir()) == []


def test_dependents_and_steps_that_would_lose_their_marks(bench: Bench) -> None:
    def run(self: Any) -> None:
        self.submit(self.step("a", (do, 1), force_steps_if_executed=["b", "z"]))
        self.submit(self.step("b", (do, 2)))

    bench.mark("a", "b", "z.1")
    found = bench.plan(run, force="a")
    assert rows(found) == [("a", "run", True, REQUESTED), ("b", "run", True, ("Dep of a",))]
    assert [each.unmarks for each in found.steps] == [("b", "z.1"), ()]


def test_containers_alternatives_and_futures_of_steps(bench: Bench) -> None:
    def run(self: Any) -> None:
        def one(name: str) -> Any:
            return self.step(
                name, (do, name), activities_if_step_already_done=Chain((do, 1), self.step(name + "!", do))
            )

        group = self.submit(Group(one("a"), Chain(one("b"), FuncGroup(lambda: Group(one("c"), one("d"))))))
        futures.wait(group)
        again = self.submit(one("a"))
        self.submit(one("ran" if again.ran else "did not run"))

    bench.mark("b")
    found = bench.plan(run)
    assert found.notes == ()
    assert [row[:2] for row in rows(found)] == [
        ("a", "run"),
        ("b!", "run"),
        ("b", "skip"),
        ("c", "run"),
        ("d", "run"),
        ("a!", "run"),
        ("a", "skip"),
        ("did not run", "run"),
    ]


def test_children_have_steps_too(bench: Bench) -> None:
    class Child(Workflow, WorkflowStepMixin):
        name = "planned child"

        def get_step_bucket(self) -> str:
            return bench.bucket

        def run(self, *names: Any) -> Any:
            in_turn(self, *names)
            return self.submit(do, list(names)).result

    def run(self: Any, uses: bool) -> None:
        first = self.submit(Child, "a", "b").result
        self.submit(Child, *(first if uses else ["c"]))
        in_turn(self, "d")
        self.submit(Child, first).result

    first, second = (child_id("w", "planned child", *names) for names in (["a", "b"], ["c"]))
    bench.mark("b", workflow_id=first)
    found = bench.plan(run, False)
    assert [(each.workflow_id, each.step, each.verdict) for each in found.steps] == [
        (first, "a", "run"),
        (first, "b", "skip"),
        ("w", "d", "run"),
        (second, "c", "run"),
    ]
    # The third child would make a step whose name depends on an unknown result.
    assert len(found.notes) == 1
    assert found.notes[0].startswith("run() of workflow w--planned child-")
    assert [note.partition(" needs ")[0] for note in bench.plan(run, True).notes] == ["run()"]


def test_executions_that_share_marks_see_each_others_changes(bench: Bench) -> None:
    shared = {"get_step_path_prefix": lambda _: "shared"}

    class Child(Workflow, WorkflowStepMixin):
        name = "child that shares"
        get_step_bucket = lambda _: bench.bucket  # noqa: E731
        get_step_path_prefix = shared["get_step_path_prefix"]

        def run(self) -> None:
            in_turn(self, "a", "b", "c")

    def run(self: Any) -> None:
        futures.wait(self.submit(self.step("a", do, force_steps_if_executed="b")))
        futures.wait(self.submit(Child))

    for name in ("b", "c"):
        open_store(bench.bucket).put("shared", name, b"{}")
    found = bench.plan(run, attributes=shared)
    assert [row[:2] for row in rows(found)] == [("a", "run"), ("a", "skip"), ("b", "run"), ("c", "skip")]
    assert found.notes == ()


def kept(self: Any, second: str = "b") -> None:
    names = self.submit(self.step("names", (do, ["x", "y"]), keep_result=True)).value
    in_turn(self, *names)
    self.submit(self.step(second, do))


def test_a_kept_result_is_known(bench: Bench) -> None:
    assert bench.plan(kept).notes != ()
    bench.run(kept)
    found = bench.plan(kept)
    assert [row[:2] for row in rows(found)] == [(name, "skip") for name in ("names", "x", "y", "b")]
    assert found.notes == ()


def test_fingerprints(bench: Bench) -> None:
    def run(self: Any, day: str) -> None:
        source = self.submit(do, day).result
        self.submit(self.step("known", do, fingerprint=[day]))
        self.submit(self.step("unknown", do, fingerprint=[source], force_steps_if_executed="late"))
        futures.wait(self.submit(self.step("late", do)))

    first = bench.plan(run, "mon")
    assert [(each.verdict, each.fingerprint) for each in first.steps] == [
        ("run", '["mon"]'),
        ("run", None),
        ("run", None),
    ]
    assert first.notes == ()
    bench.run(run, "mon")
    found = bench.plan(run, "tue")
    doubt = f"whether step 'unknown' runs depends on the result of activity {do.name}"
    assert [(each.step, each.verdict, each.reasons, each.note) for each in found.steps] == [
        ("known", "run", ("Inputs changed",), None),
        ("unknown", "unknown", ("Inputs changed",), doubt),
        ("late", "run", ("Dep of unknown",), None),
    ]
    assert found.notes == (doubt,)
    assumed = bench.plan(run, "mon", past=bench.past)
    assert [each.verdict for each in assumed.steps] == ["skip"] * 3
    assert assumed.notes == ()
    forced = bench.plan(run, "mon", force="unknown")
    assert {(each.step, each.verdict, each.fingerprint) for each in forced.steps} == {
        ("known", "skip", None),
        ("unknown", "run", None),
        ("late", "run", None),
    }
    assert forced.notes == ()


def test_two_unknown_results_of_one_activity_are_not_the_same(bench: Bench) -> None:
    def run(self: Any) -> None:
        for _ in range(2):
            futures.wait(self.submit(self.step("a", do, fingerprint=self.submit(do).result)))

    assert [each.verdict for each in bench.plan(run).steps] == ["run", "unknown"]


def test_class_based_activities_are_not_instantiated(bench: Bench) -> None:
    made: list[str] = []

    @activity.with_attributes(name="made")
    class Make:
        def __init__(self) -> None:
            made.append("made")

        def execute(self) -> None:
            pass

    def run(self: Any) -> None:
        futures.wait(self.submit(self.step("a", Make)))

    assert rows(bench.plan(run)) == [("a", "run", False, ())]
    assert made == []


def test_marks_that_cannot_be_read(bench: Bench) -> None:
    bench.folder.write_text("not a folder")
    with pytest.raises(StoreError, match="list the done marks"):
        plan(bench.workflow(in_turn), input=["a"], workflow_id="w", default_bucket=None)


@pytest.mark.parametrize("how", [{"force": "a..b"}, {"skip": [1]}, {"workflow_id": "a\nb"}, {"input": {1, object()}}])
def test_invalid_arguments_are_refused(bench: Bench, how: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        plan(bench.workflow(in_turn), default_bucket=None, **how)


def test_a_plan_needs_no_other_engine(bench: Bench) -> None:
    engine = MemoryEngine()
    executor = Executor(bench.workflow(in_turn), workflow_id="w")
    run_id = engine.start_workflow_execution(executor.request(["a"]))
    assert rows(bench.plan(in_turn, "a")) == [("a", "run", False, ())]
    assert len(engine.runs[run_id].history.events) == 2
