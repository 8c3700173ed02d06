"""The S3 server refuses requests for a while, or a folder of marks is read-only."""

from __future__ import annotations

import subprocess
import time

from tests.crash.faults.world import World
from tests.stores.faulty_s3 import DENIED, EXPIRED, SLOW_DOWN


def usable(world: World) -> bool:
    return world.marks == "s3" or (world.marks == "folder" and _mount(world, "--bind", str(world.disk / "marks")))


def strike(world: World) -> None:
    seconds = world.chance.uniform(0.3, 3)
    with world.struck("outage"):
        if world.marks == "s3":
            refusal = world.chance.choice([SLOW_DOWN, EXPIRED, DENIED])
            only = world.chance.choice(["PUT", "DELETE", "GET", ""])
            world.proxy.refuses = lambda method, path: refusal if only in ("", method) else None
            time.sleep(seconds)
            world.proxy.refuses = lambda method, path: None
            return
        if _mount(world, "-o", "remount,bind,ro"):
            time.sleep(seconds)
            _mount(world, "-o", "remount,bind,rw")


def _mount(world: World, *options: str) -> bool:
    (world.disk / "marks").mkdir(exist_ok=True)
    command = ["mount", *options, str(world.disk / "marks")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
