"""A worker is killed, stopped for a while, or loses a process that it has started; or the guard is killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.crash.faults.world import World


def usable(world: World) -> bool:
    return True


def strike(world: World) -> None:
    owner = world.owner()
    if owner is None:
        return
    workers, guard = world.children(owner)
    targets = {"worker": workers, "stopped": workers, "helper": world.helpers(), "guard": [guard] if guard else []}
    kind = world.chance.choice(sorted(targets))
    if not targets[kind]:
        return
    pid = world.chance.choice(targets[kind])
    with world.struck(f"kill {kind}" if kind != "stopped" else "stop worker"), suppress(ProcessLookupError):
        if kind == "stopped":
            os.kill(pid, signal.SIGSTOP)
            time.sleep(world.chance.uniform(0.1, 1.5))
            os.kill(pid, signal.SIGCONT)
        else:
            os.kill(pid, signal.SIGKILL)
