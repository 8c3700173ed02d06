"""Stores of other packages: an entry point in the group ``simpleflow.stores``.

Its name is the scheme of bucket strings, its object a function that takes the bucket string and returns a ``Store``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from simpleflow.exceptions import InputError, one_line
from simpleflow.stores.base import Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "simpleflow.stores"
_METHODS = ("names", "contents", "put", "create", "get", "read", "delete")


def is_known(scheme: str) -> bool:
    """Return True if an installed package brings a store for ``scheme://``."""
    return _found(scheme) is not None


def build(url: str) -> Store:
    """Return the store for the bucket string ``url``. Raises InputError if its package cannot make it."""
    scheme = url.partition("://")[0].lower()
    entry = _found(scheme)
    if entry is None:
        raise InputError(f"the bucket {url!r} cannot be used: no installed package brings a store for {scheme}://")
    try:
        make = cast("Callable[[str], Store]", entry.load())
        store = make(url)
        if lacking := [name for name in _METHODS if not callable(getattr(store, name, None))]:
            raise TypeError(f"{type(store).__name__} is no store: it lacks {', '.join(lacking)}")
        return store
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"the bucket {url!r} cannot be used: {entry.value}, which makes stores for {scheme}://, failed with "
            f"{one_line(error)}; correct the bucket, or that package"
        ) from error


def _found(scheme: str) -> EntryPoint | None:
    from importlib.metadata import entry_points  # here: slow to load, and seldom needed

    found = {entry.value: entry for entry in entry_points(group=GROUP, name=scheme)}
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise InputError(f"several installed packages bring a store for {scheme}://: {names}; uninstall all but one")
    return next(iter(found.values()), None)
