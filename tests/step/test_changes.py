"""Done steps whose arguments, code or file have changed: they are skipped and told, or run where that is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.base import Call
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import events as e
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.source import code_digest
from simpleflow.steering.plan import plan
from simpleflow.step.listed_marks import ListedMarks, pack
from simpleflow.step.made_with import of_calls, same_arguments
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.task import ActivityTask
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import Outcome
from tests.step.bench import Bench, note, noted
from tests.step.test_evaluated_afresh import Ordered


def first(day: str, *rest: Any, **options: Any) -> str:
    return note.callable(f"{day} first")


def second(day: str, *rest: Any, **options: Any) -> str:
    return note.callable(f"{day} second")


# Two versions of one activity.
load = activity.with_attributes(name="flow.load")(first)
edited = activity.with_attributes(name="flow.load")(second)


class Child(Workflow, WorkflowStepMixin):
    name = "changes-child"

    def run(self, day: str) -> Any:
        return self.submit(note, f"{day} child").result


def submit_day(workflow: Any, day: str) -> Any:
    return workflow.submit(note, day)


WORKS: dict[str, Callable[[str], Any]] = {
    "activity": lambda day: (load, day),
    "group": lambda day: Group((load, "same"), (note, day)),
    "chain": lambda day: Chain((note, "same"), (load, day), send_result=True),
    "nested": lambda day: Group(Chain((note, "x"), (load, day)), (note, "y")),
    "child": lambda day: (Child, day),
    "func": lambda day: FuncGroup(lambda of: Group((note, f"{of} func")), day),
    "captured": lambda day: FuncGroup(lambda: Group((note, f"{day} func"))),
}

TOLD = {
    "activity": "day='mon' (now 'tue')",
    "group": "note: what='mon' (now 'tue')",
    "chain": "load: day='mon' (now 'tue')",
    "nested": "load: day='mon' (now 'tue')",
    "child": "day='mon' (now 'tue')",
    "func": "of='mon' (now 'tue')",
    "captured": "day='mon' (now 'tue')",
}


def one(work: Any, **options: Any) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("s", work, **options))
        futures.wait(step)
        return [step.ran, step.forced, step.reasons]

    return run


RAN = [True, False, []]
SKIPPED = [False, False, ["Step was already played"]]


def changed(bench: Bench) -> Any:
    """What the marker of the skipped step says of changes."""
    return bench.markers[-1].get("changed")


# Told


@pytest.mark.parametrize("kind", WORKS)
def test_a_done_step_with_other_arguments_is_skipped_and_the_marker_says_so(bench: Bench, kind: str) -> None:
    work = WORKS[kind]
    assert bench.run(one(work("mon"))) == RAN
    assert bench.run(one(work("mon"))) == SKIPPED
    assert changed(bench) is None
    assert bench.run(one(work("tue"))) == SKIPPED
    assert changed(bench) == {"arguments": TOLD[kind]}


@pytest.mark.parametrize("kind", WORKS)
def test_steps_with_other_arguments_run_if_that_is_asked_for(bench: Bench, kind: str) -> None:
    work = WORKS[kind]
    bench.run(one(work("mon")))
    assert bench.run(one(work("mon")), step_changes="run") == SKIPPED
    reason = TOLD[kind].replace("=", " ").replace(" (now ", " -> ").replace(")", "")
    assert bench.run(one(work("tue")), step_changes="run") == [True, False, [f"Arguments changed: {reason}"]]
    assert bench.markers[0]["unmarks"] == ["s"]
    assert bench.run(one(work("tue")), step_changes="run") == SKIPPED


def test_edited_code_is_told_and_run(bench: Bench) -> None:
    bench.run(one((load, "mon")))
    assert bench.run(one((edited, "mon"))) == SKIPPED
    assert changed(bench) == {"code": "load"}
    assert bench.run(one((edited, "mon")), step_changes="run") == [True, False, ["Code changed: load"]]
    assert bench.run(one((edited, "mon")), step_changes="run") == SKIPPED


def test_arguments_and_code_at_once(bench: Bench) -> None:
    bench.run(one((load, "mon")))
    bench.run(one((edited, "tue")))
    assert changed(bench) == {"arguments": "day='mon' (now 'tue')", "code": "load"}
    reasons = ["Arguments changed: day 'mon' -> 'tue'", "Code changed: load"]
    assert bench.run(one((edited, "tue")), step_changes="run") == [True, False, reasons]


def test_another_activity_is_other_code(bench: Bench) -> None:
    bench.run(one((load, "mon")))
    bench.run(one((note, "mon")))
    assert changed(bench) == {"code": "load (now note)"}
    assert bench.run(one((note, "mon")), step_changes="run") == [True, False, ["Code changed: load -> note"]]


def test_members_that_come_and_go(bench: Bench) -> None:
    bench.run(one(Group((load, "mon"), (load, "tue"))))
    bench.run(one(Group((load, "tue"), (load, "wed"), (load, "thu"))))
    assert changed(bench) == {"arguments": "load('mon') (now load('wed'), load('thu'))"}
    bench.run(one(Group((load, "mon"))), step_changes="run")
    assert bench.markers[0]["reasons"] == ["Arguments changed: load('tue') -> nothing"]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"rest": [1]}, {"rest": [1, 2]}, "rest=[1] (now [1, 2])"),
        ({"limit": 5}, {"limit": 6}, "options={'limit': 5} (now {'limit': 6})"),
        ({}, {"limit": None}, "options={} (now {'limit': None})"),
        ({"rest": ["x" * 99]}, {"rest": ["x" * 99 + "y"]}, f"rest=['{'x' * 55}... (now another one that begins alike)"),
    ],
)
def test_the_texts_name_the_parameter(bench: Bench, before: Any, now: Any, told: str) -> None:
    def work(given: dict[str, Any]) -> Any:
        keywords = {key: value for key, value in given.items() if key != "rest"}
        return ActivityTask(load, "mon", *given.get("rest", ()), **keywords)

    bench.run(one(work(before)))
    bench.run(one(work(now)))
    assert changed(bench) == {"arguments": told}


def test_the_same_call_written_in_another_way_is_no_change(bench: Bench) -> None:
    def days(day: str, limit: int = 3) -> None:
        noted.append(day)

    task = activity.with_attributes(name="flow.days")(days)
    bench.run(one((task, "mon")))
    for other in (ActivityTask(task, day="mon"), ActivityTask(task, "mon", 3), ActivityTask(task, "mon", limit=3)):
        assert bench.run(one(other), step_changes="run") == SKIPPED
    assert bench.run(one((task, "mon", 4)), step_changes="run")[0] is True


def test_equal_values_of_other_types_are_no_change(bench: Bench) -> None:
    bench.run(one((note, {"b": (1, 2), "a": {3, 2}})))
    assert bench.run(one((note, {"a": [2, 3], "b": [1, 2]})), step_changes="run") == SKIPPED


@pytest.mark.parametrize("size", [400, 3_000, 50_000])
def test_long_arguments_are_compared_too(bench: Bench, size: int) -> None:
    bench.run(one((note, "x" * size + "y")))
    assert bench.run(one((note, "x" * size + "y")), step_changes="run") == SKIPPED
    bench.run(one((note, "x" * size + "z")))
    assert "arguments" in changed(bench)
    assert bench.run(one((note, "x" * size + "z")), step_changes="run")[0] is True
    assert len(json.dumps(bench.markers[0]["made_with"])) < 1_000


def test_arguments_that_are_used_up_or_not_known_are_not_looked_at(bench: Bench) -> None:
    """A generator is left to the activity, and a future inside an argument is not waited for."""

    def run(workflow: Any) -> Any:
        before = workflow.submit(note, "before")
        step = workflow.submit(workflow.step("s", FuncGroup(lambda found, of: (note, [*of]), [before], iter("ab"))))
        futures.wait(step)
        return step.ran

    assert [bench.run(run) for _ in range(2)] == [True, False]
    assert changed(bench) is None
    assert bench.run(one((note, (each for each in "ab")), force=True)) == [True, True, []]
    assert noted == [["a", "b"]]


# Which marks count


def body(bench: Bench, name: str = "s") -> dict[str, Any]:
    found = open_store(bench.bucket).get("w/steps", name)
    assert found is not None
    return dict(json.loads(found))


def test_the_mark_says_what_it_was_made_with(stored: Bench) -> None:
    stored.run(one((load, "mon")))
    made_with = body(stored)["made_with"]
    assert made_with["arguments"] == '[["flow.load",["mon"]]]'
    assert list(made_with["activities"]) == ["flow.load"]
    assert made_with["file"] == "tests/step/bench.py"
    assert made_with == stored.markers[0]["made_with"]


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def derived(base: type) -> type:
    class Load(base):  # type: ignore[misc]
        pass

    return Load


class One:
    def execute(self) -> None:
        pass


class Other(One):
    limit = 1


@pytest.mark.parametrize(
    ("make", "before", "after"),
    [(wrapped, first, second), (wrapped, wrapped(first), wrapped(second)), (derived, One, Other)],
    ids=["a decorator without wraps", "two of them", "a base"],
)
def test_the_code_that_an_activity_is_made_of_counts(make: Any, before: Any, after: Any) -> None:
    digests = [code_digest.of_callable(make(each)) for each in (before, after, before)]
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_an_activity_of_a_script_is_that_of_the_script_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/somewhere/flow.py", raising=False)
    for args in (["mon"], [Path("mon")]):
        script, module = (of_calls([Call(f"{name}.load", first, args)], None) for name in ("__main__", "flow"))
        assert script == module


def test_a_mark_that_does_not_say_what_was_captured_is_not_called_changed(bench: Bench) -> None:
    bench.run(one(WORKS["captured"]("mon")))
    content = body(bench)
    [[name, args, _, captured]] = json.loads(content["made_with"]["arguments"])
    assert captured == {"day": "mon"}
    content["made_with"]["arguments"] = json.dumps([[name, args]])
    open_store(bench.bucket).put("w/steps", "s", json.dumps(content).encode())
    assert bench.run(one(WORKS["captured"]("tue")), step_changes="run") == SKIPPED
    assert changed(bench) is None


def test_captured_steps_do_not_count(bench: Bench) -> None:
    """They have marks of their own. Neither does a list of what JSON does not tell."""

    def work(names: list[str]) -> Any:
        inner, others = [Step(name, (note, name)) for name in names], [object() for _ in names]
        return one(FuncGroup(lambda: Group(*inner) if others else None))

    bench.run(work(["a"]))
    assert bench.run(work(["a", "b"]), step_changes="run") == SKIPPED
    assert changed(bench) is None


def test_what_a_function_captures_is_that_of_its_making(bench: Bench) -> None:
    """A loop goes on to other values before the verdict."""

    def run(workflow: Any) -> Any:
        found = [
            workflow.submit(workflow.step(day, FuncGroup(lambda: (note, "x") if day else None)))  # noqa: B023 (tested)
            for day in ("mon", "tue")
        ]
        futures.wait(*found)

    bench.run(run)
    assert [body(bench, name)["made_with"]["arguments"].rpartition("[")[2] for name in ("mon", "tue")] == [
        '],{},{"day":"mon"}]]',
        '],{},{"day":"tue"}]]',
    ]


@pytest.mark.parametrize("content", [{}, {"made_with": None}, {"made_with": {"arguments": 1}}, {"made_with": {}}])
def test_marks_that_do_not_say_are_never_called_changed(bench: Bench, content: Any) -> None:
    open_store(bench.bucket).put("w/steps", "s", json.dumps(content).encode())
    assert bench.run(one((load, "mon")), step_changes="run") == SKIPPED
    assert bench.run(one((load, "mon"), keep_result=True)) == SKIPPED
    assert changed(bench) is None


def test_the_file_of_the_workflow_is_told_and_runs_nothing(bench: Bench) -> None:
    bench.run(one((load, "mon")))
    found = body(bench)
    found["made_with"]["file"] = "etl/pipeline.py"
    open_store(bench.bucket).put("w/steps", "s", json.dumps(found).encode())
    for mode in ("tell", "run"):
        assert bench.run(one((load, "mon")), step_changes=mode) == SKIPPED
        assert changed(bench) == {"file": "etl/pipeline.py (now tests/step/bench.py)"}


def test_marks_in_s3_are_compared_where_they_are_read_or_somebody_asks(stored: Bench) -> None:
    reads_all = not stored.bucket.startswith("http")
    stored.run(one((load, "mon")))
    assert stored.run(one((load, "tue"))) == SKIPPED
    assert changed(stored) == ({"arguments": "day='mon' (now 'tue')"} if reads_all else None)
    for options in ({"keep_result": True}, {"fingerprint": 1}):
        stored.run(one((load, "mon"), force=True, **options))
        assert stored.run(one((load, "tue"), **options)) == SKIPPED
        assert changed(stored) == {"arguments": "day='mon' (now 'tue')"}
    assert stored.run(one((load, "tue")), step_changes="tell") == SKIPPED
    assert changed(stored) == {"arguments": "day='mon' (now 'tue')"}
    assert stored.run(one((load, "tue")), step_changes="ignore") == SKIPPED
    assert changed(stored) is None
    assert stored.run(one((load, "tue")), step_changes="run")[0] is True


def test_the_setting_counts_where_the_class_says_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run(one((load, "mon")))
    monkeypatch.setenv("SIMPLEFLOW_STEP_CHANGES", "ignore")
    bench.run(one((load, "tue")))
    assert changed(bench) is None
    bench.run(one((load, "tue")), step_changes="tell")
    assert changed(bench) is not None
    monkeypatch.setenv("SIMPLEFLOW_STEP_CHANGES", "run")
    assert bench.run(one((load, "tue")))[0] is True


@pytest.mark.parametrize("mode", ["Run", "", 1])
def test_another_value_is_refused(bench: Bench, mode: Any) -> None:
    with pytest.raises(InputError, match=r"step_changes is .*expected one of 'tell', 'run', 'ignore', or None"):
        bench.run(one((load, "mon")), step_changes=mode)


# Verdicts


def test_forcing_and_skipping_come_first(bench: Bench) -> None:
    bench.run(one((load, "mon")))

    def skips(workflow: Any) -> Any:
        workflow.add_skipped_steps("s", "not now")
        return one((load, "tue"))(workflow)

    assert bench.run(skips, step_changes="run") == [False, True, ["not now"]]
    assert changed(bench) is None
    assert bench.run(one((load, "tue"), force=True), step_changes="run") == [True, True, []]


def test_what_depends_on_a_changed_step_runs(bench: Bench) -> None:
    def run(day: str) -> Callable[[Any], Any]:
        def steps(workflow: Any) -> Any:
            found = [
                workflow.submit(workflow.step("s", (load, day), force_steps_if_executed=["t"])),
                workflow.submit(workflow.step("t", (note, "t"))),
                workflow.submit(workflow.step("u", (note, "u"))),
            ]
            return [step.ran for step in found]

        return steps

    bench.run(run("mon"))
    assert bench.run(run("tue"), step_changes="run") == [True, True, False]
    assert bench.markers[0]["unmarks"] == ["s", "t"]


def test_a_fingerprint_and_arguments_give_both_reasons(bench: Bench) -> None:
    bench.run(one((load, "mon"), fingerprint=1))
    reasons = ["Arguments changed: day 'mon' -> 'tue'", "Inputs changed"]
    assert bench.run(one((load, "tue"), fingerprint=2), step_changes="run") == [True, False, reasons]


def test_a_step_that_this_run_has_marked_is_not_called_changed(bench: Bench) -> None:
    """Twice the same name with other arguments is another matter: it would run for ever."""

    def run_of(*days: str) -> Any:
        def run(workflow: Any) -> Any:
            steps = []
            for day in days:
                steps.append(workflow.submit(workflow.step("s", (load, day))))
                futures.wait(steps[-1])
            return [step.ran for step in steps]

        return run

    assert bench.run(run_of("mon", "tue"), step_changes="run") == [True, False]
    assert bench.run(run_of("tue", "tue"), step_changes="run") == [True, False]
    assert changed(bench) is None


def test_many_steps_are_read_with_one_request(bench: Bench) -> None:
    def run(day: str) -> Callable[[Any], Any]:
        def steps(workflow: Any) -> Any:
            found = [workflow.submit(workflow.step(f"s{number}", (load, day, number))) for number in range(30)]
            futures.wait(*found)
            return sum(step.ran for step in found)

        return steps

    bench.run(run("mon"))
    assert bench.run(run("tue")) == 0
    assert bench.activities() == ["GetStepsDoneTask"]
    assert [marker["changed"] for marker in bench.markers] == [{"arguments": "day='mon' (now 'tue')"}] * 30


# At start, children, continued runs


class Daily(Workflow, WorkflowStepMixin):
    name = "changes-daily"

    def run(self, days: list[str]) -> Any:
        step = self.submit(self.step("s", (load, days[0])))
        step.ran
        self.submit(Part, days[0]).result
        if days[1:]:
            self.submit(self.continue_as_new(days[1:]))
        return None


class Part(Workflow, WorkflowStepMixin):
    name = "changes-part"

    def get_workflow_id(self, *args: Any) -> str:
        return "part"

    def run(self, day: str) -> None:
        self.submit(self.step("p", (note, f"{day} part"))).ran


def verdicts(events: Sequence[e.Event]) -> list[tuple[Any, ...]]:
    found = []
    for event in events:
        if isinstance(event.attributes, e.MarkerRecorded) and event.attributes.marker_name == "log.step":
            details = json.loads(event.attributes.details or "")
            found.append((details["step"], details["status"], details["reasons"], details.get("changed")))
    return found


def daily(bucket: str, days: list[str], **options: Any) -> list[Any]:
    found: list[Any] = []
    kind = type("Daily", (Daily,), {"get_step_bucket": lambda self: bucket})
    Part.get_step_bucket = lambda self: bucket  # type: ignore[method-assign]
    observer = lambda run, events: found.extend(verdicts(events))  # noqa: E731 (it is used once)
    Executor(kind, workflow_id="daily", observer=observer, **options).run([days])
    return found


def test_a_run_that_continues_as_new_and_its_children(bench: Bench) -> None:
    found = daily(bench.bucket, ["mon", "tue"])
    assert [each[:2] for each in found if each[1] != "scheduled"] == [
        ("s", "completed"),
        ("p", "completed"),
        ("s", "skipped"),
        ("p", "skipped"),
    ]
    assert [each[3] for each in found if each[1] == "skipped"] == [
        {"arguments": "day='mon' (now 'tue')"},
        {"arguments": "what='mon part' (now 'tue part')"},
    ]
    found = daily(bench.bucket, ["wed", "thu"], changed=True)
    assert [each[:3] for each in found if each[1] == "scheduled"] == [
        ("s", "scheduled", ["Arguments changed: day 'mon' -> 'wed'"]),
        ("p", "scheduled", ["Arguments changed: what 'mon part' -> 'wed part'"]),
        ("s", "scheduled", ["Arguments changed: day 'wed' -> 'thu'"]),
        ("p", "scheduled", ["Arguments changed: what 'wed part' -> 'thu part'"]),
    ]


# Recorded


def test_the_mark_bears_what_was_recorded_when_the_work_began(bench: Bench) -> None:
    """Somebody edits the code while the run is stopped: the mark still says what its work was done with."""
    run = Ordered(bench.bucket, one((load, "mon"), fingerprint=1))
    run.end("GetStepsDoneTask")
    after = type("Edited", (Workflow, WorkflowStepMixin), {"get_step_bucket": lambda self: bench.bucket})
    after.run = lambda self: one((edited, "tue"), fingerprint=2)(self)  # type: ignore[attr-defined]
    run.deciders = DecisionWorker(run.engine, {"ordered": after})
    run.rest()
    assert [each[:2] for each in verdicts(run.history.events)] == [("s", "scheduled"), ("s", "completed")]
    assert body(bench)["fingerprint"] == "1"
    assert body(bench)["made_with"]["arguments"] == '[["flow.load",["mon"]]]'
    bench.run(one((load, "mon"), fingerprint=1))
    assert list(changed(bench)) == ["file"]  # it is that of another test


def test_a_history_of_the_version_before_goes_on(bench: Bench) -> None:
    """Its listing of the marks says nothing of inputs; its marker has none, so the mark has none either."""
    run = Ordered(bench.bucket, one((load, "mon")))
    listing = run.take("GetStepsDoneTask")
    run.answer(listing, Outcome('["other"]'))
    run.rest()
    assert run.log() == ["s scheduled", "s completed"]


# Plans


def test_a_plan_tells_what_the_run_does(bench: Bench) -> None:
    bench.run(one((load, "mon")))
    bucket = bench.bucket

    class Planned(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def run(self, day: str) -> Any:
            return one((load, day))(self)

    [row] = plan(Planned, input=["tue"], workflow_id="w", default_bucket=None).steps
    assert (row.verdict, row.reasons, row.changed) == (
        "skip",
        ("Step was already played",),
        "with day='mon' (now 'tue') and from tests/step/bench.py (now tests/step/test_changes.py)",
    )
    [row] = plan(Planned, input=["tue"], workflow_id="w", default_bucket=None, changed=True).steps
    assert (row.verdict, row.reasons) == ("run", ("Arguments changed: day 'mon' -> 'tue'",))


def test_a_plan_does_not_know_whether_unknown_arguments_have_changed(bench: Bench) -> None:
    def run(workflow: Any, day: str = "mon") -> Any:
        before = workflow.submit(note, "before")
        step = workflow.submit(workflow.step("s", (load, day, before)))
        futures.wait(step)

    bench.run(run)
    bucket = bench.bucket

    class Planned(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def run(self, day: str) -> Any:
            return run(self, day)

    [row] = plan(Planned, input=["mon"], workflow_id="w", default_bucket=None).steps
    assert (row.verdict, row.changed) == ("skip", "from tests/step/bench.py (now tests/step/test_changes.py)")
    found = plan(Planned, input=["mon"], workflow_id="w", default_bucket=None, changed=True)
    assert [(row.verdict, row.reasons) for row in found.steps] == [("unknown", ("Arguments changed",))]
    assert found.notes == ("whether step 's' runs depends on the result of activity tests.step.bench.note",)
    [row] = plan(Planned, input=["tue"], workflow_id="w", default_bucket=None, changed=True).steps
    assert (row.verdict, row.reasons) == ("run", ("Arguments changed: day 'mon' -> 'tue'",))


@pytest.mark.parametrize("length", [10, 70, 90, 5_000])
def test_the_listing_tells_all_inputs_where_nothing_limits_it(length: int) -> None:
    works = [of_calls([Call("flow.load", None, ["x" * length, n])], "flow.py") for n in range(50)]
    bodies = [json.dumps({"made_with": each.to_json()}).encode() for each in works]
    listed = ListedMarks([str(n) for n in range(50)], pack(bodies, 1_000, sys.maxsize))
    for n, work in enumerate(works):
        found = listed.find(str(n))
        assert found is not None
        assert same_arguments(found.arguments, work.arguments)
    assert pack(bodies, 1_000, 1_000) is None
    assert pack([b"{}"] * 5_000, 1_000, 1_000) is not None  # they tell nothing
