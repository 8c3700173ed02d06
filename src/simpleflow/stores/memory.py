"""Done marks in the memory of this process, for tests: the bucket string ``memory://name``."""

from __future__ import annotations

import time
from collections.abc import Iterable

from simpleflow.stores.base import Stored, as_names, clean, join


class MemoryStore:
    """A store that lives as long as this object. Other processes do not see it."""

    def __init__(self, name: str = "memory") -> None:
        self.url = f"memory://{name}"
        self._marks: dict[str, Stored] = {}

    def __repr__(self) -> str:
        return f"MemoryStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``."""
        start = join(prefix, "") if clean(prefix) else ""
        # list() copies in one step, so another thread may put at the same time.
        return sorted(key[len(start) :] for key in list(self._marks) if key.startswith(start))

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``."""
        found = {name: self.get(prefix, name) for name in self.names(prefix)}
        return {name: body for name, body in found.items() if body is not None}

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        self._marks[join(prefix, name)] = Stored(bytes(body), time.time())

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist."""
        mark = Stored(bytes(body), time.time())
        return self._marks.setdefault(join(prefix, name), mark) is mark

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        mark = self._marks.get(join(prefix, name))
        return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist."""
        found = {name: self._marks.get(join(prefix, name)) for name in as_names(names)}
        return {name: mark for name, mark in found.items() if mark is not None}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks that exist."""
        for name in as_names(names):
            self._marks.pop(join(prefix, name), None)
