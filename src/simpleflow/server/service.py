"""The service: its domains, the lock that guards them, and the clock that drives them.

Theory of operation
-------------------
*Lock.* One lock guards everything: domains, types, executions and polls. Each request takes it (``request``), runs its
operation, and has its changes written to the journals before the lock is released. So the reply, which is sent after
that, never speaks of something that a crash could undo. Requests are short; polls release the lock while they wait
(``polls``).

*Threads.* There is one thread for each connection (``http``), and one for the clock.

*Clock.* Time-outs and timers become events only when ``expire`` of an engine is called. The clock thread sleeps until
the next deadline of all domains, then expires them. A request that creates an earlier deadline wakes the thread
(``settle``): ``_asleep_until`` is the deadline that it sleeps for, None if there is none, and 0.0 while it is not to be
woken. If expiring fails, the error is logged and the thread tries again after a second. Tests that pass their own clock
call ``tick`` instead, after they have advanced it.

*State.* With a state folder, registrations are in one SQLite file, and each domain has a journal in its own folder. A
new process loads both, and takes over the open executions. If another server uses the folder, it refuses.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simpleflow.engines.clock import Clock
from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Run
from simpleflow.exceptions import RunBusy, StateError, UnknownResource
from simpleflow.server import faults
from simpleflow.server.chaos import Chaos, Dice
from simpleflow.server.decision_check import Limits
from simpleflow.server.domain import Domain
from simpleflow.server.polls import Polls
from simpleflow.server.registry import DOMAIN, WORKFLOW, RegistrationStore, Registry

_TOKEN = re.compile(r"[^.\s]{1,64}\.\d{1,18}\.\d{1,18}", re.ASCII)

logger = logging.getLogger(__name__)

DECISION = "decision"
ACTIVITY = "activity"


class Service:
    """Amazon SWF as its clients see it, without the wire.

    Args:
        state: folder for all data; None: the data end with the process.
        poll_seconds: seconds that a poll waits for a task.
        clock: returns epoch seconds; None: a Clock. If it is not the real time, callers must call ``tick`` after it has
            advanced.
        chaos: the test mode.
        limits: limits of one execution.

    Raises StateError if the folder cannot be used, or if another server uses it.
    """

    def __init__(
        self,
        state: Path | None = None,
        poll_seconds: float = 60.0,
        clock: Callable[[], float] | None = None,
        chaos: Chaos = Chaos(),  # noqa: B008 (frozen)
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self.clock = Clock() if clock is None else clock
        self.dice = Dice(chaos)
        self.chaos = chaos
        self.lock = threading.Lock()
        self.polls = Polls(self.lock, poll_seconds)
        self._state = state
        self._limits = limits
        self._store = _registration_store(state)
        self.domains = Registry(DOMAIN, "", self._store)
        self._domains: dict[str, Domain] = {}
        self._sooner = threading.Condition(self.lock)  # notified when a deadline earlier than ``_asleep_until`` appears
        self._asleep_until: float | None = 0.0
        try:
            self._restore()
        except RunBusy as error:
            self.close()
            raise StateError(f"state folder {state} is in use by another server: {error}") from error
        except BaseException:
            self.close()
            raise
        self._thread = threading.Thread(target=self._run_clock, name="swf-clock", daemon=True)
        self._thread.start()

    # Domains. Callers hold the lock.

    def domain(self, name: str) -> Domain:
        """Return a domain. Raises the fault for an unknown one."""
        found = self._domains.get(name)
        if found is None:
            raise faults.unknown(f"Unknown domain: {name}")
        return found

    def add_domain(self, name: str) -> Domain:
        """Make the engine and the registries of a registered domain."""
        if self._state is None:
            journal, keeps = NoJournal(), False
        else:
            from simpleflow.engines.sqlite.journal import SqliteJournal

            journal, keeps = SqliteJournal(str(self._state / _folder(name))), True  # type: ignore[assignment]
        domain = Domain(name, journal, keeps, self.clock, self.dice, self._store, self._limits)
        domain.executions.tasks.decisions.offered = lambda task_list: self.polls.offered(name, DECISION, task_list)
        domain.executions.tasks.activities.offered = lambda task_list: self.polls.offered(name, ACTIVITY, task_list)
        self._domains[name] = domain
        return domain

    def of_token(self, token: str) -> tuple[Domain, Run, int]:
        """Return domain, execution and event id of the task with that token.

        Raises UnknownResource for the token of a task that is over, and Fault for a text that is no token.
        """
        if not _TOKEN.fullmatch(token):
            raise faults.refused("Invalid token")
        for domain in self._domains.values():
            run = domain.engine.runs.get(token.partition(".")[0])
            if run is not None:
                return domain, run, domain.executions.tasks.of(token)[1]
        raise UnknownResource(f"token {token} is unknown, or its task is over")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold the lock for a request. At the end its changes are written, before the reply is sent."""
        with self.lock:
            yield
            self.settle()

    def settle(self) -> None:
        """Write all changes, and wake the clock thread if there is an earlier deadline now."""
        for domain in self._domains.values():
            domain.settle()
        due = self._next_deadline()
        if due is not None and (self._asleep_until is None or due < self._asleep_until):
            self._sooner.notify()

    # Time

    def tick(self) -> None:
        """Do everything that is due."""
        with self.lock:
            self._expire()

    def close(self) -> None:
        """End the polls, and release the state folder."""
        with self.lock:
            self.polls.close()
            self._sooner.notify()
            for domain in self._domains.values():
                domain.engine.close()
            self._domains = {}
            if self._store is not None:
                self._store.close()

    def _expire(self) -> None:
        for domain in list(self._domains.values()):
            domain.engine.expire()
        self.settle()

    def _next_deadline(self) -> float | None:
        due = [when for each in self._domains.values() if (when := each.engine.next_deadline()) is not None]
        return min(due, default=None)

    def _run_clock(self) -> None:
        with self.lock:
            while not self.polls.closed:
                self._asleep_until = self._next_deadline()
                if self._asleep_until is None:
                    self._sooner.wait()
                    continue
                left = self._asleep_until - self.clock()
                if left > 0:
                    self._sooner.wait(min(left, threading.TIMEOUT_MAX))
                    continue
                lateness = self.dice.lateness()
                if lateness:
                    self._asleep_until = 0.0  # no deadline is earlier: requests do not wake the thread
                    self._sooner.wait(lateness)
                try:
                    self._expire()
                except Exception:
                    logger.exception("time-outs and timers that are due failed; trying again in a second")
                    self._asleep_until = 0.0
                    self._sooner.wait(1.0)

    def _restore(self) -> None:
        if self._store is None:
            return
        rows = self._store.load()
        for kind, _, text in rows:
            if kind == DOMAIN:
                self.add_domain(self.domains.restore(text).name)
        for kind, domain, text in rows:
            if kind != DOMAIN:
                found = self._domains[domain]
                (found.workflow_types if kind == WORKFLOW else found.activity_types).restore(text)
        for each in self._domains.values():
            each.resume()


def _registration_store(state: Path | None) -> RegistrationStore | None:
    if state is None:
        return None
    from simpleflow.engines.sqlite.registrations import Registrations

    return Registrations(state)


def _folder(domain: str) -> str:
    """Return the name of a domain's folder: its quoted name, or a digest if that is too long."""
    quoted = urllib.parse.quote(domain, safe="")
    return f"domain-{quoted if len(quoted) <= 100 else hashlib.sha256(domain.encode()).hexdigest()}"
