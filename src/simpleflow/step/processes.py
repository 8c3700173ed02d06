"""Is the process that wrote something still alive, as far as this machine can tell?

A process is described by the host's name, the machine's id, the id of its boot, the namespace of its process id, that
id and its start time. So a process does not count as alive because another one has the same id now, or because its
machine was started again. A process that cannot be seen from here, on another machine or in another container, counts
neither as alive nor as dead. A process also counts as alive while a worker of it lives, which a locked file tells.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from simpleflow import file_locks

_own: tuple[int, dict[str, Any]] | None = None  # id and description of this process
_workers: str | None = None
_driver: dict[str, Any] | None = None  # the process that drives the runs of this process and of its workers


def begin_driving(workers: str | None) -> None:
    """This process drives a run from now on. Its workers hold a lock on the file ``workers``, see ``file_locks``."""
    global _workers, _driver
    _workers = workers
    _driver = describe()


def end_driving() -> None:
    """This process drives no run any longer."""
    global _workers, _driver
    _workers = _driver = None


def driver() -> dict[str, Any] | None:
    """The process that drives the run, in that process and in its workers; None on Amazon SWF."""
    return _driver


def describe() -> dict[str, Any]:
    """This process: ``host``, ``machine``, ``boot``, ``namespace`` and ``started`` as text, ``pid`` as a number.

    ``machine`` is empty if the system has no such id. On systems without ``/proc`` all but host and pid are empty.
    """
    global _own
    pid = os.getpid()
    if _own is None or _own[0] != pid:  # a forked child is another process
        _own = (pid, _describe(pid))
    return _own[1] if _workers is None else {**_own[1], "workers": _workers}


def is_alive(process: Mapping[str, Any]) -> bool | None:
    """True if the described process or a worker of it is alive, False if all are dead, None if nothing tells."""
    alive = _is_alive(process)
    workers = process.get("workers")
    if alive is not False or not isinstance(workers, str):
        return alive
    try:
        return file_locks.is_held(workers, exclusive=True)
    except OSError:
        return False


def _is_alive(process: Mapping[str, Any]) -> bool | None:
    own = describe()
    pid = process.get("pid")
    if not isinstance(pid, int) or not 0 < pid < 2**31 or process.get("host") != own["host"]:
        return None
    if any(process.get(key) != own[key] for key in ("machine", "boot")):
        # Either the same machine was started again, or another machine has the same host name.
        same = bool(own["machine"] and own["boot"]) and process.get("machine") == own["machine"]
        return False if same else None
    if process.get("namespace") != own["namespace"]:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and belongs to another user
    if not own["started"]:
        return True
    started = _started(pid)
    return None if started is None else started == process.get("started")


def _describe(pid: int) -> dict[str, Any]:
    return {
        "host": os.uname().nodename,
        "machine": _line("/etc/machine-id"),
        "boot": _line("/proc/sys/kernel/random/boot_id"),
        "namespace": _link("/proc/self/ns/pid"),
        "pid": pid,
        "started": _started(pid) or "",
    }


def _started(pid: int) -> str | None:
    """Start time of the process, in ticks since the boot; ``ended`` for a zombie; None if it is hidden."""
    # The second field is the program's name in brackets and may hold any character; the third is the state.
    fields = _line(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    return "ended" if fields[0] in "ZX" else fields[19]


def _line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096).strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
