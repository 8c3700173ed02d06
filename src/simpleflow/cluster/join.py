"""The process of ``simpleflow worker.join``: a Dask worker with one slot for each activity that it may perform at once.

Theory of operation
-------------------
The process is kept running by a supervisor. It is the Dask worker itself, without a nanny: if it dies, the supervisor
starts another one. If the scheduler is lost, all activities are stopped, since the scheduler's successor knows nothing
of them, and the process ends; the next one waits for the scheduler.

After SIGTERM it tells all drivers that it takes no more tasks, and finishes what is under way.

It listens at the address by which it reaches the scheduler, and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import distributed

from simpleflow.cluster.slots import SLOTS
from simpleflow.exceptions import InputError, one_line
from simpleflow.named_tuple import NamedTuple
from simpleflow.worker.supervisor import Body

log = logging.getLogger(__name__)

_dask: Any = distributed  # it has few types

_CONNECT_SECONDS = 10.0  # how long one attempt may take
_LOOK_SECONDS = 0.1
_CLOSE_SECONDS = 2.0


class Join(NamedTuple):
    """The scheduler that a worker joins, its slots and its options.

    ``task_lists``: slots by task list; None: one for each of ``slots``, for all task lists.
    """

    address: str
    task_lists: Mapping[str, int] | None
    slots: int
    host: str | None = None
    name: str | None = None
    stop_after: float | None = None
    tls_ca_file: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None


def join_body(join: Join) -> Body:
    """The body of the process."""

    def body(owner: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles Ctrl-C
        with tempfile.TemporaryDirectory(prefix="simpleflow-worker-", ignore_cleanup_errors=True) as folder:
            # Not ``asyncio.run``: it waits for tasks of Dask, some of which do not end when they are cancelled.
            works = asyncio.new_event_loop().run_until_complete(_serve(join, owner, folder))
            SLOTS.close()
        if not works:
            sys.exit(1)

    return body


async def _serve(join: Join, owner: int, folder: str) -> bool:
    """Serve the scheduler until a signal comes; returns False if it is lost."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    worker = await _connected(join, owner, folder, stop)
    if worker is None:
        return True
    log.info("joined %s with %s", worker.scheduler.address, _described(join))
    while not stop.is_set():
        await asyncio.sleep(_LOOK_SECONDS)
        SLOTS.expire()
        if os.getppid() != owner:
            SLOTS.close()
            return True
        if worker.status.name in ("closed", "closing", "failed"):
            log.warning("the scheduler %s is lost; what was under way is stopped", join.address)
            SLOTS.close()
            return False
    SLOTS.leave(worker.log_event)
    end = None if join.stop_after is None else time.monotonic() + join.stop_after
    while SLOTS.busy and os.getppid() == owner:
        await asyncio.sleep(_LOOK_SECONDS)
        if end is not None and time.monotonic() >= end:
            SLOTS.stop_all()
            end = None
    await asyncio.sleep(_LOOK_SECONDS)  # the last events are on their way
    await worker.close(timeout=_CLOSE_SECONDS, executor_wait=False)
    return True


async def _connected(join: Join, owner: int, folder: str, stop: asyncio.Event) -> Any:
    """The Dask worker, once the scheduler has taken it; None after a signal."""
    shown = ""
    while not stop.is_set() and os.getppid() == owner:
        try:
            starting = asyncio.ensure_future(_worker(join, folder))
            while not starting.done():
                await asyncio.wait([starting], timeout=_LOOK_SECONDS)
                if stop.is_set() or os.getppid() != owner:
                    return None
            return starting.result()
        except Exception as error:  # noqa: BLE001 (whatever it is, the scheduler may be there later)
            text = one_line(error)
            if text != shown:
                shown = text
                log.warning("the scheduler %s cannot be joined: %s; tries again", join.address, text)
        await asyncio.sleep(1)
    return None


def _worker(join: Join, folder: str) -> Any:
    security = None
    if join.tls_ca_file or join.tls_cert or join.tls_key:
        security = _dask.Security(
            tls_ca_file=join.tls_ca_file,
            tls_worker_cert=join.tls_cert,
            tls_worker_key=join.tls_key,
            require_encryption=True,
        )
    address = scheduler_address(join.address)
    lists = join.task_lists
    return _dask.Worker(
        address,
        nthreads=join.slots if lists is None else sum(lists.values()),
        resources=None if lists is None else dict(lists),
        name=join.name,
        host=join.host or own_host(address),
        dashboard_address="127.0.0.1:0",
        local_directory=folder,
        memory_limit=0,
        death_timeout=_CONNECT_SECONDS,
        security=security,
        silence_logs=logging.CRITICAL,
    )


def scheduler_address(given: str) -> str:
    """The address of a scheduler, if need be from its file. Raises InputError if the file does not hold one."""
    if "://" in given:
        return given
    try:
        with open(given, encoding="utf-8") as file:
            address: str = json.load(file)["address"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"scheduler file {given!r} cannot be read: {one_line(error)}") from error
    return address


def own_host(address: str) -> str:
    """The address of this machine by which it reaches a scheduler. Raises OSError."""
    host, _, port = address.partition("://")[2].rstrip("/").rpartition(":")
    kind, _, _, _, target = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(kind, socket.SOCK_DGRAM) as found:
        found.connect(target)  # sends nothing
        own: str = found.getsockname()[0]
    return own


def _described(join: Join) -> str:
    if join.task_lists is None:
        return f"slots for all task lists: {join.slots}"
    return "slots " + ", ".join(f"{name}={count}" for name, count in join.task_lists.items())
