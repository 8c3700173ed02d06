"""``python -m tests.crash.faults``; see the package."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.crash.faults import kinds
from tests.crash.faults.judge import judge
from tests.crash.faults.program import LAST
from tests.crash.faults.world import World
from tests.engines.test_clock import SHIM
from tests.servers import S3Server, seaweed
from tests.stores.faulty_s3 import before


def round_of(folder: Path, seed: int, server: S3Server | None, shim: Path | None) -> World:
    """One round: runs and faults for some seconds, then runs without faults, then the checks."""
    with ExitStack() as stack:
        marks = ("state", "folder", "s3")[seed % (3 if server else 2)]
        environment: dict[str, str] = {}
        bucket, proxy = "", None
        disk = folder / "disk"
        disk.mkdir(parents=True)
        stack.enter_context(_small_disk(disk))
        if marks == "folder":
            bucket = str(disk / "marks")
        elif server is not None and marks == "s3":
            proxy = stack.enter_context(before(server.endpoint))
            environment = server.environment
            bucket = f"{proxy.url}/{_bucket(server, seed)}"
        if shim is not None and marks != "s3":
            (folder / "shift").write_text("0")
            environment |= {"LD_PRELOAD": str(shim), "SHIFT": str(folder / "shift")}
        world = World(folder, seed, marks, bucket, environment, proxy)
        os.environ.update({name: value for name, value in environment.items() if name.startswith("AWS_")})
        usable = [each for each in kinds.every().values() if each.usable(world)]
        ids = ["w0", "w1"] if marks != "state" else ["w0"]
        for generation in range(LAST + 1):
            world.calm.clear()
            threads = [threading.Thread(target=world.drive, args=(each, generation)) for each in ids]
            for thread in threads:
                thread.start()
            for _ in range(world.chance.randint(1, 6) if generation < LAST else 0):
                time.sleep(world.chance.uniform(0.05, 1.5))
                if any(thread.is_alive() for thread in threads):
                    world.chance.choice(usable).strike(world)
            world.calm.set()
            for thread in threads:
                thread.join()
            if world.wrong:
                break
        judge(world)
        return world


@contextmanager
def _small_disk(path: Path) -> Iterator[None]:
    """A disk of its own at ``path``, where this user may mount one."""
    mounted = _done("mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(path))
    try:
        yield
    finally:
        while mounted and os.path.ismount(path / "marks"):
            _done("umount", "-l", str(path / "marks"))
        if mounted:
            _done("umount", "-l", str(path))


def _done(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _bucket(server: S3Server, seed: int) -> str:
    from simpleflow.stores.s3_client import client

    os.environ.update(server.environment)
    client(server.endpoint, None).create_bucket(Bucket=f"faults-{seed}")
    return f"faults-{seed}"


def _shim(folder: Path) -> Path | None:
    """The library that shifts the wall clock; None without a C compiler."""
    (folder / "shim.c").write_text(SHIM)
    if shutil.which("cc") and _done("cc", "-shared", "-fPIC", "-o", str(folder / "shim.so"), str(folder / "shim.c")):
        return folder / "shim.so"
    return None


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.crash.faults", description="Strike random runs with faults.")
    parser.add_argument("--minutes", type=float, default=20, help="how long (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round (default 0)")
    parser.add_argument("--rounds", type=int, default=sys.maxsize, help="at most so many rounds")
    parser.add_argument("--no-s3", action="store_true", help="without marks in S3")
    parser.add_argument("--keep", action="store_true", help="print the log of each round that breaks a rule")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    tally: Counter[str] = Counter()
    wrong, rounds = 0, 0
    with tempfile.TemporaryDirectory(prefix="faults-") as name, ExitStack() as stack:
        base = Path(name)
        server = None if arguments.no_s3 else stack.enter_context(seaweed(base / "s3"))
        shim = _shim(base)
        while time.monotonic() < end and rounds < arguments.rounds:
            seed = arguments.seed + rounds
            found = round_of(base / f"round{seed}", seed, server, shim)
            tally += found.tally
            for each in found.wrong:
                print(f"seed {seed} ({found.marks}): {each}", flush=True)
            if found.wrong and arguments.keep:
                print((found.folder / "log").read_text(), found.faults, found.deaths, sep="\n", flush=True)
            wrong += len(found.wrong)
            shutil.rmtree(found.folder, ignore_errors=True)
            rounds += 1
    print(f"{rounds} rounds from seed {arguments.seed}: {dict(sorted(tally.items()))}; {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
