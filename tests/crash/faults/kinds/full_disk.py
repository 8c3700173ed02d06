"""The disk of the state and of the marks is full for a while."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from tests.crash.faults.world import World


def usable(world: World) -> bool:
    return os.path.ismount(world.disk)


def strike(world: World) -> None:
    filler = world.disk / "filler"
    with world.struck("full disk"):
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(b"x" * size):
                        pass
        time.sleep(world.chance.uniform(0.2, 2))
        filler.unlink()
