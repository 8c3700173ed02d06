"""The workers of a cluster that a run uses: they are greeted when they appear, and used if they have the same code."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from simpleflow.cluster import connection as c
from simpleflow.cluster.code import Code, difference
from simpleflow.cluster.members import Lane, WorkerSeen
from simpleflow.exceptions import ClusterError

_FIRST_SECONDS = 10.0  # for how long the first worker is waited for
_OTHERS_SECONDS = 2.0  # for how long the others are waited for then: one of them may hang


class Crew:
    """The workers. ``report``: takes a line of text about a worker that is not used.

    Attributes:
        members: those that are used, by process.
    """

    def __init__(self, code: Code, report: Callable[[str], None]) -> None:
        self._code = code
        self._text = json.dumps(code)
        self.members: dict[str, WorkerSeen] = {}
        self._report = report
        self._reported: set[str] = set()
        self._described: Mapping[str, Mapping[str, Any]] = {}  # descriptions from the scheduler, by address
        self._greeted: set[str] = set()  # addresses

    @property
    def lanes(self) -> Iterator[Lane]:
        """The lanes of all workers."""
        return (lane for member in self.members.values() for lane in member.lanes.values())

    def of(self, task_list: str) -> list[Lane]:
        """The lanes for a task list."""
        return [lane for member in self.members.values() if (lane := member.lane(task_list)) is not None]

    def count(self, task_list: str) -> int:
        """How many tasks of a task list the workers have been given."""
        given = (each.tasks[token] for lane in self.lanes for each in lane.given.values() for token in each.rest)
        waiting = (task for lane in self.lanes for task in lane.pending)
        return sum(task.task_list == task_list for tasks in (given, waiting) for task in tasks)

    def meet_the_first(self, connection: c.Connection, inbox: c.Inbox) -> None:
        """Wait until the workers that are there have answered. Raises ClusterError if one has other code."""
        end = time.monotonic() + _FIRST_SECONDS
        connection.ask_for_workers()
        is_asked = has_others = False
        answered: set[str] = set()
        while not is_asked or self._greeted - answered:
            if self.members and not has_others:
                has_others, end = True, min(end, time.monotonic() + _OTHERS_SECONDS)
            if (left := end - time.monotonic()) <= 0 or not connection.works:
                return
            for message in inbox.take(left):
                if isinstance(message, c.Workers):
                    is_asked = True
                    self.look(message, connection)
                elif isinstance(message, c.Met | c.NotMet):
                    answered.add(message.address)
                    if isinstance(message, c.NotMet) and message.is_lost:
                        self.not_met(message)
                        continue
                    text = message.error if isinstance(message, c.NotMet) else difference(self._code, message.found)
                    if text:
                        raise ClusterError(f"worker {message.address} cannot be used: {text}")
                    if isinstance(message, c.Met):
                        self.add(self.meet(message)[0])

    def look(self, message: c.Workers, connection: c.Connection) -> list[WorkerSeen]:
        """Greet the workers that are new; returns those that are gone."""
        workers = self._described = message.found
        for address in set(workers) - self._greeted:
            self._greeted.add(address)
            connection.greet(address, self._text)
        self._greeted &= set(workers)
        gone = []
        for member in self.members.values():
            if member.address not in workers:
                gone.append(member)
            elif workers[member.address].get("status") not in ("running", "paused", None):
                member.leaving = True
        return gone

    def meet(self, message: c.Met) -> tuple[WorkerSeen | None, list[WorkerSeen]]:
        """A worker has answered; returns it, if it is used, and those that were at its address before."""
        if text := difference(self._code, message.found):
            self._report_once(f"worker {message.address} is not used: {text}")
            return None, []
        before = [each for each in self.members.values() if each.address == message.address]
        if message.address not in self._described or message.leaving:
            return None, before
        return WorkerSeen(message.address, message.process, self._described[message.address]), before

    def add(self, member: WorkerSeen | None) -> None:
        """Use a worker."""
        if member is not None:
            self.members[member.process] = member

    def not_met(self, message: c.NotMet) -> None:
        """A worker could not be greeted; if it is there, it will be greeted again."""
        self._greeted.discard(message.address)
        if message.address in self._described and not message.is_lost:
            self._report_once(f"worker {message.address} is not used: {message.error}")

    def remove(self, member: WorkerSeen, greet_again: bool = False) -> None:
        """Use a worker no longer; ``greet_again``: another process has its address now."""
        self.members.pop(member.process, None)
        if greet_again:
            self._greeted.discard(member.address)

    def clear(self) -> None:
        """Forget all: the scheduler is another one."""
        self.members.clear()
        self._greeted.clear()
        self._described = {}

    def _report_once(self, text: str) -> None:
        if text not in self._reported:
            self._reported.add(text)
            self._report(text)
