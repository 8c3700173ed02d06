"""The identity of a process: its own facts, and what SIMPLEFLOW_IDENTITY adds to them, as in the existing library."""

from __future__ import annotations

import json
import os

import pytest

from simpleflow.exceptions import InputError
from simpleflow.worker.identity import identity


def test_without_the_setting() -> None:
    found = json.loads(identity())
    assert found.keys() == {"user", "host", "pid"}
    assert found["pid"] == os.getpid()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"host": "a.example.net"}', {"host": "a.example.net", "pid": os.getpid()}),
        ('{"hostname": "h", "exe": "e"}', {"hostname": "h", "exe": "e", "pid": os.getpid()}),
        ('{"pid": null, "none": null, "list": [1]}', {"list": [1]}),
        ("{}", {"pid": os.getpid()}),
    ],
)
def test_members_are_added(given: str, expected: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    own = json.loads(identity())
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", given)
    found = json.loads(identity())
    assert found == {key: own[key] for key in ("user", "host")} | expected


@pytest.mark.parametrize("given", ['"worker-7"', "[1,2]", "7"])
def test_other_json_is_the_identity(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", given)
    assert identity() == given


def test_one_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", json.dumps({"name": "b" * 240}))
    with pytest.raises(InputError, match="with user, host, pid, which null leaves out; expected at most 256"):
        identity()
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", json.dumps({"name": "b" * 240, "user": None, "host": None, "pid": None}))
    assert len(identity()) == 251
