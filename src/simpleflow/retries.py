"""Retries: how often a task that failed is tried again, after which failures, and how long to wait before each try.

Theory of operation. A decider computes the pause before a try again at each evaluation, and must find the same one: it
is the length of a timer in the history. So nothing here draws random numbers. The jitter is a digest of the run, the
task and the number of the try: it differs between tasks and runs, and not between evaluations.

A decider cannot hold the exception that a worker caught, and need not be able to import its class. So a worker records
the names of the class and of all its bases (``class_names``), and ``Retry.matches`` looks for one of them.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from simpleflow import values
from simpleflow.constants import MOST_SECONDS, WORKER_STOPPED
from simpleflow.exceptions import InputError, TimeoutError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import value_text

BASES = "error_bases"
"""Key in the details of a failure: the names of the exception's class and of its bases, the class first."""

MEMBERS = "error_members"
"""Key in the details of a failure by a group of exceptions: for each kind of exception in it, the names as above."""

LONGEST = MOST_SECONDS
"""Seconds of one pause."""

MOST = 1_000_000
"""Retries of one task. More would never come: an execution of Amazon SWF has 25,000 events at most."""

STEEPEST = 1_000
"""The largest factor between two pauses. A larger one is a mistake: the second pause would take days."""

_MOST_MEMBERS = 50  # kinds of exceptions in a group that are recorded

Kinds = type[BaseException] | Iterable[type[BaseException]] | None
"""The classes of ``retry_on``: one, several, or None for all."""


class Retry(NamedTuple):
    """How a task is tried again. See ``activity.with_attributes`` for the meaning of each value."""

    times: int = 0
    delay: float = 0
    backoff: float = 1
    max_delay: float | None = None
    jitter: float = 0
    on: tuple[type[BaseException], ...] | None = None

    def pause(self, number: int, token: str) -> int:
        """Return the whole seconds before the ``number``-th retry (from 1); 0 to try again at once.

        ``token`` names the run and the task. Equal tokens and numbers give equal seconds.
        """
        if not self.delay:
            return 0
        longest = LONGEST if self.max_delay is None else min(self.max_delay, LONGEST)
        try:
            seconds = min(self.delay * float(self.backoff) ** (number - 1), longest)
        except OverflowError:
            seconds = longest
        if self.jitter:
            seconds = min(seconds * (1 + self.jitter * (2 * _share(f"{token} {number}") - 1)), longest)
        return max(1, round(seconds))

    def longest_pauses(self) -> float:
        """Return the seconds that all pauses together may take."""
        if not self.delay:
            return 0
        steady = self._replace(jitter=0, max_delay=LONGEST if self.max_delay is None else self.max_delay)
        numbers = range(1, min(self.times, 100) + 1)
        pauses = [steady.pause(number, "") for number in numbers]
        return (1 + self.jitter) * (sum(pauses) + (self.times - len(pauses)) * max(pauses, default=0))

    def matches(self, failure: BaseException) -> bool:
        """Return True if a task with this failure is tried again, while it has retries left.

        ``failure`` is the exception of the task's future. The exception that the activity raised counts, by the names
        in the failure's details. Without such names the failure itself counts. A group of exceptions counts if its
        own class does, or if each exception in it does, also in groups inside it.
        """
        if self.on is None:
            return True
        if getattr(failure, "reason", None) == WORKER_STOPPED:
            return True  # it is no error of the activity
        if isinstance(failure, TimeoutError) and builtins.TimeoutError in self.on:
            return True
        details = _recorded(getattr(failure, "details", None))
        names = _recorded_names(details)
        if self._names_one_of(class_names(type(failure)) if names is None else names):
            return True
        inside = _recorded_members(details)
        return bool(inside) and all(map(self._names_one_of, inside))

    def _names_one_of(self, names: Collection[str]) -> bool:
        return any(class_name(kind) in names or kind.__name__ in names for kind in self.on or ())


NONE = Retry()


def check(
    label: str,
    retry: Any = 0,
    delay: Any = 0,
    backoff: Any = 1,
    max_delay: Any = None,
    jitter: Any = 0,
    on: Any = None,
) -> Retry:
    """Return the values as a ``Retry``. ``label`` names their owner in error messages.

    Raises InputError for a value that is not allowed, and for one that has no effect.
    """
    given: object = (retry, delay, backoff, max_delay, jitter, on)
    if type(retry) is int and given == NONE:
        return NONE
    if isinstance(retry, bool) or not isinstance(retry, int) or not 0 <= retry <= MOST:
        raise InputError(f"retry of {label} is {value_text(retry)}; expected a number of retries from 0 to {MOST}")
    _check_number(f"retry_delay of {label}", delay, 0, LONGEST, "seconds")
    _check_number(f"retry_backoff of {label}", backoff, 1, STEEPEST, "a factor")
    if max_delay is not None:
        _check_number(f"retry_max_delay of {label}", max_delay, 0, LONGEST, "None or seconds")
        if max_delay < delay:
            raise InputError(
                f"retry_max_delay of {label} is {max_delay!r}; expected no less than retry_delay, {delay!r}"
            )
    _check_number(f"retry_jitter of {label}", jitter, 0, 1, "a share")
    kinds = _check_kinds(f"retry_on of {label}", on)
    found = Retry(retry, delay, backoff, max_delay, jitter, kinds)
    if not retry:
        given = {"retry_delay": delay, "retry_max_delay": max_delay is not None, "retry_on": on is not None}
        given |= {"retry_backoff": backoff != 1, "retry_jitter": jitter}
        name = next(name for name, value in given.items() if value)
        raise InputError(f"{name} of {label} has no effect without retries; add retry=3, say")
    if not delay and (backoff != 1 or max_delay is not None or jitter):
        name = "retry_backoff" if backoff != 1 else "retry_max_delay" if max_delay is not None else "retry_jitter"
        raise InputError(f"{name} of {label} has no effect without a delay; add retry_delay=10, say")
    return found


def class_name(kind: type[BaseException]) -> str:
    """Return the name of a class with that of its module; for a script, ``__main__``, the name it is imported under."""
    module = kind.__module__
    if module == "__main__":
        main = sys.modules.get(module)
        spec = getattr(main, "__spec__", None)
        file = getattr(main, "__file__", None)
        if spec is not None:
            module = spec.name
        elif isinstance(file, str):
            module = os.path.splitext(os.path.basename(file))[0]
    return f"{module}.{kind.__qualname__}"


def class_names(kind: type[BaseException]) -> list[str]:
    """Return the names of a class and of its bases, the class first, without ``object``."""
    return [class_name(each) for each in kind.__mro__ if each is not object]


def recorded_members(error: BaseException) -> list[list[str]] | None:
    """Return what is recorded of the exceptions in a group; None for another exception, or for too many kinds."""
    if not isinstance(error, BaseExceptionGroup):
        return None
    kinds = dict.fromkeys(map(type, members(error)))
    return [class_names(kind) for kind in kinds] if len(kinds) <= _MOST_MEMBERS else None


def members(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield the exceptions in a group, and in the groups in it."""
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from members(each)
        else:
            yield each


def _recorded(details: Any) -> dict[str, Any]:
    """The details of a failure, which are JSON text; empty if they are no object."""
    if not isinstance(details, str):
        return {}
    try:
        found = values.decode(details)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _recorded_names(details: dict[str, Any]) -> Collection[str] | None:
    """The names of the class and its bases in the details of a failure; None if they hold none."""
    if isinstance(bases := details.get(BASES), list):
        return [each for each in bases if isinstance(each, str)]
    # Another library, or an earlier version of this one, recorded the class alone.
    kind = details.get("error_type") or details.get("error")
    if not isinstance(kind, str):
        return None
    known = getattr(builtins, kind.removeprefix("builtins."), None)
    return class_names(known) if isinstance(known, type) and issubclass(known, BaseException) else [kind]


def _recorded_members(details: dict[str, Any]) -> list[list[str]]:
    """The same for each kind of exception in a group; empty if the failure is none, or does not tell."""
    found = details.get(MEMBERS)
    if not isinstance(found, list) or not all(isinstance(each, list) for each in found):
        return []
    return found


def _check_number(label: str, value: Any, least: float, most: float, what: str) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    if not good:
        raise InputError(f"{label} is {value_text(value)}; expected {what} as a number from {least} to {most}")


def _check_kinds(label: str, on: Any) -> tuple[type[BaseException], ...] | None:
    if on is None:
        return None
    kinds = tuple(on) if isinstance(on, Iterable) and not isinstance(on, str | bytes | type) else (on,)
    if not kinds or not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise InputError(f"{label} is {on!r}; expected a class of exceptions, or a tuple of them")
    return kinds


def _share(text: str) -> float:
    """A number from 0 up to 1, spread evenly over different texts."""
    import hashlib  # slow to load, and few tasks need it

    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
