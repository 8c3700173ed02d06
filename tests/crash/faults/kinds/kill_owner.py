"""The process that drives a run is killed, by itself or together with its guard."""

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
    _, guard = world.children(owner)
    with world.struck("kill owner"):
        if guard is not None and world.chance.random() < 0.3:
            os.kill(guard, signal.SIGKILL)
        os.kill(owner, signal.SIGKILL)
