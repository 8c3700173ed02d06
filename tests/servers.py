"""Servers that the tests start, on loopback and on free ports."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"
_SERVICES = ("s3", "master", "volume", "filer", "admin")


class S3Server(NamedTuple):
    """A server that speaks S3: its URL, and credentials that may do everything."""

    endpoint: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that give boto3 access."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork
_PR_SET_PDEATHSIG = 1


def tied(parent: int = os.getpid()) -> None:
    """``preexec_fn`` of a server: it is killed when the thread that starts it ends, however that ends.

    So a server does not outlive tests that were aborted. Elsewhere than on Linux this does nothing.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent has died before the call


def program(name: str) -> str:
    """The path of a program that is installed beside this Python."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is not installed: pip install -e '.[dev]'")
    return found


@contextmanager
def seaweed(folder: Path) -> Iterator[S3Server]:
    """SeaweedFS as one small node whose data is below ``folder``; killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    credentials = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = {"identities": [{"name": "test", "credentials": credentials, "actions": actions}]}
    (folder / "s3.json").write_text(json.dumps(identities))
    for attempt in (1, 2, 3):  # another process may take a port between the choice and its use
        ports = free_ports(2 * len(_SERVICES))
        process = _start_seaweed(folder, ports)
        try:
            if _answers(f"http://127.0.0.1:{ports[0]}/healthz", process):
                yield S3Server(f"http://127.0.0.1:{ports[0]}")
                return
        finally:
            _kill(process)
            _remove_sockets(ports)
        if attempt == 3:
            raise RuntimeError(f"weed did not become healthy: {(folder / 'log').read_text()[-2000:]}")


def _start_seaweed(folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    shutil.rmtree(folder / "data", ignore_errors=True)
    (folder / "data").mkdir()
    numbers = iter(ports)
    flags = [f"-{service}.port{kind}={next(numbers)}" for service in _SERVICES for kind in ("", ".grpc")]
    command = [
        *(program("weed"), "-logtostderr=true", "mini", f"-dir={folder}/data"),
        *(
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
        ),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={folder}/s3.json"),
        *("-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false", "-volume.preStopSeconds=0"),
        # Each bucket needs a volume. By default the limit is what the free disk holds if all volumes are full.
        "-volume.max=10000",
        *flags,
    ]
    # A limit near the 110 MiB that it needs would keep it collecting garbage, at a sixth of a processor.
    small = {"GOMEMLIMIT": "600MiB", "HOME": str(folder), "TMPDIR": str(folder)}
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **small},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=tied,
        )


def _answers(url: str, process: subprocess.Popen[bytes], seconds: float = 20) -> bool:
    """True if ``url`` answers 200 in time; False at once if the process has ended."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with opener.open(url, timeout=2) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _remove_sockets(ports: list[int]) -> None:
    """Remove the Unix sockets of a killed server. They are always in /tmp, also if TMPDIR is set."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)
