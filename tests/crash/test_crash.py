"""A short crash campaign. Run a longer one with ``python -m tests.crash.campaign --kills 500``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.campaign import Campaign


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_survives_a_kill_of_its_process_at_any_instant(tmp_path: Path, workers: int, seed: int) -> None:
    tally = Campaign(tmp_path, seed, workers).run(10)
    assert tally.kills >= 10
    assert tally.decisions > tally.runs
