"""A server that all processes of one run of the tests share: the first one that needs it starts it.

Theory of operation
-------------------
The server is started by a process of its own, its *keeper*, which writes the server's address into a file. Each process
that uses the server holds a shared lock on another file. The keeper waits for an exclusive lock on that file. It gets
it when the last user has ended, in whatever way: then it stops the server, and ends. The system kills the server if the
keeper dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import S3Server, seaweed

_ROOT = Path(__file__).parents[1]
_SECONDS = 60  # the server starts in less
_keepers: list[subprocess.Popen[bytes]] = []  # that this process has started


@contextmanager
def shared_seaweed(folder: Path) -> Iterator[S3Server]:
    """The S3 server of all processes that give the same ``folder``. Use it once in a process."""
    folder.mkdir(parents=True, exist_ok=True)
    address = folder / "address"
    with open(folder / "users", "a+") as users, open(folder / "starting", "a+") as starting:
        fcntl.lockf(users, fcntl.LOCK_SH)  # waits for the end of a keeper that stops its server
        fcntl.lockf(starting, fcntl.LOCK_EX)
        if not address.exists():
            _start(folder, address)
        fcntl.lockf(starting, fcntl.LOCK_UN)
        yield S3Server(*json.loads(address.read_text()))


def _start(folder: Path, address: Path) -> None:
    with open(folder / "log", "wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.keeper", folder],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _keepers.append(keeper)
    end = time.monotonic() + _SECONDS
    while not address.exists():
        if keeper.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"the S3 server did not start: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.02)


def _keep(folder: Path) -> None:
    """Run the server until the last process that uses it has ended."""
    users = os.open(folder / "users", os.O_RDWR)
    with seaweed(folder / "server") as server:
        (folder / "address.new").write_text(json.dumps(server))
        os.rename(folder / "address.new", folder / "address")
        fcntl.lockf(users, fcntl.LOCK_EX)
        os.unlink(folder / "address")


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
