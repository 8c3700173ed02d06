"""A run is stopped as a person or a service manager does it."""

from __future__ import annotations

import os
import signal

from tests.crash.faults.world import World


def usable(world: World) -> bool:
    return True


def strike(world: World) -> None:
    owner = world.owner()
    if owner is None:
        return
    with world.struck("stop owner"):
        os.kill(owner, world.chance.choice([signal.SIGTERM, signal.SIGINT]))
