"""Done marks in stores: prefixes, hosts and settings, the number of requests, and thousands of names."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.canvas import Group
from simpleflow.core import codec
from simpleflow.local import Executor
from simpleflow.steering import history_check
from simpleflow.steering.plan import plan
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store, s3_client
from tests.servers import S3Server
from tests.step.bench import Bench, note, noted


def steps(*names: str) -> Any:
    """A workflow that runs these steps. Returns for each name whether it ran."""

    def run(workflow: Any) -> list[bool]:
        return [workflow.submit(workflow.step(name, (note, name))).ran for name in names]

    return run


@pytest.mark.parametrize("prefix", ["p/steps", "p/steps/"])
def test_marks_of_a_prefix_with_the_same_beginning_are_ignored(stored: Bench, prefix: str) -> None:
    store = open_store(stored.bucket)
    for sibling, name in (
        ("p/stepsX", "abc"),
        ("p/steps_old", "old"),
        ("p/steps-2", "two"),
        ("p", "steps2"),
        ("", "p"),
    ):
        store.put(sibling, name, b"{}")
    run = steps("abc", "old", "two", "Xabc", "_old/old", "bc", "ld", "2")
    names = {"get_step_path_prefix": lambda self: prefix}
    assert stored.run(run, **names) == [True] * 8
    assert stored.run(run, **names) == [False] * 8
    assert store.names("p/stepsX") == ["abc"]


@pytest.mark.parametrize("prefix", ["", "/", "p", "p/", "p//", "p/q"])
def test_names_are_complete_for_every_form_of_prefix(stored: Bench, prefix: str) -> None:
    run = steps("load", "oad", "load.users")
    found = [stored.run(run, get_step_path_prefix=lambda self: prefix) for _ in range(2)]
    assert found == [[True] * 3, [False] * 3]
    assert open_store(stored.bucket).names(prefix) == ["load", "load.users", "oad"]


class Nightly(Workflow, WorkflowStepMixin):
    """Defines no bucket."""

    name = "nightly"

    def run(self) -> Any:
        return self.submit(self.step("load", (note, "load"))).ran


@pytest.mark.parametrize("scheme", ["", "http://"])
def test_the_default_bucket_is_on_the_host_in_the_settings(
    bucket: str, s3_server: S3Server, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", s3_server.endpoint.replace("http://", scheme))
    monkeypatch.setenv("STEP_BUCKET", bucket.rpartition("/")[2])
    assert [Executor(Nightly).run() for _ in range(2)] == [True, False]
    assert open_store(bucket).names("nightly/steps") == ["load"]


def test_the_default_host_is_taken_from_the_environment(
    bucket: str, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("STEP_BUCKET", bucket.rpartition("/")[2])
    assert [Executor(Nightly).run() for _ in range(2)] == [True, False]
    assert open_store(bucket).names("nightly/steps") == ["load"]


@pytest.mark.parametrize(
    ("text", "encrypted"),
    [*[(text, False) for text in ("0", "false", "no", "off", "")], *[(text, True) for text in ("1", "true", "yes")]],
)
def test_marks_are_encrypted_if_the_setting_says_yes(
    bench: Bench, bucket: str, requests: list[Any], text: str, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.bucket = bucket
    monkeypatch.setenv("SIMPLEFLOW_S3_SSE", text)
    bench.run(steps("a"))
    (headers,) = (headers for operation, headers in requests if operation == "PutObject")
    assert ("x-amz-server-side-encryption" in headers) is encrypted


@pytest.fixture
def requests(s3_server: S3Server, bucket: str) -> Iterator[list[Any]]:
    """The requests that are sent to the server: operation and headers of each."""
    sent: list[Any] = []

    def note(request: Any, event_name: str, **_: Any) -> None:
        sent.append((event_name.rpartition(".")[2], dict(request.headers)))

    events = s3_client.client(s3_server.endpoint, None).meta.events
    events.register("before-send.s3", note)
    yield sent
    events.unregister("before-send.s3", note)


def test_a_run_lists_the_marks_once_and_writes_each_once(
    bench: Bench, bucket: str, requests: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.bucket = bucket
    built: list[Any] = []
    build = s3_client._build
    monkeypatch.setattr(s3_client, "_build", lambda *args: built.append(args) or build(*args))
    names = [f"s{number}" for number in range(10)]
    for expected in ({"ListObjectsV2": 1, "PutObject": 10}, {"ListObjectsV2": 1}):
        requests.clear()
        bench.run(steps(*names))
        assert Counter(operation for operation, _ in requests) == expected
    assert built == [], "the run makes no new client"


@pytest.fixture
def at_once(s3_server: S3Server) -> Iterator[list[int]]:
    """How many reading requests were under way at most: the only item."""
    lock, under_way, most = threading.Lock(), [0], [0]

    def count(change: int) -> None:
        with lock:
            under_way[0] += change
            most[0] = max(most[0], under_way[0])

    events = s3_client.client(s3_server.endpoint, None).meta.events
    begin, end = (lambda **_: count(1)), (lambda **_: count(-1))
    events.register("before-send.s3.GetObject", begin)
    events.register("needs-retry.s3.GetObject", end)
    yield most
    events.unregister("before-send.s3.GetObject", begin)
    events.unregister("needs-retry.s3.GetObject", end)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("options", [{"keep_result": True}, {"fingerprint": "f"}])
def test_the_marks_of_many_steps_are_read_by_few_activities_with_one_request_each(
    bench: Bench, bucket: str, requests: list[Any], at_once: list[int], options: Any, together: bool
) -> None:
    bench.bucket = bucket
    names = [f"s{number}" for number in range(60)]

    def run(workflow: Any) -> Any:
        parts = [workflow.step(name, (note, name), **options) for name in names]
        if together:
            return len(workflow.submit(Group(*parts)).result)
        keeps = "keep_result" in options
        return [future.value if keeps else future.ran for future in map(workflow.submit, parts)]

    bench.run(run)
    requests.clear()
    at_once[0] = 0
    found = bench.run(run)
    if not together:
        assert found == [f"did {name}" if "keep_result" in options else False for name in names]
    assert noted == []
    reading = [each for each in bench.activities() if each != "GetStepsDoneTask"]
    assert len(reading) <= (1 if together else 5), reading
    assert Counter(operation for operation, _ in requests) == {"ListObjectsV2": 1, "GetObject": 60}
    assert at_once[0] > 4


class Kept(Workflow, WorkflowStepMixin):
    name = "kept"
    bucket = ""

    def get_step_bucket(self) -> str:
        return self.bucket

    def run(self) -> list[str]:
        parts = [self.step(f"s{number}", (note, f"s{number}"), keep_result=True) for number in range(20)]
        return [future.value for future in map(self.submit, parts)]  # type: ignore[attr-defined]


def test_a_plan_and_a_check_read_many_marks_at_once_too(
    bucket: str, requests: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kept, "bucket", bucket)
    Executor(Kept).run()
    requests.clear()
    planned = plan(Kept, default_bucket=None)
    assert [(step.step, step.verdict) for step in planned.steps] == [(f"s{number}", "skip") for number in range(20)]
    assert planned.notes == ()
    assert Counter(operation for operation, _ in requests) == {"ListObjectsV2": 1, "GetObject": 20}
    executor = Executor(Kept)
    executor.run()
    checked = history_check.check(Kept, codec.decode_history(executor.history))
    assert checked.difference is None
    assert checked.decisions > 20


def test_a_run_reads_and_writes_on_the_host_of_its_bucket(
    bench: Bench, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buckets with one name on two hosts are different: the first must not answer for both."""
    name = bucket.rpartition("/")[2]
    bench.bucket = bucket
    assert bench.run(steps("a")) == [True]
    bench.bucket = f"http://127.0.0.1:1/{name}"
    with pytest.raises(Exception, match="nothing answers there"):
        bench.run(steps("a"))
    assert noted == []


MANY = [f"step-{number:013d}" for number in range(2_100)]


def test_thousands_of_marks_are_read_and_removed(bench: Bench, tmp_path: Any) -> None:
    """They exceed the 32,768 characters that SWF accepts as a result, and as details of a marker."""
    assert {len(name) for name in MANY} == {18}
    bench.bucket = str(tmp_path / "marks")
    bench.mark(*MANY)
    assert bench.run(steps(MANY[0], MANY[-1], "new")) == [False, False, True]

    def run(workflow: Any) -> Any:
        workflow.submit(workflow.step("all", (note, "all"), force_steps_if_executed="*")).result
        return workflow.submit(Group(*[workflow.step(name, (note, name)) for name in MANY[:3]])).result and None

    bench.run(run)
    assert sorted(bench.markers[0]["unmarks"]) == sorted([*MANY, "new"])
    assert noted == ["all", *MANY[:3]]
    assert bench.done == ["all", *MANY[:3]]


class Many(Workflow, WorkflowStepMixin):
    name = "many"

    def run(self) -> Any:
        return [len(self.get_steps_done()), self.submit(self.step(MANY[7], (note, "x"))).ran]


@pytest.mark.parametrize("workers", [None, 1])
def test_thousands_of_done_names_fit_in_a_history(tmp_path: Any, workers: int | None) -> None:
    executor = Executor(Many, state=tmp_path, nb_workers=workers)
    for name in MANY:
        open_store(executor.default_bucket).put("many/steps", name, b"{}")
    assert executor.run() == [2_100, False]
