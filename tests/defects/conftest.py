"""Fixtures of the tests of defects."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import folder as folder
from tests.step.bench import Bench
from tests.step.conftest import bench as bench


@pytest.fixture(params=["folder", "s3"])
def stored(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Bench:
    """Runs whose marks are in a folder, and in a bucket of a real server."""
    bench.bucket = str(tmp_path / "marks") if request.param == "folder" else request.getfixturevalue("bucket")
    return bench
