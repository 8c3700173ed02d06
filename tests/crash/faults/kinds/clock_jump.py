"""The wall clock of all processes jumps, an hour ahead or back."""

from __future__ import annotations

from tests.crash.faults.world import World


def usable(world: World) -> bool:
    # S3 refuses requests that are signed at another time.
    return "SHIFT" in world.environment and world.marks != "s3"


def strike(world: World) -> None:
    with world.struck("clock jump"), open(world.environment["SHIFT"], "w") as shift:
        shift.write(str(world.chance.choice([-3600, -60, 0, 60, 3600])))
