"""Put the folder of the examples on the path, as the command line does: it is not a package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))

from census_lib import sources, tables  # noqa: E402

from tests.examples.census_sample import SLICE, census, library  # noqa: E402


@pytest.fixture
def made_up(tmp_path: Path) -> tables.Tables:
    return census(sources.scan(str(library(tmp_path / "lib"))))


@pytest.fixture(scope="module")
def real() -> tables.Tables:
    return census(sources.scan(), SLICE)
