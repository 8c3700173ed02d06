"""Fingerprints made of ARGUMENTS, CODE and files, and outputs that have to exist."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import InputError, NotEncodable
from simpleflow.steering.plan import plan
from simpleflow.step import ARGUMENTS, CODE, Step, WorkflowStepMixin, claims, files
from simpleflow.step.marks_task import MarksTask
from simpleflow.step.run_record import StepRun
from simpleflow.stores import open_store
from simpleflow.task import ChildWorkflowTask
from simpleflow.worker.dispatch import Outcome
from tests.step.bench import Bench, note, noted
from tests.step.test_changes import Child, edited, load
from tests.step.test_evaluated_afresh import OTHER, Ordered, look

RAN = [True, False, []]
SKIPPED = [False, False, ["Step was already played"]]


def one(work: Any, fingerprint: Any, **options: Any) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", work, fingerprint=fingerprint, **options))
        futures.wait(step)
        return [step.ran, step.forced, step.reasons]

    return run


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, below the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(name)
    return folder


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (lambda day: (load, day), "day 'mon' -> 'tue'"),
        (lambda day: Group((load, "x"), (note, day)), "note: what 'mon' -> 'tue'"),
        (lambda day: Chain((note, "x"), (load, day)), "load: day 'mon' -> 'tue'"),
        (lambda day: (Child, day), "day 'mon' -> 'tue'"),
        (lambda day: FuncGroup(lambda of: (note, of), day), "of 'mon' -> 'tue'"),
    ],
)
def test_other_arguments_run_the_step_and_the_reason_names_them(stored: Bench, work: Any, reason: str) -> None:
    assert stored.run(one(work("mon"), ARGUMENTS)) == RAN
    assert stored.run(one(work("mon"), ARGUMENTS)) == SKIPPED
    assert stored.run(one(work("tue"), ARGUMENTS)) == [True, False, [f"Inputs changed: arguments {reason}"]]
    assert stored.run(one(work("tue"), [ARGUMENTS])) == SKIPPED


def test_other_code_runs_the_step(stored: Bench) -> None:
    stored.run(one((load, "mon"), CODE))
    assert stored.run(one((load, "tue"), CODE)) == SKIPPED
    assert stored.run(one((edited, "tue"), CODE)) == [True, False, ["Inputs changed: code of load"]]


@pytest.mark.parametrize("by", ["mtime", "content"])
def test_other_files_run_the_step(bench: Bench, data: Path, by: str) -> None:
    parts = files("data/*.csv", by=by)
    assert bench.run(one((load, "mon"), parts)) == RAN
    assert bench.run(one((load, "mon"), parts)) == SKIPPED
    (data / "a.csv").write_text("longer")
    assert bench.run(one((load, "mon"), parts)) == [True, False, ["Inputs changed: data/a.csv"]]
    (data / "c.csv").write_text("c")
    (data / "b.csv").unlink()
    reason = "Inputs changed: data/b.csv is gone, data/c.csv is new"
    assert bench.run(one((load, "mon"), parts)) == [True, False, [reason]]


def test_files_by_content_do_not_depend_on_times(bench: Bench, data: Path) -> None:
    for by, verdict in (("content", SKIPPED), ("mtime", [True, False, ["Inputs changed: data/a.csv"]])):
        bench.run(one((load, "mon"), files("data/a.csv", by=by), force=True))
        os.utime(data / "a.csv", (1, 1 if by == "content" else 2))
        assert bench.run(one((load, "mon"), files("data/a.csv", by=by))) == verdict


def test_the_reasons_name_every_part_that_changed(bench: Bench, data: Path) -> None:
    def parts(value: Any) -> list[Any]:
        return [ARGUMENTS, CODE, files("data/*.csv"), {"limit": value}]

    bench.run(one((load, "mon"), parts(1)))
    assert bench.run(one((load, "mon"), parts(1))) == SKIPPED
    (data / "b.csv").write_text("other")
    assert bench.run(one((edited, "tue"), parts(2))) == [
        True,
        False,
        [
            "Inputs changed: arguments day 'mon' -> 'tue'",
            "Inputs changed: code of load",
            "Inputs changed: data/b.csv",
            "Inputs changed: value {'limit': 1} -> {'limit': 2}",
        ],
    ]


def test_another_kind_of_fingerprint_is_a_change(bench: Bench) -> None:
    bench.run(one((load, "mon"), 1))
    assert bench.run(one((load, "mon"), [ARGUMENTS])) == [True, False, ["Inputs changed"]]
    assert bench.run(one((load, "mon"), [ARGUMENTS, 1])) == [True, False, ["Inputs changed"]]
    assert bench.run(one((load, "mon"), ["ARGUMENTS", 1])) == [True, False, ["Inputs changed"]]


def test_many_files_are_compared_as_one(bench: Bench, data: Path) -> None:
    for number in range(300):
        (data / f"{number}.txt").write_text("x")
    parts = files("data/*.txt")
    bench.run(one((load, "mon"), parts))
    assert bench.run(one((load, "mon"), parts)) == SKIPPED
    (data / "7.txt").write_text("xx")
    assert bench.run(one((load, "mon"), parts)) == [True, False, ["Inputs changed: data/*.txt (300 files)"]]
    assert len(bench.markers[0]["fingerprint"]) < 1_000
    (data / "new.txt").write_text("x")
    assert bench.run(one((load, "mon"), parts)) == [True, False, ["Inputs changed: data/*.txt (301 files)"]]
    for number in range(299):
        (data / f"{number}.txt").unlink()
    assert bench.run(one((load, "mon"), parts)) == [True, False, ["Inputs changed: data/*.txt (2 files)"]]


def test_names_with_brackets_and_folders_of_any_depth(bench: Bench, data: Path) -> None:
    (data / "deep/er").mkdir(parents=True)
    for name in ("x[1].csv", "deep/er/y.csv"):
        (data / name).write_text("x")
    parts = files("data/x[1].csv", "data/**/y.csv")
    bench.run(one((load, "mon"), parts))
    (data / "deep/er/y.csv").write_text("yy")
    assert bench.run(one((load, "mon"), parts))[2] == ["Inputs changed: data/deep/er/y.csv"]


def test_missing_files_are_a_clear_error_of_their_step_and_its_dependents_do_not_run(bench: Bench, data: Path) -> None:
    def run(workflow: Any, pattern: str) -> Any:
        steps = [
            workflow.step("s", (note, "s"), fingerprint=files("data/*.csv", pattern), force_steps_if_executed=["late"]),
            workflow.step("late", (note, "late")),
            workflow.step("other", (note, "other"), fingerprint=files("data/a.csv")),
        ]
        found = [workflow.submit(step) for step in steps]
        return [each.failed for each in found]

    assert bench.run(lambda workflow: run(workflow, "data/*.parquet")) == [True, True, False]
    assert noted == ["other"]
    assert bench.done == ["other"]
    [failed] = [each for each in bench.markers if each["step"] == "s"]
    assert "fingerprint of step 's': no file matches 'data/*.parquet' in /" in failed["error"]
    assert bench.run(lambda workflow: run(workflow, "data")) == [True, True, False]
    assert any("'data' is a folder; name the files in it: 'data/**'" in each.get("error", "") for each in bench.markers)
    assert bench.run(lambda workflow: run(workflow, "data/*.csv")) == [False, False, False]
    assert noted == ["s", "late"]


def many(count: int, pattern: str = "data/a.csv", **options: Any) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        steps = [
            workflow.step(f"s{n}", (note, "x"), fingerprint=[n, files(pattern)], outputs="data/b.csv", **options)
            for n in range(count)
        ]
        return [step.ran for step in [workflow.submit(step) for step in steps]]

    return run


def test_one_activity_reads_for_all_steps_that_wait(stored: Bench, data: Path) -> None:
    assert stored.run(many(30)) == [True] * 30
    assert stored.activities().count("ReadStepsTask") == 1
    assert stored.run(many(30)) == [False] * 30
    assert stored.activities() == ["GetStepsDoneTask", "ReadStepsTask"]
    (data / "a.csv").write_text("other")
    assert stored.run(many(30)) == [True] * 30
    assert stored.markers[0]["reasons"] == ["Inputs changed: data/a.csv"]


def test_steps_that_wait_for_a_reading_are_not_compared_with_each_other(
    bench: Bench, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(many(100))
    compared: list[Any] = []
    forces = StepRun.forces
    monkeypatch.setattr(StepRun, "forces", lambda self, other: compared.append(self) or forces(self, other))
    assert bench.run(many(100)) == [False] * 100
    assert len(compared) < 500


def test_a_reading_that_does_not_fit_into_a_field_is_completed_by_others(
    bench: Bench, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(many(6))
    monkeypatch.setattr(MarksTask, "room", lambda self, *beside: 1_000)
    assert bench.run(many(6)) == [False] * 6
    assert bench.activities().count("ReadStepsTask") == 3


@pytest.mark.parametrize("afresh", [False, True])
def test_what_was_read_is_used_by_every_evaluation(bench: Bench, data: Path, afresh: bool) -> None:
    def run(workflow: Any) -> Any:
        first = [workflow.submit(workflow.step(name, (note, name), fingerprint=files("data/a.csv"))) for name in "ab"]
        look(workflow, afresh)
        last = workflow.submit(workflow.step("c", (note, "c"), fingerprint=files("data/b.csv")))
        return [[each.ran, *each.reasons] for each in (*first, last)]

    bench.run(run)
    (data / "a.csv").write_text("other")
    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    found.end("ReadStepsTask")
    assert found.log() == ["a scheduled", "b scheduled"]
    (data / "a.csv").write_text("yet another")  # the verdicts stand
    found.end("echo")
    changed = "Inputs changed: data/a.csv"
    assert found.rest() == [[True, changed], [True, changed], [False, "Step was already played"]]
    assert found.activities().count("ReadStepsTask") == 2
    assert bench.run(run) == [[True, changed], [True, changed], [False, "Step was already played"]]


@pytest.mark.parametrize("afresh", [False, True])
def test_a_reading_that_failed_fails_every_step_that_waits(bench: Bench, data: Path, afresh: bool) -> None:
    def run(workflow: Any) -> Any:
        found = [workflow.submit(workflow.step(name, (note, name), fingerprint=files("data/a.csv"))) for name in "ab"]
        futures.wait(*found)
        look(workflow, afresh)
        return [each.failed for each in found]

    found = Ordered(bench.bucket, run, get_step_activity_params=lambda self: {"raises_on_failure": False, "retry": 0})
    found.end("GetStepsDoneTask")
    found.answer(found.take("ReadStepsTask"), Outcome(reason="StoreError: down", details='{"lasting":true}'))
    assert found.rest() == [True, True]
    assert found.log() == ["a failed", "b failed"]
    assert noted == []


def test_a_forced_step_records_its_files_and_a_skipped_one_reads_none(bench: Bench, data: Path) -> None:
    def skips(workflow: Any) -> Any:
        workflow.add_skipped_steps("s", "not now")
        return one((load, "mon"), files("nowhere"))(workflow)

    assert bench.run(skips) == [False, True, ["not now"]]
    assert bench.run(one((load, "mon"), files("data/*.csv"), force=True)) == [True, True, []]
    assert bench.run(one((load, "mon"), files("data/*.csv"))) == SKIPPED


def test_files_that_an_earlier_step_writes(bench: Bench, data: Path) -> None:
    def run(workflow: Any) -> Any:
        first = workflow.submit(workflow.step("first", FuncGroup(write), force_steps_if_executed=["s"]))
        return [first.ran, one((load, "mon"), files("data/made.csv"))(workflow)[0]]

    def write() -> Any:
        (data / "made.csv").write_text("made")
        return (note, "made")

    assert [bench.run(run) for _ in range(2)] == [[True, True], [False, False]]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "names no files"),
        (("",), {}, "holds ''"),
        ((1,), {}, "holds 1; expected a path"),
        (("s3://bucket/key",), {}, "not objects of a bucket"),
        (("a",), {"by": "x"}, "by"),
    ],
)
def test_bad_files_are_refused_when_they_are_named(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        files(*arguments, **options)


@pytest.mark.parametrize("part", [ARGUMENTS, CODE, files("a", "b")])
@pytest.mark.parametrize("place", [lambda part: {"of": part}, lambda part: [[part]], lambda part: [1, {"of": [part]}]])
def test_parts_inside_other_values_are_refused(part: Any, place: Any) -> None:
    with pytest.raises(NotEncodable, match="fingerprint of step 's' is not JSON: "):
        Step("s", (load, "mon"), fingerprint=place(part))


def test_copies_of_parts_are_parts(bench: Bench, data: Path) -> None:
    parts = [ARGUMENTS, CODE, files("data/*.csv")]
    bench.run(one((load, "mon"), parts))
    assert bench.run(one((load, "mon"), copy.deepcopy(parts))) == SKIPPED
    assert bench.run(one((load, "mon"), pickle.loads(pickle.dumps(parts)))) == SKIPPED


def test_a_plan_looks_at_files_and_arguments(bench: Bench, data: Path) -> None:
    bucket = bench.bucket
    bench.run(one((load, "mon"), [ARGUMENTS, files("data/*.csv")]))

    class Planned(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def run(self, day: str, pattern: str = "data/*.csv") -> Any:
            return one((load, day), [ARGUMENTS, files(pattern)])(self)

    def rows(*given: str) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (row.verdict, row.reasons)
            for row in plan(Planned, input=list(given), workflow_id="w", default_bucket=None).steps
        ]

    assert rows("mon") == [("skip", ("Step was already played",))]
    assert rows("tue") == [("run", ("Inputs changed: arguments day 'mon' -> 'tue'",))]
    (data / "a.csv").write_text("changed")
    assert rows("mon") == [("run", ("Inputs changed: data/a.csv",))]
    assert rows("mon", "data/later.csv") == [
        ("run", ("Inputs changed: no file matches data/later.csv, data/a.csv is gone, data/b.csv is gone",))
    ]
    [warning] = plan(Planned, input=["mon", "data/later.csv"], workflow_id="w", default_bucket=None).warnings
    assert warning.startswith("step 's' needs files that match 'data/later.csv'")


# Outputs


@activity.with_attributes()
def produce(what: str) -> str:
    Path("data/out").write_text(what)
    return f"did {what}"


def writing(day: str, *paths: Path) -> Any:
    def write() -> Any:
        for path in paths:
            path.write_text(day)
        return (note, day)

    return FuncGroup(write)


def test_a_step_is_done_only_while_its_outputs_exist(bench: Bench, data: Path) -> None:
    clean, more = data / "clean.parquet", data / "more.parquet"

    def run(workflow: Any) -> Any:
        outputs = ["data/clean.parquet", str(more)]
        step = workflow.submit(workflow.step("s", writing("mon", clean, more), outputs=outputs))
        return [step.ran, step.forced, step.reasons]

    assert [bench.run(run) for _ in range(2)] == [RAN, SKIPPED]
    clean.unlink()
    assert bench.run(run) == [True, False, ["Output is missing: data/clean.parquet"]]
    assert bench.markers[0]["unmarks"] == ["s"]
    more.unlink()
    assert bench.run(run) == [True, False, [f"Output is missing: {more}"]]
    assert bench.run(run) == SKIPPED


def test_a_missing_output_counts_where_steps_are_claimed(
    bench: Bench, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")

    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", writing("mon", data / "out"), outputs="data/out"))
        return step.ran

    assert [bench.run(run) for _ in range(2)] == [True, False]
    (data / "out").unlink()
    assert [bench.run(run) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("claims", ["0", "1"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_step_whose_work_did_not_make_its_outputs_fails(
    bench: Bench, data: Path, monkeypatch: pytest.MonkeyPatch, claims: str, kept: bool
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)

    def run(workflow: Any, *made: Path) -> Any:
        work = writing("mon", *made)
        step = workflow.step("s", work, outputs=["data/b.csv", data / "out"], keep_result=kept, after="a")
        found = [workflow.submit(step), workflow.submit(workflow.step("late", (note, "late"), after="s"))]
        return [each.failed for each in found]

    assert bench.run(run) == [True, True]
    assert noted == ["mon"]
    assert bench.done == []
    error = f"its work has ended, but its output is missing: {str(data / 'out')!r} (working folder {data.parent})"
    assert [each.get("error") for each in bench.markers if each["step"] == "s"] == [None, error]
    assert bench.run(lambda workflow: run(workflow, data / "out")) == [False, False]
    assert bench.done == ["late", "s"]


@pytest.mark.parametrize("afresh", [False, True])
def test_a_step_without_its_outputs_stays_failed(bench: Bench, data: Path, afresh: bool) -> None:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", (note, "s"), outputs="data/out"))
        futures.wait(step)
        look(workflow, afresh)
        return [step.failed, step.ran]

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "note", "MarkStepDoneTask"):
        found.end(each)
    (data / "out").write_text("too late")
    assert found.rest() == [True, True]
    assert found.log() == ["s scheduled", "s failed"]


def test_a_missing_output_that_another_run_has_made_again_is_not_made_twice(
    bench: Bench, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    bench.mark("s")
    store = open_store(bench.bucket)
    assert claims.claim(store, "w/steps", "s", OTHER, 100, False) is None

    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", (note, "s"), outputs="data/out"))
        return [step.ran, step.reasons]

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "ReadStepsTask", "ClaimStepTask"):
        found.end(each)
    assert found.log() == ["s waiting"]
    (data / "out").write_text("made")
    claims.release(store, "w/steps", ["s"], OTHER)
    assert found.rest() == [False, ["Step was already played"]]


def test_an_output_in_a_bucket(bench: Bench, request: pytest.FixtureRequest) -> None:
    bucket: str = request.getfixturevalue("bucket")
    store = open_store(bucket)
    store.put("made", "clean.parquet", b"x")
    output = f"{bucket}/made/clean.parquet"
    store.put("made", "more.parquet", b"x")

    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", (note, "s"), outputs=[output, f"{bucket}/made/more.parquet"]))
        return [step.ran, step.reasons] if not step.failed else step.failed

    assert [bench.run(run)[0] for _ in range(2)] == [True, False]
    store.delete("made", ["clean.parquet"])
    assert bench.run(run) is True
    assert bench.markers[0]["reasons"] == [f"Output is missing: {output}"]
    assert f"its work has ended, but its output is missing: {output!r}" in bench.markers[1]["error"]


def test_outputs_are_named_with_kept_results_and_fingerprints(bench: Bench, data: Path) -> None:
    def run(workflow: Any, day: str) -> Any:
        step = workflow.submit(
            workflow.step("s", (produce, day), outputs="data/out", fingerprint=[ARGUMENTS], keep_result=True)
        )
        return [step.ran, step.value, step.reasons]

    bench.run(lambda workflow: run(workflow, "mon"))
    assert bench.run(lambda workflow: run(workflow, "mon")) == [False, "did mon", ["Step was already played"]]
    (data / "out").unlink()
    reasons = ["Inputs changed: arguments what 'mon' -> 'tue'", "Output is missing: data/out"]
    assert bench.run(lambda workflow: run(workflow, "tue")) == [True, "did tue", reasons]


def test_a_plan_looks_at_outputs(bench: Bench, data: Path) -> None:
    bucket = bench.bucket
    bench.mark("s")

    class Planned(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def run(self) -> Any:
            self.submit(self.step("s", (note, "s"), outputs="data/out"))

    [row] = plan(Planned, workflow_id="w", default_bucket=None).steps
    assert (row.verdict, row.reasons) == ("run", ("Output is missing: data/out",))


@pytest.mark.parametrize("outputs", [[1], [""], ["s3://bucket"], ["s3:///key"], ["ftp://host/file"], ["http://host/x"]])
def test_bad_outputs_are_refused_when_the_step_is_made(outputs: Any) -> None:
    with pytest.raises(InputError, match="outputs of step 's' holds"):
        Step("s", (note, "s"), outputs=outputs)


@pytest.mark.parametrize("given", [{"b", "a", "c"}, frozenset("cab"), ["a", "b", "a", "c"], (Path("a"), "b", "c")])
def test_outputs_have_one_order(given: Any) -> None:
    assert Step("s", (note, "s"), outputs=given).outputs == ["a", "b", "c"]


def test_the_mark_bears_each_part(bench: Bench, data: Path) -> None:
    bench.run(one((load, "mon"), [ARGUMENTS, files("data/a.csv"), 1]))
    body = open_store(bench.bucket).get("w/steps", "s")
    assert body is not None
    arguments, found, value = json.loads(json.loads(body)["fingerprint"])
    assert arguments == {"arguments": [["flow.load", ["mon"]]]}
    assert list(found["files"]["data/a.csv"]) == ["data/a.csv"]
    assert value == {"value": 1}
    assert json.loads(body)["fingerprint"] == bench.markers[0]["fingerprint"]


class Inner(Workflow, WorkflowStepMixin):
    name = "ready-made-inner"

    def run(self, bucket: str, left: int = 0) -> Any:
        self.get_step_bucket = lambda: bucket  # type: ignore[method-assign]
        step = self.submit(self.step(f"inner{left}", (note, f"inner{left}"), fingerprint=files("data/a.csv")))
        futures.wait(step)
        return self.submit(self.continue_as_new(bucket, left - 1)).result if left else None


PLACES: dict[str, Callable[[Any, Any], Any]] = {
    "group": lambda workflow, steps: Group(*steps),
    "chain": lambda workflow, steps: Chain(*steps),
    "function": lambda workflow, steps: FuncGroup(lambda: Group(*steps)),
    "map": lambda workflow, steps: Group(*(FuncGroup(lambda step=step: step) for step in steps)),
    "step": lambda workflow, steps: workflow.step("outer", Group(*steps), force=True),
    "child": lambda workflow, steps: ChildWorkflowTask(Inner, workflow.get_step_bucket()),
    "continued": lambda workflow, steps: ChildWorkflowTask(Inner, workflow.get_step_bucket(), 2),
}


@pytest.mark.parametrize("place", PLACES)
def test_files_of_steps_in_every_place(bench: Bench, data: Path, place: str) -> None:
    def run(workflow: Any) -> Any:
        parts = [ARGUMENTS, CODE, files("data/a.csv")]
        steps = [workflow.step(name, (note, name), fingerprint=parts, outputs="data/b.csv") for name in "ab"]
        futures.wait(workflow.submit(PLACES[place](workflow, steps)))

    bench.run(run)
    first = sorted(noted)
    assert first
    bench.run(run)
    assert noted == []
    (data / "a.csv").write_text("other")
    bench.run(run)
    assert sorted(noted) == first
