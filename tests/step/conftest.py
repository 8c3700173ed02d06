"""The fixture of the tests of steps."""

from __future__ import annotations

import itertools

import pytest

from tests.step.bench import Bench

_numbers = itertools.count()


@pytest.fixture
def bench() -> Bench:
    """Runs over a set of marks of their own."""
    return Bench(f"bench-{next(_numbers)}")
