"""Reading and changing the done marks of a workflow from outside a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from simpleflow import stores, values
from simpleflow.exceptions import InputError, StoreError
from simpleflow.steering.place import Place
from simpleflow.step import claims, rules, stale_marks
from simpleflow.step import mark as marks
from simpleflow.step.mark import Mark
from simpleflow.stores import keys

NO_RESULT: Any = object()
"""Default of ``result`` in ``mark``: keep no result. (None is a result.)"""

_CHUNK = 64  # marks that are read between two checks of the clock


def where(place: Place) -> str:
    """Return the place as text, such as ``nightly/steps in /x/.simpleflow``. Raises InputError (bucket)."""
    url = stores.label(place.bucket)
    return f"{place.path} in {url}" if place.path else url


def names(place: Place) -> list[str]:
    """Return the names of the done steps, sorted. Raises StoreError."""
    store = stores.open_store(place.bucket)
    found = [name for name in store.names(place.path) if not claims.is_claim(name)]
    void = stale_marks.void_marks(store, place.path, found)
    return [name for name in found if name not in void]


def done(place: Place, patterns: Sequence[str] = (rules.EVERYTHING,)) -> list[Mark]:
    """Return the marks of the done steps that the patterns cover, sorted by name. Raises InputError, StoreError."""
    known = rules.Names(names(place))
    wanted = _covered(known, rules.check_names(patterns, "steps"))
    found = stores.open_store(place.bucket).read(place.path, wanted)
    return [marks.read(name, *found[name]) for name in wanted if name in found]


def covered(place: Place, patterns: Iterable[str]) -> list[str]:
    """Return the names of the done steps that the patterns cover, sorted.

    Raises InputError for a pattern other than ``*`` that covers none; StoreError.
    """
    patterns = rules.check_names(patterns, "steps")
    known = rules.Names(names(place))
    for line in _absent(known, patterns):
        raise InputError(line)
    return _covered(known, patterns)


def absent(place: Place, patterns: Iterable[str]) -> list[str]:
    """Return one line for each pattern other than ``*`` that covers no done step. Raises InputError, StoreError."""
    return list(_absent(rules.Names(names(place)), rules.check_names(patterns, "steps")))


def forget(place: Place, patterns: Iterable[str]) -> list[str]:
    """Remove the marks of the done steps that the patterns cover. Returns the names of these steps, sorted.

    Raises InputError, before it removes anything, for a pattern other than ``*`` that covers none; StoreError.
    """
    return remove(place, covered(place, patterns))


def remove(place: Place, names: Iterable[str]) -> list[str]:
    """Remove the marks of exactly these steps; returns the names of those that were there and are gone, sorted.

    A mark that does not exist is not an error. Raises StoreError, which names the marks that were removed before it.
    """
    store = stores.open_store(place.bucket)
    wanted = set(names)
    there = wanted.intersection(store.names(place.path))
    try:
        store.delete(place.path, sorted(there))
    except StoreError as error:
        try:
            gone = sorted(there.difference(store.names(place.path)))
        except StoreError:
            raise error from None
        if gone:
            raise StoreError(f"{error}; removed before that: {', '.join(gone)}") from error
        raise
    return sorted(there.difference(store.names(place.path)))


def mark(
    place: Place,
    names: Iterable[str],
    *,
    fingerprints: Mapping[str, str] = {},
    result: Any = NO_RESULT,
    clock: Callable[[], float] = time.time,
) -> list[str]:
    """Mark steps as done by hand. Returns the names of those that were not done before, in the order given.

    Args:
        names: exact names of steps.
        fingerprints: the fingerprint of a step's inputs, as ``step.mark.fingerprint`` computes it, by step name. A run
            executes a step that has a fingerprint if its mark has none.
        result: the result to keep in each mark; a run that skips the step returns it.
        clock: gives the time of the marks, in epoch seconds.

    Raises InputError, before it marks anything, for a bad name or result; StoreError.
    """
    wanted = list(dict.fromkeys(rules.check_names(names, "steps")))
    kept: dict[str, Any] = {}
    for name in wanted:
        if name == rules.EVERYTHING:
            raise InputError("'*' is no step that can be marked as done; expected the exact name of each")
        rules.check_key(place.path, name, keys.object_key(place.path, name))
        if result is not NO_RESULT:
            kept = marks.keep(result, name)
            if "not_kept" in kept:
                raise InputError(kept["not_kept"])
    store = stores.open_store(place.bucket)
    known = frozenset(store.names(place.path))
    wanted = [name for name in wanted if name not in known]
    with stores.kept_open(place.bucket):
        for name in wanted:
            inputs = {"fingerprint": fingerprints[name]} if name in fingerprints else {}
            by_hand = {"workflow_id": place.workflow_id, "time": round(clock(), 3), "by_hand": True}
            store.put(place.path, name, values.encode(by_hand | _user() | inputs | kept, "done mark").encode())
    return wanted


def others_under_way(place: Place) -> list[str]:
    """Return a text for each run of another workflow id that is running steps whose marks belong here.

    Only steps that are claimed are known to be running. Raises StoreError.
    """
    found = claims.holders(stores.open_store(place.bucket), place.path).values()
    return sorted({holder.text for holder in found if holder.workflow_id != place.workflow_id})


def read_marks(bucket: str, path: str, names: Sequence[str], budget: float) -> dict[str, Mark]:
    """Return the marks of these steps by name.

    Reads for about ``budget`` seconds at most. Marks that cannot be read are left out.
    """
    end = time.monotonic() + budget
    found: dict[str, Mark] = {}
    try:
        store = stores.open_store(bucket)
        for at in range(0, len(names), _CHUNK):
            if time.monotonic() >= end:
                break
            for name, stored in store.read(path, names[at : at + _CHUNK]).items():
                found[name] = marks.read(name, *stored)
    except (StoreError, InputError):
        pass  # what they say is an addition to an answer that must not fail
    return found


def stamp(bucket: str, path: str) -> str:
    """Return a text that is another one once marks were written or removed there. Raises InputError, StoreError.

    On this machine it tells every change. Elsewhere reading each mark would cost a request: there it tells which steps
    are done, but not that the mark of one was written again.
    """
    store = stores.open_store(bucket)
    if stores.is_local(bucket):
        found = list(store.contents(path).items())
    else:
        found = [(name, b"") for name in store.names(path)]
    texts = [part for name, body in found if not claims.is_claim(name) for part in (name.encode(), body)]
    import hashlib  # slow to load

    return hashlib.md5(b"\0".join(texts), usedforsecurity=False).hexdigest()


def _absent(known: rules.Names, patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        if pattern != rules.EVERYTHING and not known.covered_by(pattern):
            yield f"no done step is called {pattern!r} or lies below it{_similar(pattern, known)}"


def _covered(known: rules.Names, patterns: Iterable[str]) -> list[str]:
    return sorted({name for pattern in patterns for name in known.covered_by(pattern)})


def _similar(pattern: str, known: rules.Names) -> str:
    import difflib  # here: the end of a run loads this module, and difflib would take longer than the rest

    every = known.covered_by(rules.EVERYTHING)
    patterns = dict.fromkeys(each for name in every for each in rules.patterns_covering(name))
    close = difflib.get_close_matches(pattern, patterns, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _user() -> dict[str, str]:
    import getpass

    try:
        return {"user": getpass.getuser()}
    except (KeyError, OSError, ImportError):  # the user has no name
        return {}
