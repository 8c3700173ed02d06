"""The service: its domains, the lock that guards them, and the clock that drives them."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Run
from simpleflow.exceptions import RunBusy, StateError, UnknownResource
from simpleflow.server import faults
from simpleflow.server.chaos import Chaos, Dice
from simpleflow.server.decision_check import Limits
from simpleflow.server.domain import Domain
from simpleflow.server.polls import Polls
from simpleflow.server.registry import DOMAIN, WORKFLOW, RegistrationStore, Registry

logger = logging.getLogger(__name__)

DECISION = "decision"
ACTIVITY = "activity"


class Service:
    """What Amazon SWF is to its clients, without the wire.

    Args:
        state: the folder to keep everything in; None: it ends with the process.
        poll_seconds: how long a poll waits for a task.
        clock: gives epoch seconds. If it is not the real one, ``tick`` must be called when time has passed.
        chaos: the test mode.

    Raises StateError if the folder cannot be used, or another server uses it.
    """

    def __init__(
        self,
        state: Path | None = None,
        poll_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
        chaos: Chaos = Chaos(),  # noqa: B008 (frozen)
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self.clock = clock
        self.dice = Dice(chaos)
        self.chaos = chaos
        self.lock = threading.Lock()
        self.polls = Polls(self.lock, poll_seconds)
        self._state = state
        self._limits = limits
        self._store = _registration_store(state)
        self.domains = Registry(DOMAIN, "", self._store)
        self._domains: dict[str, Domain] = {}
        self._sooner = threading.Condition(self.lock)
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

    # Domains; with the lock held

    def domain(self, name: str) -> Domain:
        """Raises UnknownResourceFault."""
        found = self._domains.get(name)
        if found is None:
            raise faults.unknown(f"Unknown domain: {name}")
        return found

    def add_domain(self, name: str) -> Domain:
        """The engine and the types of a domain that is registered."""
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
        """The domain, the execution, and the event of the task with that token. Raises UnknownResource."""
        for domain in self._domains.values():
            run = domain.engine.runs.get(token.partition(".")[0])
            if run is not None:
                return domain, run, domain.executions.tasks.of(token)[1]
        raise UnknownResource(f"token {token} is unknown, or its task is over")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold the lock; what was changed is kept at the end, before anybody is told."""
        with self.lock:
            yield
            self.settle()

    def settle(self) -> None:
        """Keep what was changed."""
        for domain in self._domains.values():
            domain.settle()
        due = self._next_deadline()
        if due is not None and (self._asleep_until is None or due < self._asleep_until):
            self._sooner.notify()

    # Time

    def tick(self) -> None:
        """Let time do its work."""
        with self.lock:
            self._expire()

    def close(self) -> None:
        """End polls, and let go of the state folder."""
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
                    self._asleep_until = 0.0  # nothing is sooner
                    self._sooner.wait(lateness)
                try:
                    self._expire()
                except Exception:
                    logger.exception("what was due could not be done; trying again in a second")
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
    """The name of a domain's folder: readable if it can be."""
    quoted = urllib.parse.quote(domain, safe="")
    return f"domain-{quoted if len(quoted) <= 100 else hashlib.sha256(domain.encode()).hexdigest()}"
