"""Marks in Google Cloud Storage and Azure Blob Storage, beyond the contract: the helper process, errors, odd keys."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.exceptions import StoreError
from simpleflow.local import Executor
from simpleflow.step import WorkflowStepMixin
from simpleflow.stores import cloud_client, is_folder, is_local, open_store
from simpleflow.stores.cloud_errors import store_error
from tests.processes import alive
from tests.servers import free_ports
from tests.stores.cloud_servers import GoogleServer, azure_put

USER = """
import sys
from simpleflow.stores import cloud_client, open_store

print(open_store("gs://marks").names("p"), flush=True)
[helper] = cloud_client._helpers.values()
print(helper.pid, flush=True)
sys.stdin.readline()
"""


def helper_pids() -> list[int]:
    return [helper.pid for (process, _), helper in cloud_client._helpers.items() if process == os.getpid()]


def test_they_are_not_on_this_machine(google: str) -> None:
    assert not is_local(google)
    assert not is_folder(google)
    assert open_store(f"{google}/") is open_store(google)


def test_a_fork_has_a_helper_of_its_own(google: str) -> None:
    store = open_store(google)
    store.put("p", "parent", b"1")
    [mine] = helper_pids()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            open_store(google).put("p", "child", b"2")
            [its] = helper_pids()
            code = 0 if store.get("p", "parent") == b"1" and its != mine else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.names("p") == ["child", "parent"]
    assert helper_pids() == [mine]


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_helper_ends_with_its_process(google: str, is_killed: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "[]\n"
        helper = int(user.stdout.readline())
        assert alive(helper)
        if is_killed:
            user.kill()
        else:
            user.communicate("\n")
            assert user.returncode == 0
    end = time.monotonic() + 10
    while alive(helper):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_helper_that_was_killed_is_an_error_once(google: str) -> None:
    store = open_store(google)
    store.put("p", "a", b"1")
    os.kill(helper_pids()[0], signal.SIGKILL)
    with pytest.raises(
        StoreError, match=r"the process that talks to the service has ended .*; try again later"
    ) as caught:
        store.put("p", "b", b"1")
    assert not caught.value.lasting
    assert store.names("p") == ["a"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_that_end_a_service_leave_the_helper(google: str, number: int) -> None:
    store = open_store(google)
    store.put("p", "a", b"1")
    before = helper_pids()
    os.kill(before[0], number)
    assert store.names("p") == ["a"]
    assert helper_pids() == before


def test_a_change_of_the_environment_takes_effect(google: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(google)
    assert store.names("p") == []
    [before] = helper_pids()
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "another")
    assert store.names("p") == []
    assert helper_pids() != [before]
    assert not alive(before)


def test_placeholders_of_folders_are_no_marks(google: str, google_server: GoogleServer) -> None:
    store = open_store(google)
    store.put("w/steps", "empty", b"")
    store.put("w/steps", "both", b"x")
    for key in ("w/steps/", "w/steps/folder/", "w/steps/both/", "w/steps/empty/"):
        google_server.buckets["marks"][key] = (b"", 0.0, 1)
    assert store.names("w/steps") == ["both", "empty"]
    assert store.names("") == ["w/steps/both", "w/steps/empty"]


def test_placeholders_in_azure_are_no_marks(azure: str, azurite_address: str) -> None:
    container = azure.removeprefix("az://").partition("/")[0]
    azure_put(azurite_address, f"{container}/some/path/p/folder/", headers={"x-ms-blob-type": "BlockBlob"})
    store = open_store(azure)
    store.put("p", "a", b"")
    assert store.names("p") == ["a"]


def test_dots_at_the_end_stay_in_azure(azure: str) -> None:
    store = open_store(azure)
    names = ["a", "a.", "a..", "a%_", "a.%_", "a./b"]
    for name in names:
        store.put("p.", name, name.encode())
    assert store.names("p.") == sorted(names)
    assert store.names("p") == []
    stored = cloud_client.call("az", azure.removeprefix("az://").partition("/")[0], "list", "")
    assert [segment for key in stored for segment in key.split("/") if segment.endswith(".")] == []


def test_marks_stand_below_the_path_of_the_bucket_string(google: str, google_server: GoogleServer) -> None:
    open_store(f"{google}/team/a").put("w/steps", "load", b"1")
    assert list(google_server.buckets["marks"]) == ["team/a/w/steps/load"]
    assert open_store(google).names("team/a") == ["w/steps/load"]
    assert open_store(f"{google}/team").names("") == ["a/w/steps/load"]
    assert open_store(f"{google}/tea").names("") == []


@pytest.mark.parametrize(
    ("before", "refusals", "expected"),
    [
        (None, [(503, True)], True),  # written, and the answer was an error: the next try meets our own mark
        (None, [(503, False), (503, False)], True),
        (b"theirs", [(503, False)], False),
        (b"theirs", [], False),
    ],
)
def test_create_when_answers_are_errors(
    google: str, google_server: GoogleServer, before: bytes | None, refusals: list[Any], expected: bool
) -> None:
    store = open_store(google)
    if before is not None:
        store.put("p", "a", before)
    google_server.refuse += refusals
    assert store.create("p", "a", b"ours") is expected
    assert store.get("p", "a") == (b"ours" if expected else before)


def test_put_is_repeated(google: str, google_server: GoogleServer) -> None:
    google_server.refuse += [(503, False)]
    open_store(google).put("p", "a", b"1")
    assert open_store(google).get("p", "a") == b"1"
    google_server.refuse += [(503, False)] * 3
    with pytest.raises(StoreError, match=r"the service failed, also after several tries .*; try again later"):
        open_store(google).put("p", "a", b"2")


def test_a_bucket_that_is_missing(google: str, azure: str) -> None:
    for bucket in ("gs://missing", "az://missing"):
        store = open_store(bucket)
        for call in (
            lambda store=store: store.names("p"),
            lambda store=store: store.get("p", "a"),
            lambda store=store: store.put("p", "a", b""),
            lambda store=store: store.create("p", "a", b""),
            lambda store=store: store.delete("p", ["a"]),
        ):
            with pytest.raises(StoreError, match=rf"^bucket {bucket}: cannot .*: it does not exist \(.+\); create it"):
                call()


def test_access_that_is_denied(google: str, google_server: GoogleServer) -> None:
    google_server.refuse += [(403, False)]
    with pytest.raises(StoreError, match=r"access is denied \(AccessDenied\); give these credentials the role"):
        open_store(google).put("p", "a", b"")


def test_no_server(google: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_BASE_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(
        StoreError, match=r"nothing answers there \(.*error sending request.*\); check the network"
    ) as caught:
        open_store(google).names("p")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    with pytest.raises(StoreError, match=r"no storage account is named .*; set AZURE_STORAGE_ACCOUNT_NAME"):
        open_store("az://container").names("p")


def test_without_obstore(google: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "obstore.py").write_text("raise ModuleNotFoundError(\"No module named 'obstore'\")")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "makes another helper")
    with pytest.raises(
        StoreError, match=r"it needs obstore, which is not installed .*; pip install 'obstore"
    ) as caught:
        open_store(google).names("p")
    assert caught.value.lasting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error performing token request: GET http://metadata.google.internal/", "there are no credentials"),
        ("status code: 401 Unauthorized: no", "the credentials are not accepted (401 Unauthorized"),
        ("<Code>AuthenticationFailed</Code> status code: 403", "access is denied (AuthenticationFailed)"),
        ("status code: 429 Too Many Requests", "overloaded"),
        ("error sending request: operation timed out", "did not answer in time"),
        ("something else\n\nDebug source: x", "cannot do it: something else; check the bucket"),
    ],
)
def test_errors_are_one_line(text: str, expected: str) -> None:
    for kind in ("gs", "az"):
        message = str(store_error(f"{kind}://b", kind, "do it", "GenericError", text))
        assert expected in message
        assert "\n" not in message


@activity.with_attributes(raises_on_failure=True)
def work(name: str) -> str:
    return name


class Cloudy(Workflow, WorkflowStepMixin):
    name = "cloudy"

    def run(self) -> list[bool]:
        a = self.submit(self.step("a", (work, "a"), force_steps_if_executed=["b"]))
        b = self.submit(self.step("b", (work, "b"), keep_result=True))
        return [a.ran, b.ran, b.value == "b"]


@pytest.mark.parametrize("claims", ["0", "1"])
def test_a_run_with_worker_processes(
    google: str, google_server: GoogleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims: str
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", claims)
    monkeypatch.setenv("STEP_BUCKET", "gs://marks/runs")
    assert open_store("gs://marks/runs").names("") == []  # this process has a helper before it forks workers
    run = Executor(Cloudy, state=tmp_path, nb_workers=2).run
    assert run() == [True, True, True]
    assert [key for key in google_server.buckets["marks"] if "." not in key] == [
        "runs/cloudy/steps/a",
        "runs/cloudy/steps/b",
    ]
    assert run() == [False, False, True]
    assert any(".claims" in each for each in google_server.requests) is (claims == "1")
