"""Containers: the promises of groups, chains and FuncGroups, which submit members and follow them to their ends.

A container submits each member through ``Workflow.submit`` and in a separate scope (``scopes.Scope``), so that the task
id of a member does not depend on the order in which results arrive. Whenever a member ends, the container goes on.

``_advancing`` guards against re-entry. A member whose end is in the history is final at once, and calls back while its
container is still submitting.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow.base import Executor, Submittable
from simpleflow.exceptions import AggregateException
from simpleflow.futures import CANCELLED, FINISHED, RUNNING, Future, Promise, promise_of
from simpleflow.scopes import Container


class ContainerPromise(Container):
    """The promise of a container. It submits members in their scopes; the run does not complete before it is final."""

    __slots__ = ("_advancing", "_executor", "_scope")

    def __init__(self, executor: Executor, label: str, future: Future | None) -> None:
        super().__init__(executor, future)
        self._executor = executor
        self._advancing = False
        here = executor.scope
        self._scope = here.child(f"{label}{here.count(label)}", positional=True)
        executor.track(self)
        owner = here.scope_owner
        if owner is not None:
            owner.add_container(self)
            if here.beside is not None:
                here.beside.append(self)
        self.state = RUNNING

    def _settle_as_members(self, members: Sequence[Promise], bubbles: bool | None) -> None:
        """End with the results and exceptions of the members, which are all final."""
        self._lose_with(members)
        exceptions = [member.exception for member in members]
        failed = bubbles is not False and any(each is not None for each in exceptions)
        cancelled = any(member.state == CANCELLED for member in members)
        self.settle(
            CANCELLED if cancelled else FINISHED,
            [member.result for member in members],
            AggregateException(exceptions) if failed else None,
        )

    def _lose_with(self, members: Iterable[Promise]) -> None:
        """If one of the members has failed the run, which goes on, code that waits for this does not go on either."""
        lost = self._executor.lost
        if lost and not lost.isdisjoint(members):
            lost.add(self)

    def _cancel_with(self, members: Iterable[Promise]) -> bool:
        """Cancel the members and this promise."""
        if not self.done:
            self._advancing = True  # so that the ends of the members submit no further member
            for member in members:
                member.cancel()
        return super().cancel()

    def _members_so_far(self) -> Iterable[Promise]:
        """The promises of the members that were submitted so far."""
        raise NotImplementedError

    def read_failure(self) -> None:
        super().read_failure()
        for member in self._members_so_far():
            member.read_failure()

    def argument(self, strict: bool = True) -> Any:
        if self.result is None:  # cancelled
            return None
        found = [member.argument(strict) for member in self._members_so_far()]
        return self.result if all(map(operator.is_, found, self.result)) else found

    def _submit_member(self, member: Submittable, slot: int) -> Future:
        try:
            with self._executor.within(self._scope.child(str(slot), positional=True)):
                future: Future = self._executor.workflow.submit(member)
        except Exception:
            self.cancel()  # the code that submits it may go on, and nothing must wait for the rest
            raise
        return future


class GroupPromise(ContainerPromise):
    """The promise of a group: final once every member is."""

    __slots__ = ("_bubbles", "_limit", "_members", "_open", "futures", "promises")

    def __init__(
        self,
        members: Sequence[Submittable],
        max_parallel: int | None,
        bubbles: bool | None,
        executor: Executor,
        future: Future | None = None,
    ) -> None:
        super().__init__(executor, "g", future)
        self._members = members  # in the order in which they are submitted
        self._bubbles = bubbles
        self._limit = max_parallel
        self.futures: list[Future] = []  # of the members submitted so far
        self.promises: list[Promise] = []  # the same
        self._open = 0  # members that are submitted and have not ended
        self._advance()

    def _advance(self) -> None:
        if self._advancing or self.done:
            return
        self._advancing = True
        while len(self.promises) < len(self._members) and (self._limit is None or self._open < self._limit):
            slot = len(self.promises)
            future = self._submit_member(self._members[slot], slot)
            member = promise_of(future)
            self.futures.append(future)
            self.promises.append(member)
            if not member.done:
                self._open += 1
                member.when_done(self._member_done)
        self._advancing = False
        if not self._open and not self.done:
            self._settle_as_members(self.promises, self._bubbles)

    def _member_done(self, _: Promise) -> None:
        self._open -= 1
        if len(self.promises) < len(self._members) or not self._open:
            self._advance()

    def _members_so_far(self) -> Iterable[Promise]:
        return self.promises

    def cancel(self) -> bool:
        """Cancel the members that are open. The others are never submitted."""
        return self._cancel_with(self.promises)


class ChainPromise(ContainerPromise):
    """The promise of a chain: it submits a member once the one before it has ended."""

    __slots__ = ("_breaks", "_bubbles", "_members", "_sends", "futures", "promises")

    def __init__(
        self,
        members: Sequence[Submittable],
        send_result: bool,
        break_on_failure: bool,
        bubbles: bool | None,
        executor: Executor,
        future: Future | None = None,
    ) -> None:
        super().__init__(executor, "c", future)
        self._members = members
        self._sends = send_result
        self._breaks = break_on_failure
        self._bubbles = bubbles
        self.futures: list[Future] = []  # of the members submitted so far
        self.promises: list[Promise] = []  # the same
        self._advance()

    def _advance(self, _: Promise | None = None) -> None:
        if self._advancing or self.done:
            return
        self._advancing = True
        broken = False
        while True:
            if self.promises:
                last = self.promises[-1]
                if not last.done:
                    last.when_done(self._advance)
                    self._advancing = False
                    return
                broken = self._breaks and (last.failure is not None or last in self._executor.lost)
            slot = len(self.promises)
            if broken or slot == len(self._members):
                break
            member = self._members[slot]
            if self._sends and self.promises:
                member = member.receive(self.promises[-1].argument())
            future = self._submit_member(member, slot)
            self.futures.append(future)
            self.promises.append(promise_of(future))
        self._settle_as_members(self.promises, self._bubbles)

    def _members_so_far(self) -> Iterable[Promise]:
        return self.promises

    def cancel(self) -> bool:
        """Cancel the member that is open. The others are never submitted."""
        return self._cancel_with(self.promises)


class FuncPromise(ContainerPromise):
    """The promise of a FuncGroup: it calls the function, then follows the submittable that the function returned.

    The function may submit more. Inside a step, what it submits *beside* is noted in its scope: the step has not ended
    before it, and fails if it failed and nobody has asked whether it did.
    """

    __slots__ = ("_future_of_inner", "_inner", "_make")

    def __init__(
        self, make: Callable[[], Submittable | None], executor: Executor, future: Future | None = None
    ) -> None:
        super().__init__(executor, "f", future)
        self._make = make
        self._inner: Promise | None = None  # of the returned submittable
        if self._scope.scope_owner is not None:
            self._scope.beside = []
        executor.spawn(self._call, self._scope)

    def _call(self) -> None:
        made = self._make()
        if self.done:  # cancelled while the function waited
            return
        if made is None:
            self.finish(None)
        else:
            self._future_of_inner = self._executor.workflow.submit(made)
            self._inner = promise_of(self._future_of_inner)
            self._inner.when_done(self._inner_done)

    def beside(self) -> Sequence[Promise]:
        found = []
        for each in self._scope.beside or ():
            promises = (each,) if isinstance(each, Promise) else each.promises
            if self._inner not in promises and not any(promise.failure_read for promise in promises):
                found.append(promises[0])
        return found

    def _members_so_far(self) -> Iterable[Promise]:
        return [] if self._inner is None else [self._inner]

    def argument(self, strict: bool = True) -> Any:
        return self.result if self._inner is None or self.result is None else self._inner.argument(strict)

    def cancel(self) -> bool:
        """Cancel the submittable that the function returned. If it has not returned yet, nothing is submitted."""
        return self._cancel_with([] if self._inner is None else [self._inner])

    def _inner_done(self, inner: Promise) -> None:
        if not self.done and not self._advancing:
            self._lose_with((inner,))
            self.settle_as(inner)
