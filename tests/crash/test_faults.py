"""The kinds of faults of the campaign ``tests.crash.faults``."""

from __future__ import annotations

from tests.crash.faults import kinds


def test_every_kind_can_strike() -> None:
    found = kinds.every()
    assert {"kill_owner", "kill_worker", "full_disk", "outage", "clock_jump"} <= set(found)
    assert all(callable(each.usable) and callable(each.strike) for each in found.values())
