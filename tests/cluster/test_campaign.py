"""A short run of the campaign."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import cluster_campaign


def test_random_workflows_while_processes_are_killed(tmp_path: Path) -> None:
    counts = cluster_campaign.run(1, 7, tmp_path)
    assert counts["workflows"] == 1
    assert counts["activities completed"] > 0
