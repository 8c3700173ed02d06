"""The rules of steps, as functions: which names are valid, what a name covers, and whether a step runs and why."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import with_article
from simpleflow.step.constants import ALREADY_PLAYED, NOT_AMONG_ONLY

EVERYTHING = "*"
MAX_KEY_BYTES = 1_024  # of an S3 key in UTF-8
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


class Verdict(NamedTuple):
    """The verdict on a step: does it run or is it skipped, is that forced, and why. ``reasons`` are sorted."""

    run: bool
    forced: bool
    reasons: tuple[str, ...] = ()


_NONE: Mapping[str, Collection[str]] = {}
DONE = Verdict(False, False, (ALREADY_PLAYED,))
"""The verdict on a step that is skipped for no other reason than that it is done."""

LEFT_OUT = Verdict(False, True, (NOT_AMONG_ONLY,))
"""The verdict on a step that is not among the only ones that are to run."""

_NOT_DONE = Verdict(True, False)


def verdict(
    name: str,
    *,
    force: bool = False,
    forced: Mapping[str, Collection[str]] = _NONE,
    skipped: Mapping[str, Collection[str]] = _NONE,
    done: bool,
    changed: Collection[str] = (),
    stale: Collection[str] = (),
    left_out: bool = False,
    only: Collection[str] = (),
) -> Verdict:
    """The verdict on one step. The first line that applies decides.

    1. Only some steps are to run, and it is none of them (``left_out``): it is skipped, forced.
    2. ``force=True``, or a forced pattern covers the name: it runs, forced.
    3. A skipped pattern covers the name: it is skipped, forced.
    4. It is one of the only steps that are to run (``only``, the reasons): it runs, forced.
    5. It is done, but with other inputs (``changed``, the reasons): it runs.
    6. It is done, but with old data (``stale``, the reasons): it runs.
    7. It is done: it is skipped.
    8. Otherwise it runs.

    ``forced`` and ``skipped`` give the reasons of each pattern.
    """
    if left_out:
        return LEFT_OUT
    forcing = [pattern for pattern in patterns_covering(name) if pattern in forced] if forced else []
    if force or forcing:
        return Verdict(True, True, _reasons(forced, forcing))
    skipping = [pattern for pattern in patterns_covering(name) if pattern in skipped] if skipped else []
    if skipping:
        return Verdict(False, True, _reasons(skipped, skipping))
    if only:
        return Verdict(True, True, tuple(sorted(only)))
    if done:
        reasons = {*stale, *changed} if stale or changed else None
        return Verdict(True, False, tuple(sorted(reasons))) if reasons else DONE
    return _NOT_DONE


def covers(pattern: str, name: str) -> bool:
    """``*`` covers every name; ``a`` covers ``a``, ``a.b`` and ``a.b.c``, not ``ab``."""
    return pattern in (EVERYTHING, name) or name.startswith(pattern + ".")


def patterns_covering(name: str) -> Iterator[str]:
    """Every pattern that covers ``name``: ``*``, the name, and each of its parents."""
    yield EVERYTHING
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)
    if name != EVERYTHING:
        yield name


def check_name(name: object, what: str = "step name") -> str:
    """Return ``name`` if it is a valid name of a step; raise InputError, with the reason, if it is not.

    A name is one or more parts joined by dots; no part is empty or holds a control character.
    """
    if isinstance(name, str) and name.isprintable() and ".." not in f".{name}.":  # nearly always
        return name
    if not isinstance(name, str):
        raise InputError(
            f"{what} {name!r} is {with_article(type(name).__name__)}; expected text such as 'load' or 'load.users'"
        )
    if not name:
        raise InputError(f"{what} is empty; expected text such as 'load' or 'load.users'")
    if "" in name.split("."):
        raise InputError(f"{what} {name!r} has an empty part; expected non-empty parts joined by single dots")
    if re.search(_CONTROL, name):
        raise InputError(f"{what} {name!r} holds a control character; expected plain text")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} {name!r} holds half a character (a lone surrogate); expected plain text") from None
    return name


def check_key(prefix: str, name: str, key: str | None = None) -> None:
    """Raise InputError if the key of the mark's object is too long. ``key``: the key, if it is not ``prefix/name``."""
    if key is None:
        key = f"{prefix}/{name}"
    if 4 * len(key) <= MAX_KEY_BYTES:  # a character has 4 bytes at most
        return
    size = len(key.encode())
    if size > MAX_KEY_BYTES:
        raise InputError(
            f"step name {name[:40] + '...'!r} is too long: with the prefix {prefix!r} its key has {size} bytes; "
            f"expected {MAX_KEY_BYTES} at most"
        )


def check_names(names: object, what: str) -> list[str]:
    """The names, or the single name, as a list; names from a set are sorted. ``*`` is allowed.

    Raises InputError, naming ``what``.
    """
    if isinstance(names, str):
        names = [names]
    if isinstance(names, bytes | Mapping) or not isinstance(names, Iterable):
        raise InputError(f"{what} is {names!r}; expected a name or a list of names")
    found = [check_name(name, f"{what}: step name") for name in names]
    # The order of a set differs from process to process, and the names are recorded in markers.
    return sorted(found) if isinstance(names, Set) else found


def _reasons(patterns: Mapping[str, Collection[str]], matching: Iterable[str]) -> tuple[str, ...]:
    if not patterns:
        return ()
    return tuple(sorted({reason for pattern in matching for reason in patterns[pattern]}))


_FEW = 16
"""New names up to this number are put into the sorted ones one by one."""


class Names:
    """A set of names that finds the names below a pattern without reading all of them.

    Names are sorted when those below a pattern are first asked for: most workflows never do that.

    Args:
        names: the first ones.
        members: a dictionary of the same names, which its owner keeps: they need not be kept twice. Call ``add`` before
            a name is put there, and ``discard`` before it is removed.
    """

    def __init__(self, names: Iterable[str] = (), members: Collection[str] | None = None) -> None:
        self._own: set[str] = set(names)
        self._members: Collection[str] = self._own if members is None else members
        self._sorted: list[str] | None = None  # once they are first asked for
        self._new: list[str] = []  # those that are not among the sorted ones, once there are any

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def add(self, name: str) -> None:
        """Add a name."""
        if name not in self._members:
            if self._sorted is not None:
                self._new.append(name)
            if self._members is self._own:
                self._own.add(name)

    def update(self, names: Iterable[str]) -> None:
        """Add names."""
        if self._sorted is None and self._members is self._own:
            self._own.update(names)
            return
        for name in names:
            self.add(name)

    def discard(self, name: str) -> None:
        """Remove a name, if it is there."""
        if name in self._members:
            if self._sorted is not None:
                names = self._sort()
                del names[bisect_left(names, name)]
            self._own.discard(name)

    def _sort(self) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self._members)
        elif len(self._new) > _FEW:
            self._sorted = sorted([*self._sorted, *self._new])
        else:
            for name in self._new:
                insort(self._sorted, name)
        self._new = []
        return self._sorted

    def covered_by(self, pattern: str) -> list[str]:
        """The names that ``pattern`` covers, sorted."""
        names = self._sort()
        if pattern == EVERYTHING:
            return list(names)
        found = [pattern] if pattern in self._members else []
        start = bisect_left(names, pattern + ".")
        end = bisect_left(names, pattern + "/")  # "/" comes right after "."
        return found + names[start:end]
