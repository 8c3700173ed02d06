"""Fixtures of the tests of defects."""

from __future__ import annotations

from tests.step.conftest import bench as bench
from tests.step.conftest import stored as stored
