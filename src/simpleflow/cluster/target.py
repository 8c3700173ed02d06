"""Which cluster a run uses, as its user gives it. Nothing here needs Dask."""

from __future__ import annotations

import os
import re

from simpleflow.constants import RECONNECT_SECONDS
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple

_ADDRESS = r"(?:tcp|tls|ws|wss|ucx|ucxx)://[^\s/]+:\d{1,5}/?"


class Cluster(NamedTuple):
    """A cluster, for ``Executor(workers=)``."""

    address: str
    """Of a Dask scheduler, such as ``tcp://host:8786``, or the path of its scheduler file."""
    upload: tuple[str, ...] = ()
    """Python files and zip archives that workers import modules from, for workers that have no copy of the code."""
    reconnect_for: float = RECONNECT_SECONDS
    """For how many seconds a scheduler that was lost is waited for."""
    tls_ca_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None

    @property
    def is_file(self) -> bool:
        """True if the address is the path of a scheduler file."""
        return "://" not in self.address


def check_cluster(given: object) -> Cluster:
    """Return what ``workers`` of an Executor means. Raises InputError."""
    cluster = Cluster(given) if isinstance(given, str) else given
    if not isinstance(cluster, Cluster):
        raise InputError(f"workers is {given!r}; expected the address of a Dask scheduler, such as tcp://host:8786")
    check_address(cluster.address)
    for path in cluster.upload:
        check_upload(path)
    seconds = cluster.reconnect_for
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 10**9:
        raise InputError(f"reconnect_for is {seconds!r}; expected seconds, 0 or more")
    return cluster


def check_address(address: str) -> str:
    """Return the address of a scheduler, or the path of its file. Raises InputError if it is neither."""
    if "://" in address:
        if re.fullmatch(_ADDRESS, address) is None:
            raise InputError(f"scheduler {address!r} is no address; expected tcp://host:8786 or tls://host:8786")
    elif not address.endswith(".json"):
        raise InputError(
            f"scheduler {address!r} is no address; expected tcp://host:8786, or a scheduler file such as scheduler.json"
        )
    elif not os.path.isfile(address):
        raise InputError(
            f"there is no scheduler file {address!r}; start a scheduler with: dask scheduler --scheduler-file {address}"
        )
    return address


def check_upload(path: str) -> str:
    """Return the path of a file to upload. Raises InputError if it cannot be one."""
    if not path.endswith((".py", ".zip")):
        raise InputError(f"file to upload {path!r}; expected a Python file (.py) or a zip archive of modules (.zip)")
    if not os.path.isfile(path):
        raise InputError(f"there is no file to upload {path!r}")
    return path
