"""Whole runs with workers on a cluster: the examples and the census give the same results as elsewhere."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from simpleflow.local import Executor
from tests.cluster.dask_processes import Cluster
from tests.examples import conftest  # noqa: F401 (it makes the examples importable)
from tests.examples.census_sample import library
from tests.examples.test_examples import EXPECTED


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


SOME = (
    "child_workflow:Parent",
    "failures:Failures",
    "groups_and_chains:GroupsAndChains",
    "middlewares:Middlewares",
    "timers:Timers",
)
"""Examples that differ in what they need. With EXAMPLES=all in the environment, all of them run."""


@pytest.mark.parametrize("target", sorted(EXPECTED) if os.environ.get("EXAMPLES") == "all" else SOME)
def test_example(target: str, shared: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result, printed, markers = EXPECTED[target]
    module, _, name = target.partition(":")
    middlewares = {"pre": ["middlewares.before"], "post": ["middlewares.after"]} if module == "middlewares" else None
    workflow = getattr(importlib.import_module(module), name)
    options: dict[str, Any] = {"tag_list": ["shop"], "middlewares": middlewares}
    executor = Executor(workflow, state=tmp_path / "state", workers=shared.address, **options)
    assert executor.run() == result
    shown = [line.partition(" | ")[2] for line in capfd.readouterr().err.splitlines() if " | " in line]
    assert sorted(shown) == sorted(printed)
    assert sorted(map(repr, map(tuple, executor.list_markers(all=True)))) == sorted(map(repr, markers))


def test_the_census_runs_and_is_skipped(shared: Cluster, tmp_path: Path) -> None:
    census = importlib.import_module("census").Census
    source = str(library(tmp_path / "lib"))
    here = Executor(census, state=tmp_path / "here").run({"kwargs": {"source": source, "out": str(tmp_path / "o")}})
    for _ in range(2):
        executor = Executor(census, state=tmp_path / "state", workers=shared.address)
        result = executor.run({"kwargs": {"source": source, "out": str(tmp_path / "out")}})
        assert {key: result[key] for key in ("packages", "files", "lines")} == {
            key: here[key] for key in ("packages", "files", "lines")
        }
    assert {marker.details["status"] for marker in executor.list_markers(all=True)} == {"skipped"}
