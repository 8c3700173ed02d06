"""The driver's connection to a Dask scheduler. Its events come into an inbox, which one thread reads.

Theory of operation
-------------------
The client has a separate thread. Calls that may take long, to a worker for example, are made in further threads. All of
them only put messages into the inbox, so that the rest of the driver needs no locks.

A connection that is lost is not used again: the scheduler has forgotten this client and its tasks. ``Connector`` makes
another one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import distributed

from simpleflow.cluster import slots
from simpleflow.cluster.batch import Batch
from simpleflow.cluster.code import Found
from simpleflow.cluster.target import Cluster
from simpleflow.exceptions import ClusterError, one_line
from simpleflow.named_tuple import NamedTuple

_dask: Any = distributed  # it has few types

CONNECT_SECONDS = 10.0
"""How long the first connection may take."""

_TRY_SECONDS = 2.0  # how long one of the later attempts may take
_PAUSE_SECONDS = 0.2
_CLOSE_SECONDS = 5.0
_FORGET_SECONDS = 1.0  # how long workers are waited for at the end: one of them may hang
_RESULT_SECONDS = 30.0
_THREADS = 32  # for calls to workers, each of which may hang


class Events(NamedTuple):
    """A worker has sent events."""

    process: str
    events: Sequence[Any]


class Workers(NamedTuple):
    """The workers that the scheduler knows now: by address, what it says of each."""

    found: Mapping[str, Mapping[str, Any]]


class Met(NamedTuple):
    """A worker has answered the driver's greeting."""

    address: str
    process: str
    leaving: bool
    found: Found


class NotMet(NamedTuple):
    """A worker could not be greeted. ``is_lost``: it, or the scheduler, does not answer."""

    address: str
    error: str
    is_lost: bool


class Finished(NamedTuple):
    """The Dask task of a batch is over."""

    batch: str
    large: Mapping[str, Any]
    error: str = ""  # why it did not end as it should
    is_lost: bool = False  # the worker is lost


class TakenBack(NamedTuple):
    """A worker has not begun a batch, and is not going to."""

    batch: str


class Connected(NamedTuple):
    """There is another connection, in place of one that was lost."""

    connection: Connection


class GaveUp(NamedTuple):
    """There is none."""

    error: str


class Inbox:
    """Messages for the thread that drives the run."""

    def __init__(self) -> None:
        self._messages: deque[Any] = deque()
        self._there = threading.Event()

    def put(self, message: Any) -> None:
        """Add a message. Any thread may do so."""
        self._messages.append(message)
        self._there.set()

    def take(self, seconds: float) -> list[Any]:
        """The messages that are there now, or within so many seconds."""
        if not self._messages:
            self._there.wait(None if seconds == float("inf") else seconds)
        self._there.clear()
        found = []
        while self._messages:
            found.append(self._messages.popleft())
        return found


class Connection:
    """One connection. Raises ClusterError if there is no scheduler.

    Args:
        cluster: where the scheduler is.
        topic: to which workers send events for this driver.
        inbox: takes Events, Workers, Met, NotMet and Finished.
        seconds: how long the connection may take.
    """

    def __init__(self, cluster: Cluster, topic: str, inbox: Inbox, seconds: float) -> None:
        self._topic = topic
        self._inbox = inbox
        self._futures: dict[str, Any] = {}  # by the id of the batch
        self._stopping: dict[str, set[str]] = {}  # by address: tokens, while a call to that worker is under way
        self._asks = threading.Lock()
        self._lock = threading.Lock()
        self._forgotten = threading.Event()
        where = {"scheduler_file": cluster.address} if cluster.is_file else {"address": cluster.address}
        self._client: Any = _dask.Client.__new__(_dask.Client)  # so that one that cannot connect can be closed
        try:
            self._client.__init__(
                **where, timeout=seconds, security=_security(cluster), set_as_default=False, heartbeat_interval=1000
            )
        except Exception as error:
            with contextlib.suppress(Exception):
                self._client.close(timeout=_CLOSE_SECONDS)
            if cluster.address.startswith("tls:") and isinstance(error, TypeError):
                raise ClusterError(
                    f"scheduler {cluster.address} needs certificates: give --tls-ca-file, --tls-cert and --tls-key"
                ) from error
            raise ClusterError(
                f"no Dask scheduler answers at {cluster.address}: {one_line(error)}; start one with: dask scheduler"
            ) from error
        self._threads = ThreadPoolExecutor(_THREADS, "simpleflow-cluster")
        self._client.subscribe_topic(topic, self._received)

    @property
    def works(self) -> bool:
        """False once the connection is lost."""
        return bool(self._client.status == "running")

    def ask_for_workers(self) -> None:
        """Have ``Workers`` come, unless that is under way."""
        if self._asks.acquire(blocking=False):
            self._call(self._ask)

    def greet(self, address: str, code: str) -> None:
        """Have ``Met`` or ``NotMet`` come, about a worker. ``code``: JSON."""
        self._call(self._greet, address, code)

    def submit(self, address: str, batch: Batch, resource: str | None, priority: int) -> None:
        """Have a worker perform a batch; ``Finished`` comes at its end."""
        future: Any = self._client.submit(
            slots.perform,
            batch.to_text(),
            key=f"simpleflow-{batch.id}",
            workers=[address],
            allow_other_workers=False,
            resources=None if resource is None else {resource: 1},
            priority=priority,
            retries=0,
            pure=False,
        )
        self._futures[batch.id] = future
        future.add_done_callback(lambda done: self._finished(batch.id, done))

    def forget(self, batch: str) -> None:
        """Let the scheduler forget a batch; one that is under way is stopped."""
        future = self._futures.pop(batch, None)
        if future is not None:
            future.release()

    def stop(self, address: str, token: str) -> None:
        """Have a worker stop a task."""
        with self._lock:
            waiting = self._stopping.get(address)
            if waiting is not None:
                waiting.add(token)
                return
            self._stopping[address] = {token}
        self._call(self._stop, address)

    def take_back(self, address: str, batch: str) -> None:
        """Have ``TakenBack`` come if a worker has not begun a batch."""
        self._call(self._take_back, address, batch)

    def close(self, addresses: Sequence[str] = ()) -> None:
        """Close the connection. Workers at these addresses, and the scheduler, keep nothing of this driver."""
        for batch in list(self._futures):
            self.forget(batch)
        if self.works:
            self._call(self._forget, list(addresses))
            self._forgotten.wait(_FORGET_SECONDS)
        with contextlib.suppress(Exception):
            self._client.close(timeout=_CLOSE_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _received(self, event: tuple[float, Any]) -> None:
        _, message = event
        self._inbox.put(Events(message["process"], message["events"]))

    def _finished(self, batch: str, future: Any) -> None:
        """In a thread of the client: a Dask task is over."""
        try:
            found = Finished(batch, json.loads(future.result(timeout=_RESULT_SECONDS)))
        except Exception as error:  # noqa: BLE001 (the worker may be lost, or somebody has cancelled the task)
            is_lost = type(error).__name__ == "KilledWorker"
            found = Finished(batch, {}, "was lost" if is_lost else one_line(error), is_lost)
        self._inbox.put(found)

    def _forget(self, addresses: list[str]) -> None:
        with contextlib.suppress(Exception):
            self._client.run_on_scheduler(_clear, self._topic)
            if addresses:
                self._client.run(slots.forget, self._topic, workers=addresses, on_error="ignore")
        self._forgotten.set()

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # it was closed
            self._threads.submit(function, *args)

    def _ask(self) -> None:
        try:  # not ``scheduler_info``: if the scheduler is lost, that returns an old answer without workers
            found = self._client.sync(self._client.scheduler.identity, n_workers=-1)
            self._inbox.put(Workers(found["workers"]))
        except Exception:  # noqa: BLE001 (the connection is lost, which ``works`` tells)
            pass
        finally:
            self._asks.release()

    def _greet(self, address: str, code: str) -> None:
        try:
            answer = self._client.run(slots.hello, self._topic, code, workers=[address], on_error="return")[address]
        except Exception as error:  # noqa: BLE001 (the worker or the connection is lost)
            answer = error
        if isinstance(answer, Exception):
            self._inbox.put(NotMet(address, one_line(answer), isinstance(answer, OSError | KeyError)))
        else:
            process, leaving, *found = answer
            self._inbox.put(Met(address, process, leaving, Found(*found)))

    def _take_back(self, address: str, batch: str) -> None:
        with contextlib.suppress(Exception):  # the worker is lost
            if self._client.run(slots.take_back, batch, workers=[address])[address]:
                self._inbox.put(TakenBack(batch))

    def _stop(self, address: str) -> None:
        while True:
            with self._lock:
                tokens = sorted(self._stopping[address])
                if not tokens:
                    del self._stopping[address]
                    return
                self._stopping[address] = set()
            with contextlib.suppress(Exception):  # the worker is lost, and what it did with it
                self._client.run(slots.stop, tokens, workers=[address], on_error="ignore")


class Connector:
    """Makes the connection, and another one when it is lost."""

    def __init__(self, cluster: Cluster, topic: str, inbox: Inbox) -> None:
        self._cluster = cluster
        self._topic = topic
        self._inbox = inbox
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        for name in [each for each in logging.root.manager.loggerDict if each.partition(".")[0] == "distributed"]:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the driver says what has happened itself

    def connect(self) -> Connection:
        """The first connection. Raises ClusterError."""
        return Connection(self._cluster, self._topic, self._inbox, CONNECT_SECONDS)

    def connect_again(self) -> None:
        """Have ``Connected`` come when the scheduler is there again, or ``GaveUp``."""
        self._thread = threading.Thread(target=self._connect, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop trying."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _connect(self) -> None:
        end = time.monotonic() + self._cluster.reconnect_for
        text = "no attempt was made"
        while (left := end - time.monotonic()) > 0 and not self._closed.wait(_PAUSE_SECONDS):
            try:
                found = Connection(self._cluster, self._topic, self._inbox, min(left, _TRY_SECONDS))
            except ClusterError as error:
                text = str(error)
                continue
            self._inbox.put(Connected(found))
            return
        self._inbox.put(GaveUp(text))


def _security(cluster: Cluster) -> Any:
    """TLS options of the cluster, else those of Dask's own configuration."""
    if cluster.tls_ca_file is None and cluster.tls_cert is None and cluster.tls_key is None:
        return None
    return _dask.Security(
        tls_ca_file=cluster.tls_ca_file,
        tls_client_cert=cluster.tls_cert,
        tls_client_key=cluster.tls_key,
        require_encryption=True,
    )


def _clear(topic: str, dask_scheduler: Any = None) -> None:
    """On the scheduler: remove the events of a topic, which it would keep for ever."""
    broker = getattr(dask_scheduler, "_broker", None)
    topics = getattr(broker, "_topics", None)
    if topics is not None:
        topics.pop(topic, None)
