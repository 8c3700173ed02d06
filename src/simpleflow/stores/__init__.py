"""Stores of done marks. They implement the protocol ``Store``; ``open_store`` returns the one for a bucket string."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from simpleflow import settings
from simpleflow.exceptions import InputError
from simpleflow.stores.base import Store
from simpleflow.stores.location import Location, folder_url, parse

__all__ = ["Location", "Store", "open_store"]

# The keys hold the process id: a forked child must not use its parent's connections. Two threads may build the same
# store at once; setdefault keeps one of the two. A lock would not do: a fork could copy it while it is held.
_stores: dict[tuple[int, Location], Store] = {}
_resolved: dict[str, str] = {}  # relative folders, each with the absolute one that it means in this run
_named: dict[tuple[int, str], Store] = {}  # by bucket string; only those that do not depend on folder, HOME or host

_replacement: Callable[[str], Store] | None = None  # see ``replaced``

_ABSOLUTE = ("/", "file:///", "state:///", "memory://")
_LOCAL = (*_ABSOLUTE, "./", "../", "~")


def open_store(bucket: str) -> Store:
    """Return the store for a bucket string: one object for each location and process.

    This does not read or create anything. ``simpleflow.stores.location`` lists the forms of bucket strings. Raises
    InputError for a text that has none of these forms.
    """
    if _replacement is not None:
        _location(bucket)
        return _replacement(bucket)
    process = os.getpid()
    found = _named.get((process, bucket)) if isinstance(bucket, str) else None
    if found is not None:
        return found
    location = _absolute(_location(bucket))
    found = _stores.get((process, location)) or _stores.setdefault((process, location), _build(location))
    if bucket.startswith(_ABSOLUTE):
        _named[process, bucket] = found
    return found


@contextmanager
def replaced(find: Callable[[str], Store]) -> Iterator[None]:
    """Have every bucket string lead to the store that ``find`` returns for it: for tests, which write to no real store.

    For the threads of this process, until the end of the block.
    """
    global _replacement
    before, _replacement = _replacement, find
    try:
        yield
    finally:
        _replacement = before


def configured_bucket() -> str | None:
    """Return the bucket string that the settings name; None if neither of the two is set.

    It is ``{SIMPLEFLOW_S3_HOST}/{STEP_BUCKET}``, or STEP_BUCKET alone if that has a scheme, such as ``gs://``, or is
    a folder, such as ``/marks``.
    """
    if not settings.is_set("STEP_BUCKET") and not settings.is_set("SIMPLEFLOW_S3_HOST"):
        return None
    return default_bucket()


def default_bucket() -> str:
    """Return the bucket string that the settings name, or their defaults."""
    bucket = settings.STEP_BUCKET
    is_whole = "://" in bucket or bucket.startswith(("/", "./", "../", "~"))
    return bucket if is_whole else f"{settings.SIMPLEFLOW_S3_HOST}/{bucket}"


def absolute(bucket: str) -> str:
    """Return a bucket string that means the same in every working folder, for the rest of a run.

    A relative folder is made absolute when this is called first, see ``forget_relative``. Raises InputError.
    """
    if not isinstance(bucket, str) or not bucket.startswith(("./", "../", "~")):
        return bucket
    found = _resolved.get(bucket)
    if found is None:
        found = _resolved[bucket] = folder_url(_absolute(_location(bucket)).name)
    return found


def forget_relative() -> None:
    """A run begins: relative folders are below the working folder as it is now."""
    _resolved.clear()


def label(bucket: str) -> str:
    """Return ``bucket`` as messages name it: the path of a folder or of a state folder, else a bucket string."""
    location = _location(bucket)
    return location.name if location.kind == "state" else open_store(bucket).url


def kept_open(bucket: str) -> AbstractContextManager[None]:
    """Keep the store of a bucket string open for many calls inside the ``with`` block. Raises InputError."""
    keep = getattr(open_store(bucket), "kept_open", None)
    return nullcontext() if keep is None else keep()


def is_local(bucket: str) -> bool:
    """Return True if ``bucket`` names a store on this machine, in a folder or in memory. Raises InputError."""
    return _location(bucket).kind in ("directory", "state", "memory")


def is_folder(bucket: str) -> bool:
    """Return True if ``bucket`` names a folder, or the database of a state folder. Raises InputError."""
    return _location(bucket).kind in ("directory", "state")


def existing_objects(bucket: str, keys: Sequence[str]) -> set[str]:
    """Return those of the keys that the bucket of S3 holds objects of. Raises InputError, StoreError."""
    from simpleflow.stores.s3 import S3Store

    store = open_store(bucket)
    if not isinstance(store, S3Store):
        raise InputError(f"the bucket {bucket!r} cannot be used: expected a bucket of S3")
    return store.existing_objects(keys)


def _location(bucket: str) -> Location:
    if isinstance(bucket, str) and bucket.startswith(_LOCAL):
        return parse(bucket)  # it does not depend on the host
    return parse(bucket, settings.SIMPLEFLOW_S3_HOST)


def _absolute(location: Location) -> Location:
    """Return ``location`` with an absolute path, so that its meaning does not depend on the working folder or HOME."""
    if location.kind != "directory":
        return location
    path = os.path.expanduser(location.name)
    if path.startswith("~"):
        raise InputError(f"the folder {location.name!r} cannot be used: there is no such user; write its path")
    return location._replace(name=os.path.abspath(path))


def _build(location: Location) -> Store:
    # Each kind is imported when it is used, so that a program loads only the one that it needs.
    if location.kind == "s3":
        from simpleflow.stores.s3 import S3Store

        return S3Store(location)
    if location.kind == "memory":
        from simpleflow.stores.memory import MemoryStore

        return MemoryStore(location.name)
    if location.kind == "state":
        from simpleflow.stores.state import StateStore

        return StateStore(location.name)
    if location.kind in ("gs", "az"):
        from simpleflow.stores.cloud import CloudStore

        return CloudStore(location)
    if location.kind == "other":
        from simpleflow.stores import others

        return others.build(location.name)
    from simpleflow.stores.directory import DirectoryStore

    return DirectoryStore(location.name)
