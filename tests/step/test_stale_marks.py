"""Marks of runs that know different dependencies: announcements, void marks, and dead claims. In a folder and on S3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow.steering import marks as steering
from simpleflow.steering.place import Place
from simpleflow.step import claim_recovery, claims, stale_marks, tasks
from simpleflow.step.claims import Forced, Owner
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.stores import open_store
from simpleflow.stores.memory import MemoryStore
from tests.step.bench import Bench, fail_softly, note
from tests.step.test_evaluated_afresh import OTHER, Ordered

PATH = "w/steps"
FORCED = Forced(("dep",), ("origin",))
ONE = Owner("one", "run-1")
PAST, LONG = -1.0, 100.0  # seconds that a claim holds


class Run:
    """The activities of one run, whose claims hold for so many seconds."""

    def __init__(self, bucket: str, owner: Owner, seconds: float = LONG) -> None:
        self.bucket, self.owner, self.seconds = bucket, owner, seconds
        self.store = open_store(bucket)

    def do(self, kind: Any, *args: Any) -> Any:
        task = kind(self.bucket, PATH, *args)
        task.context = {"workflow_id": self.owner.workflow_id, "run_id": self.owner.run_id, "domain_name": "d"}
        return task.execute()

    @property
    def ids(self) -> list[str]:
        return [*self.owner[:2], *self.owner.above]

    def claim(self, name: str, unless_done: bool = False) -> Any:
        return self.do(tasks.ClaimStepTask, name, self.ids, self.seconds, unless_done)

    def unmark(self, origin: str = "origin") -> None:
        self.do(tasks.UnmarkStepsDoneTask, [], self.ids, list(FORCED.patterns), list(FORCED.but), origin)

    def mark(self, name: str, forced: Forced = claims.NOTHING) -> Any:
        return self.do(tasks.MarkStepDoneTask, name, {}, self.ids, list(forced.patterns), list(forced.but))

    def write_mark(self, name: str) -> None:
        """Write the mark, and die before the look at the claim."""
        task = tasks.MarkStepDoneTask(self.bucket, PATH, name, {}, self.ids)
        task.context = {"workflow_id": self.owner.workflow_id, "run_id": self.owner.run_id}
        task._mark()

    def listed(self) -> list[str]:
        found: list[str] = self.do(tasks.GetStepsDoneTask, self.ids)["names"]
        return found

    def marked(self) -> list[str]:
        return self.store.names(PATH)


@pytest.fixture
def one(stored: Bench) -> Run:
    return Run(stored.bucket, ONE)


@pytest.fixture
def other(stored: Bench) -> Run:
    return Run(stored.bucket, OTHER)


def left(run: Run) -> list[str]:
    return [name for folder in (".claims", ".revoked", ".forcing") for name in run.store.names(folder)]


def test_a_dependent_is_not_marked_while_another_run_works_on_its_origin(one: Run, other: Run) -> None:
    assert one.claim("origin") == {}
    one.unmark()
    assert other.claim("dep") == {}
    assert other.mark("dep") == "stale"
    assert other.claim("dep.part") == {}
    assert other.mark("dep.part") == "stale"
    assert other.claim("deposit") == {}
    assert other.mark("deposit") is None
    assert one.mark("origin", FORCED) is None
    assert one.marked() == ["deposit", "origin"]
    assert other.claim("dep") == {}
    assert other.mark("dep") is None
    assert left(one) == []


def test_the_origin_of_a_run_whose_claim_is_over_does_not_hinder_dependents_that_begin_later(stored: Bench) -> None:
    dead, other = Run(stored.bucket, ONE, PAST), Run(stored.bucket, OTHER)
    assert other.claim("dep.early") == {}
    assert dead.claim("origin") == {}
    dead.unmark()
    assert other.claim("dep") == {}
    assert other.mark("dep") is None
    assert other.mark("dep.early") == "stale"
    # The run goes on: dep began before the work that is done now.
    assert claims.regain(dead.store, PATH, "origin", ONE, LONG, False, forced=FORCED) is True
    assert other.claim("dep.late") == {}
    assert other.mark("dep.late") == "stale"
    assert dead.mark("origin", FORCED) is None
    assert dead.marked() == ["origin"]
    assert left(dead) == []


def test_a_run_that_goes_on_with_a_dependent_has_not_begun_after_the_death_of_an_origin(stored: Bench) -> None:
    dead, other = Run(stored.bucket, ONE, PAST), Run(stored.bucket, OTHER, PAST)
    assert other.claim("dep") == {}
    assert dead.claim("origin") == {}
    dead.unmark("origin")
    dead.store.delete(f".revoked/{PATH}", dead.store.names(f".revoked/{PATH}"))
    assert claims.regain(other.store, PATH, "dep", OTHER, LONG, False) is True
    assert other.mark("dep") == "stale"


@pytest.mark.parametrize("knows", [True, False])
def test_a_run_that_takes_over_an_origin_makes_stale_what_the_dead_run_would_have(stored: Bench, knows: bool) -> None:
    dead, other = Run(stored.bucket, ONE, PAST), Run(stored.bucket, OTHER)
    third = Run(stored.bucket, Owner("third", "run-3"))
    assert other.claim("dep") == {}
    assert dead.claim("origin") == {}
    claims.announce(dead.store, PATH, "origin", ONE, FORCED)
    assert third.claim("origin") == {}  # this removes the announcement of the dead run
    assert third.mark("origin", FORCED if knows else claims.NOTHING) is None
    assert other.mark("dep") == "stale"
    assert third.marked() == ["origin"]


@pytest.mark.parametrize("void", ["revoked", "barred"])
def test_a_mark_whose_writer_was_killed_before_its_look_at_the_claim_is_not_counted(stored: Bench, void: str) -> None:
    one, dead = Run(stored.bucket, ONE), Run(stored.bucket, OTHER, PAST)
    third = Run(stored.bucket, Owner("third", "run-3"))
    for name in ("dep", "fine"):
        assert dead.claim(name) == {}
    assert one.claim("origin") == {}
    if void == "revoked":
        one.unmark()
        one.store.delete(f".forcing/{PATH}", one.store.names(f".forcing/{PATH}"))
    else:
        claims.announce(one.store, PATH, "origin", ONE, FORCED)
    dead.write_mark("dep")
    dead.write_mark("fine")
    assert steering.names(Place("w", stored.bucket, PATH)) == ["fine"]
    assert third.claim("dep", unless_done=True) == {}
    assert third.claim("fine", unless_done=True) == {"done": True}
    assert third.marked() == ["fine"]


def test_a_run_that_lists_the_marks_removes_those_that_are_void(stored: Bench) -> None:
    one, dead = Run(stored.bucket, ONE), Run(stored.bucket, OTHER, PAST)
    assert dead.claim("dep") == {}
    assert one.claim("origin") == {}
    one.unmark()
    dead.write_mark("dep")
    assert one.listed() == []
    assert one.marked() == []


def test_a_killed_run_that_tries_to_mark_again_removes_its_mark_if_the_claim_was_revoked(one: Run, other: Run) -> None:
    assert other.claim("dep") == {}
    claims.revoke(one.store, PATH, FORCED.covers, ONE)
    other.write_mark("dep")
    assert other.mark("dep") == "stale"
    assert other.marked() == []
    assert left(one) == []


def test_after_its_work_an_origin_leaves_marks_of_its_kin_and_marks_by_hand(one: Run, stored: Bench) -> None:
    kin = Run(stored.bucket, Owner("child", "run-9", (ONE.run_id,)))
    assert one.claim("origin") == {}
    one.unmark()
    assert kin.claim("dep.inside") == {}
    assert kin.mark("dep.inside") is None
    steering.mark(Place("w", stored.bucket, PATH), ["dep.hand"])
    open_store(stored.bucket).put(PATH, "dep.foreign", b'{"run_id":"run-7"}')
    assert one.mark("origin", FORCED) is None
    assert one.marked() == ["dep.hand", "dep.inside", "origin"]


def test_an_origin_that_fails_makes_stale_what_began_meanwhile(one: Run, other: Run) -> None:
    assert one.claim("origin") == {}
    one.unmark()
    assert other.claim("dep") == {}
    one.do(tasks.ReleaseStepTask, "origin", one.ids, list(FORCED.patterns), list(FORCED.but))
    assert other.mark("dep") == "stale"
    assert left(one) == []


def test_without_claims_an_origin_removes_marks_written_meanwhile_too(stored: Bench) -> None:
    run = Run(stored.bucket, ONE)
    run.store.put(PATH, "dep", b'{"run_id":"another"}')
    task = tasks.MarkStepDoneTask(stored.bucket, PATH, "origin", {}, None, ["dep"], ["origin"])
    task.context = {"workflow_id": "w", "run_id": "r"}
    assert task.execute() is None
    assert run.marked() == ["origin"]


def forcing(workflow: Any) -> Any:
    return workflow.submit(workflow.step("origin", (note, "origin"), force_steps_if_executed=["dep"])).ran


def marking_input(bench: Bench) -> list[Any]:
    """The arguments of the activity that marked the step."""
    for event in bench.executor.history:
        scheduled = event.get("activityTaskScheduledEventAttributes", {})
        if scheduled.get("activityType", {}).get("name", "").endswith("MarkStepDoneTask"):
            return list(json.loads(scheduled["input"])["args"])
    raise AssertionError


@pytest.mark.parametrize("claimed", ["0", "1"])
def test_only_runs_that_share_their_marks_remove_marks_after_the_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, claimed: str
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claimed)
    bench.run(forcing)
    assert marking_input(bench)[5:] == ([["dep"], ["origin"]] if claimed == "1" else [])
    bench.run(forcing, get_step_path_prefix=lambda self: "shared")
    assert marking_input(bench)[5:] == [["dep"], ["origin"]]


def test_a_run_that_is_ended_from_outside_makes_stale_what_began_during_its_origin(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    found = Ordered(bench.bucket, forcing)
    for each in ("GetStepsDoneTask", "ClaimStepTask", "UnmarkStepsDoneTask"):
        found.end(each)
    other = Run(bench.bucket, OTHER)
    assert other.claim("dep") == {}
    claim_recovery.release(found.engine.runs.values())
    assert other.mark("dep") == "stale"
    assert left(other) == []


def test_a_step_that_fails_gives_up_its_claim_and_makes_stale_what_began_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")

    def run(workflow: Any) -> Any:
        return workflow.submit(workflow.step("origin", (fail_softly, "o"), force_steps_if_executed=["dep"])).failed

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "ClaimStepTask", "UnmarkStepsDoneTask"):
        found.end(each)
    other = Run(bench.bucket, OTHER)
    assert other.claim("dep") == {}
    assert found.rest() is True
    assert other.mark("dep") == "stale"
    assert left(other) == []


def test_a_step_costs_no_activity_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    bench.run(forcing)
    expected = ["GetStepsDoneTask", "ClaimStepTask", "UnmarkStepsDoneTask", "note", "MarkStepDoneTask"]
    assert bench.activities() == expected


def test_an_announcement_that_cannot_be_read_says_nothing(one: Run) -> None:
    for number, body in enumerate(
        (b"", b"[]", b"{", b'{"run_id": 3}', b'{"forces": 3, "run_id": "r", "workflow_id": ""}')
    ):
        one.store.put(f".forcing/{PATH}", f"origin.{number}", body)
    assert one.claim("dep") == {}
    assert one.mark("dep") is None
    assert not stale_marks.void_marks(one.store, PATH, ["dep"])


class Between(MemoryStore):
    """Calls ``act`` once, between the look at announcements and revocations, whichever comes first."""

    def __init__(self) -> None:
        super().__init__("between")
        self.looks = 0
        self.act: Any = None

    def names(self, prefix: str) -> list[str]:
        if self.act is not None and prefix in (f".forcing/{PATH}", f".revoked/{PATH}"):
            self.looks += 1
            if self.looks == 2:
                act, self.act = self.act, None
                act()
        return super().names(prefix)


def test_a_run_learns_that_its_step_is_stale_if_the_origin_ends_while_it_looks() -> None:
    store = Between()
    for owner, name in ((ONE, "origin"), (OTHER, "dep")):
        assert claims.claim(store, PATH, name, owner, LONG, False) is None
    claims.announce(store, PATH, "origin", ONE, FORCED)

    def end_of_origin() -> None:
        stale_marks.remove_after_work(store, PATH, FORCED, ONE)
        claims.release(store, PATH, ["origin"], ONE)

    store.act = end_of_origin
    assert not claims.stands(store, PATH, "dep", OTHER)


def test_a_revocation_that_came_too_late_is_cleaned_up(one: Run) -> None:
    one.store.put(f".revoked/{PATH}", "dep.0badc0de", b"{}")
    assert one.claim("a") == {}
    assert one.mark("a") is None
    assert left(one) == []


def test_a_run_that_had_claimed_all_steps_and_was_killed_removes_marks_written_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    found = Ordered(bench.bucket, forcing, own=True)
    found.end("GetStepsDoneTask")
    other = Run(bench.bucket, OTHER)
    assert "held" in other.claim("dep")
    [whole] = other.store.names(f".claims/{PATH}")
    other.store.delete(f".claims/{PATH}", [whole])  # as one does who takes the owner for dead
    for name in ("dep", "other"):
        assert other.claim(name) == {}
        assert other.mark(name) is None
    claim_recovery.regain(found.engine.runs[found.run_id], print, lambda: None, print)
    assert other.marked() == ["other"]
    assert found.rest() is True
    assert other.marked() == ["origin", "other"]


@pytest.mark.parametrize("until", ["ClaimStepTask", "UnmarkStepsDoneTask", "note", "MarkStepDoneTask"])
def test_a_run_of_the_version_before_goes_on_with_the_same_activities(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, until: str
) -> None:
    """That version did not hand the activities what a step makes stale."""
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    made = MarkActivities._make

    def make(self: MarkActivities, task: Any, *args: Any, **overrides: Any) -> Any:
        if task is tasks.MarkStepDoneTask:
            args = args[:3]
        elif task is tasks.UnmarkStepsDoneTask:
            args = args[:4]
        return made(self, task, *args, **overrides)

    def run(workflow: Any) -> Any:
        steps = [
            workflow.step("origin", (note, "origin"), force_steps_if_executed=["dep"]),
            workflow.step("a", (note, "a")),
        ]
        return [workflow.submit(step).ran for step in steps]

    with monkeypatch.context() as before:
        before.setattr(MarkActivities, "_make", make)
        found = Ordered(bench.bucket, run)
        for each in ("GetStepsDoneTask", "ClaimStepTask", "UnmarkStepsDoneTask", "note", "MarkStepDoneTask"):
            if each == until:
                break
            found.end(each)
    found.deciders.forget(found.run_id)  # another process goes on
    assert found.rest() == [True, True]
    step = ["ClaimStepTask", "note", "MarkStepDoneTask"]
    assert found.activities() == ["GetStepsDoneTask", "ClaimStepTask", "UnmarkStepsDoneTask", *step[1:], *step]
    assert bench.done == ["a", "origin"]
    assert left(Run(bench.bucket, OTHER)) == []
