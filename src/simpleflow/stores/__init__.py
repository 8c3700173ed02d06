"""Stores of done marks behind the port ``Store``; ``open_store`` gives the one that a bucket string names."""

from __future__ import annotations

import os

from simpleflow import settings
from simpleflow.exceptions import InputError
from simpleflow.stores.base import Store
from simpleflow.stores.location import Location, parse

__all__ = ["Location", "Store", "open_store"]

# By process as well: a child that was forked must not use its parent's connections. Two threads may build
# the same store at once; setdefault keeps one, without a lock that a fork could copy while it is held.
_stores: dict[tuple[int, Location], Store] = {}
_named: dict[tuple[int, str], Store] = {}  # by bucket strings that mean the same everywhere

_ABSOLUTE = ("/", "file:///", "memory://")
_LOCAL = (*_ABSOLUTE, "./", "../", "~")


def open_store(bucket: str) -> Store:
    """The store that ``bucket`` names: one object per place and process, nothing is read or made yet.

    See ``simpleflow.stores.location`` for the forms. Raises InputError for a text that is none of them.
    """
    process = os.getpid()
    found = _named.get((process, bucket)) if isinstance(bucket, str) else None
    if found is not None:
        return found
    location = _absolute(_location(bucket))
    found = _stores.get((process, location)) or _stores.setdefault((process, location), _build(location))
    if bucket.startswith(_ABSOLUTE):
        _named[process, bucket] = found
    return found


def is_local(bucket: str) -> bool:
    """Whether ``bucket`` names a store on this machine, in a folder or in memory. Raises InputError."""
    return _location(bucket).kind != "s3"


def is_folder(bucket: str) -> bool:
    """Whether ``bucket`` names a folder. Raises InputError."""
    return _location(bucket).kind == "directory"


def _location(bucket: str) -> Location:
    if isinstance(bucket, str) and bucket.startswith(_LOCAL):
        return parse(bucket)  # whatever the host is
    return parse(bucket, settings.SIMPLEFLOW_S3_HOST)


def _absolute(location: Location) -> Location:
    """``location`` such that another working folder or HOME does not change what it means."""
    if location.kind != "directory":
        return location
    path = os.path.expanduser(location.name)
    if path.startswith("~"):
        raise InputError(f"the folder {location.name!r} cannot be used: there is no such user; write its path")
    return location._replace(name=os.path.abspath(path))


def _build(location: Location) -> Store:
    # Each kind is loaded when it is used, so that a program pays for one only.
    if location.kind == "s3":
        from simpleflow.stores.s3 import S3Store

        return S3Store(location)
    if location.kind == "memory":
        from simpleflow.stores.memory import MemoryStore

        return MemoryStore(location.name)
    from simpleflow.stores.directory import DirectoryStore

    return DirectoryStore(location.name)
