"""Groups and chains: several submittables as one. ``containers`` submits their members."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow.base import Call, Executor, Submittable, SubmittableContainer
from simpleflow.checks import check_flag
from simpleflow.constants import existing_names
from simpleflow.containers import ChainPromise, GroupPromise
from simpleflow.exceptions import InputError
from simpleflow.func_group import FuncFuture as FuncFuture  # public here
from simpleflow.func_group import FuncGroup as FuncGroup
from simpleflow.futures import Future
from simpleflow.submittables import as_submittable, call_of, scoped
from simpleflow.task import WorkflowTask


def holds_others(submittable: Submittable) -> bool:
    """True if what this submits may be more than activities and the like: a step, a child, or what a function makes."""
    if isinstance(submittable, Group):
        return any(map(holds_others, submittable.activities))
    return isinstance(submittable, SubmittableContainer | WorkflowTask)


def combined_time_limit(members: Iterable[Submittable], one_by_one: bool) -> float | None:
    """Return the time limit in seconds of members that run one by one, or all at once; None if one has no limit."""
    limits = [0.0]
    for member in members:
        limit = member.time_limit()
        if limit is None:
            return None
        limits.append(limit)
    return sum(limits) if one_by_one else max(limits)


class GroupFuture(Future):
    """The future of a group: done once every member is."""

    __slots__ = ()

    def __init__(self, group: Group, executor: Executor) -> None:
        super().__init__(
            promise=GroupPromise(
                group.activities, group.max_parallel, group.bubbles_exception_on_failure, executor, self
            )
        )

    @property
    def futures(self) -> list[Future]:
        """The futures of the members that were submitted so far, in order."""
        promise = self._promise
        assert isinstance(promise, GroupPromise)
        return list(promise.futures)


class ChainFuture(Future):
    """The future of a chain: done once its last member is, or the member whose failure stopped it."""

    __slots__ = ()

    def __init__(self, chain: Chain, executor: Executor) -> None:
        super().__init__(
            promise=ChainPromise(
                chain.activities,
                chain.send_result,
                chain.break_on_failure,
                chain.bubbles_exception_on_failure,
                executor,
                self,
            )
        )

    @property
    def futures(self) -> list[Future]:
        """The futures of the members that were submitted so far, in order."""
        promise = self._promise
        assert isinstance(promise, ChainPromise)
        return list(promise.futures)


class Group(SubmittableContainer):
    """Members that run in parallel.

    The result is the list of the members' results, in the order of the members; None for a member that failed.

    Args:
        members: everything that ``Workflow.submit`` accepts, and tuples ``(activity or workflow class, arguments...)``.
        max_parallel: number of members that may run at the same time, 1 or more; None for all.
        raises_on_failure: True or False: sets this attribute on every member, within this group only. None: the members
            keep their own.
        bubbles_exception_on_failure: True: if members fail, the exception of the group is an AggregateException, with
            one entry for each member. False: the group has no exception.
        future_class: class of the future; called with (group, executor).

    Raises InputError for other values of ``max_parallel``, NotSubmittable for other members.
    """

    def __init__(
        self,
        *members: Any,
        max_parallel: int | None = None,
        raises_on_failure: bool | None = None,
        bubbles_exception_on_failure: bool = True,
        future_class: Callable[[Any, Executor], Future] = GroupFuture,
    ) -> None:
        if max_parallel is not None and (
            isinstance(max_parallel, bool) or not isinstance(max_parallel, int) or max_parallel < 1
        ):
            raise InputError(f"max_parallel of a group is {max_parallel!r}; expected 1 or more, or None for no limit")
        kind = type(self).__name__.lower()
        check_flag(raises_on_failure, f"raises_on_failure of a {kind}")
        check_flag(bubbles_exception_on_failure, f"bubbles_exception_on_failure of a {kind}")
        if not callable(future_class):
            raise InputError(f"future_class of a {kind} is {future_class!r}; expected a class of futures")
        self.activities: list[Submittable] = []
        self.max_parallel = max_parallel
        self.raises_on_failure = raises_on_failure
        self.bubbles_exception_on_failure: bool | None = bubbles_exception_on_failure
        self.future_class = future_class
        self.extend(members)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.activities))})"

    def append(self, submittable: Any, /, *args: Any, **kwargs: Any) -> None:
        """Add a member. Only activities and workflow classes can have arguments. Raises InputError, NotSubmittable."""
        label = f"member {len(self.activities)} of a {type(self).__name__.lower()}"
        if args or kwargs:
            if isinstance(submittable, Submittable | tuple):
                raise InputError(f"{label}: arguments can be given with an activity or a workflow class only")
            member = call_of(submittable, args, kwargs, label)
        else:
            member = as_submittable(submittable, label)
        if isinstance(member, SubmittableContainer) and _holds(member, self):
            raise InputError(
                f"{label} is that {type(self).__name__.lower()} itself or holds it; expected other members"
            )
        if self.raises_on_failure is not None:
            member = scoped(member, "raises_on_failure", self.raises_on_failure)
        self.activities.append(member)

    def extend(self, submittables: Iterable[Any]) -> None:
        """Add members."""
        for submittable in submittables:
            self.append(submittable)

    def __iadd__(self, submittables: Iterable[Any]) -> Group:
        self.extend(submittables)
        return self

    def propagate_attribute(self, attr: str, val: Any) -> None:
        self.activities = [scoped(member, attr, val) for member in self.activities]

    def receive(self, value: Any) -> Group:
        twin = copy.copy(self)
        twin.activities = [member.receive(value) for member in self.activities]
        return twin

    def calls(self) -> Sequence[Call]:
        return [call for member in self.activities for call in member.calls()]

    def time_limit(self) -> float | None:
        return combined_time_limit(self.activities, one_by_one=self.max_parallel is not None)

    def submit(self, executor: Executor) -> Future:
        return self.future_class(self, executor)


class Chain(Group):
    """Members that run one after the other. The result is the list of the results of those that ran.

    Args: as for Group, and:
        send_result: True: pass each result to the next member as its last positional argument.
        break_on_failure: True: stop at the first failure.

    ``raises_on_failure=False`` makes the chain optional: then the chain has no exception, unless
    ``bubbles_exception_on_failure=True``.

    Raises InputError for ``send_result=True`` with ``break_on_failure=False``; else as Group.
    """

    def __init__(
        self,
        *members: Any,
        send_result: bool = False,
        break_on_failure: bool = True,
        max_parallel: int | None = None,
        raises_on_failure: bool | None = None,
        bubbles_exception_on_failure: bool | None = None,
        future_class: Callable[[Any, Executor], Future] = ChainFuture,
    ) -> None:
        check_flag(send_result, "send_result of a chain")
        check_flag(break_on_failure, "break_on_failure of a chain")
        if send_result and not break_on_failure:
            raise InputError(
                "a chain with send_result=True cannot have break_on_failure=False: a failure has no result to send"
            )
        self.send_result = send_result
        self.break_on_failure = break_on_failure
        if bubbles_exception_on_failure is None:
            bubbles_exception_on_failure = raises_on_failure is not False
        super().__init__(
            *members,
            max_parallel=max_parallel,
            raises_on_failure=raises_on_failure,
            bubbles_exception_on_failure=bubbles_exception_on_failure,
            future_class=future_class,
        )

    def receive(self, value: Any) -> Chain:
        twin = copy.copy(self)
        twin.activities = [member.receive(value) for member in self.activities[:1]] + self.activities[1:]
        return twin

    def time_limit(self) -> float | None:
        return combined_time_limit(self.activities, one_by_one=True)


def _holds(container: Submittable, wanted: Submittable) -> bool:
    """True if ``container`` is ``wanted``, or holds it at any depth."""
    seen: set[int] = set()
    left: list[Any] = [container]
    while left:
        each = left.pop()
        if each is wanted:
            return True
        if id(each) not in seen and isinstance(each, SubmittableContainer):
            seen.add(id(each))
            inner = getattr(each, "activities", ())  # of a group, and of a step
            left.extend(inner if isinstance(inner, list | tuple) else [inner])
    return False


__getattr__ = existing_names(__name__)
