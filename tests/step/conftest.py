"""Fixtures of the tests of steps."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.step.bench import Bench

_numbers = itertools.count()


@pytest.fixture
def bench() -> Bench:
    """Runs over a set of marks of their own."""
    return Bench(f"bench-{next(_numbers)}")


@pytest.fixture(params=["folder", "s3"])
def stored(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Bench:
    """Runs whose marks are in a folder, and in a bucket of a real server."""
    bench.bucket = str(tmp_path / "marks") if request.param == "folder" else request.getfixturevalue("bucket")
    return bench
