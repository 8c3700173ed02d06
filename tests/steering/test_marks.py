"""Reading and changing marks from outside a run, in a folder and on a real S3 server."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.exceptions import InputError, StoreError
from simpleflow.local import Executor
from simpleflow.steering import marks
from simpleflow.steering.place import Place
from simpleflow.step.mark import MAX_RESULT, Mark
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    bucket = str(tmp_path / "objects") if request.param == "folder" else request.getfixturevalue("bucket")
    return Place("daily", bucket, "daily/steps")


def put(place: Place, *names: str, **body: object) -> None:
    for name in names:
        open_store(place.bucket).put(place.path, name, json.dumps(body).encode())


def body(place: Place, name: str) -> dict[str, object]:
    found = open_store(place.bucket).get(place.path, name)
    assert found is not None
    decoded: dict[str, object] = json.loads(found)
    return decoded


@activity.with_attributes()
def do(what: str) -> str:
    return what


class Flow(Workflow, WorkflowStepMixin):
    name = "daily"

    def run(self, bucket: str) -> list[object]:
        self.bucket = bucket
        self.add_forced_steps("b", "asked to")
        steps = [
            self.submit(self.step("a", (do, "worked"), fingerprint=7, keep_result=True)),
            self.submit(self.step("b", (do, "b"))),
        ]
        futures.wait(*steps)
        return [[step.ran, step.value] for step in steps]

    def get_step_bucket(self) -> str:
        return self.bucket


def test_marks_of_a_run(place: Place) -> None:
    executor = Executor(Flow)
    assert executor.run([place.bucket]) == [[True, "worked"], [True, "b"]]
    a, b = marks.done(place)
    assert (a.step, a.workflow_id, a.run_id, a.forced, a.reasons) == ("a", "daily", executor.run_id, False, ())
    assert (a.fingerprint, a.kept, a.result, a.by_hand) == ("7", True, "worked", False)
    assert (b.step, b.forced, b.reasons, b.kept) == ("b", True, ("asked to",), False)
    for each in (a, b):
        assert each.time is not None
        assert each.seconds is not None
        assert each.seconds >= 0


def test_marks_of_other_writers(place: Place) -> None:
    put(place, "old", run_id="r", workflow_id="w", version="v")
    open_store(place.bucket).put(place.path, "rubbish", b"\xff")
    old, rubbish = marks.done(place)
    assert old._replace(time=None) == Mark("old", None, "w", "r")
    assert rubbish.problem == "its mark cannot be read: it is not JSON"
    modified = open_store(place.bucket).read(place.path, ["old", "rubbish"])
    assert [old.time, rubbish.time] == [each.modified for each in modified.values()]


def test_marks_that_patterns_cover(place: Place) -> None:
    put(place, "a", "a.b", "ab", "b")
    assert [each.step for each in marks.done(place)] == ["a", "a.b", "ab", "b"]
    assert [each.step for each in marks.done(place, ["a", "none"])] == ["a", "a.b"]
    assert marks.done(place._replace(path="other")) == []


def test_claims_are_no_steps(place: Place) -> None:
    put(place._replace(path=""), "a", ".claims/b@1")
    assert marks.names(place._replace(path="")) == ["a"]
    assert marks.forget(place._replace(path=""), ["*"]) == ["a"]
    assert open_store(place.bucket).names("") == [".claims/b@1"]


def test_forgetting(place: Place) -> None:
    put(place, "a", "a.b", "ab", "b", "ä c/d")
    assert marks.forget(place, ["b", "a", "a.b"]) == ["a", "a.b", "b"]
    assert marks.names(place) == ["ab", "ä c/d"]
    assert marks.forget(place, ["*"]) == ["ab", "ä c/d"]
    assert marks.forget(place, ["*"]) == []
    assert marks.names(place) == []


def test_a_name_that_is_not_done_forgets_nothing(place: Place) -> None:
    put(place, "load.users", "report")
    with pytest.raises(InputError, match=r"^no done step is called 'laod' or lies below it \(did you mean 'load'\?\)$"):
        marks.forget(place, ["report", "laod"])
    with pytest.raises(InputError, match=r"^no done step is called 'zzz' or lies below it$"):
        marks.forget(place, ["zzz", "*"])
    with pytest.raises(InputError, match="has an empty part"):
        marks.forget(place, ["report", "a..b"])
    assert marks.names(place) == ["load.users", "report"]


def test_marking(place: Place) -> None:
    put(place, "b", run_id="r")
    assert marks.mark(place, ["c", "b", "a", "c"], fingerprints={"a": "7"}, clock=lambda: 5.12345) == ["c", "a"]
    assert body(place, "b") == {"run_id": "r"}
    found = body(place, "a")
    assert found.pop("user", None) in (None, *_logins())
    assert found == {"workflow_id": "daily", "time": 5.123, "by_hand": True, "fingerprint": "7"}
    a, _, c = marks.done(place)
    assert a == Mark("a", 5.123, "daily", fingerprint="7", by_hand=True)
    assert c == Mark("c", 5.123, "daily", by_hand=True)


def _logins() -> list[str]:
    import getpass
    import pwd

    return [pwd.getpwuid(os.getuid()).pw_name, getpass.getuser()]


def test_a_run_skips_marked_steps(place: Place) -> None:
    marks.mark(place, ["a"], fingerprints={"a": "7"}, result={"rows": 3})
    assert Executor(Flow).run([place.bucket]) == [[False, {"rows": 3}], [True, "b"]]


def test_none_is_a_result(place: Place) -> None:
    marks.mark(place, ["a"], result=None)
    marks.mark(place, ["b"])
    assert [(each.kept, each.result) for each in marks.done(place)] == [(True, None), (False, None)]


@pytest.mark.parametrize(
    ("names", "result", "said"),
    [
        (["a", "*"], None, "'*' is no step that can be marked"),
        (["a", "b..c"], None, "has an empty part"),
        (["a", "x" * 1020], None, "is too long: with the prefix 'daily/steps'"),
        (["a"], "x" * MAX_RESULT, "the result of step 'a' has 30,002 characters as JSON; expected 30,000 at most"),
        (["a"], {1, object()}, "the result of step 'a' is not JSON"),
    ],
)
def test_names_and_results_that_cannot_be_marked(tmp_path: Path, names: list[str], result: object, said: str) -> None:
    place = Place("daily", str(tmp_path / "objects"), "daily/steps")
    with pytest.raises(InputError) as caught:
        marks.mark(place, names, result=result)
    assert said in str(caught.value)
    assert not (tmp_path / "objects").exists()


def test_read_marks(place: Place) -> None:
    put(place, "a", "b", seconds=1.5)
    put(place, "old")
    every = ["a", "b", "old", "none"]
    found = marks.read_marks(place.bucket, place.path, every, 60)
    assert {name: each.seconds for name, each in found.items()} == {"a": 1.5, "b": 1.5, "old": None}
    assert marks.read_marks(place.bucket, place.path, [], 60) == {}
    assert marks.read_marks(place.bucket, place.path, every, 0) == {}


def test_read_many_marks(tmp_path: Path) -> None:
    place = Place("daily", str(tmp_path), "daily/steps")
    names = [f"s{number}" for number in range(200)]
    put(place, *names, seconds=0.5)
    assert list(marks.read_marks(place.bucket, place.path, names, 60)) == names


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = Place("daily", str(tmp_path / "file"), "daily/steps")
    with pytest.raises(StoreError):
        marks.done(place)
    assert marks.read_marks(place.bucket, place.path, ["a"], 60) == {}


def test_where() -> None:
    assert marks.where(Place("w", "file:///a%20b/objects", "w/steps")) == "w/steps in /a b/objects"
    assert marks.where(Place("w", "s3://bucket", "")) == "s3://bucket"


def test_remove_tells_what_it_removed(place: Place) -> None:
    put(place, "a", "b")
    assert marks.remove(place, ["a", "never", "a"]) == ["a"]
    assert marks.remove(place, ["a"]) == []
    assert marks.names(place) == ["b"]
