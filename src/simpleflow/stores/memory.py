"""Done marks in the memory of this process: for tests, and for ``memory://name``."""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.stores.base import as_names, clean, join


class MemoryStore:
    """A store that lives as long as this object; another process does not see it."""

    def __init__(self, name: str = "memory") -> None:
        self.url = f"memory://{name}"
        self._bodies: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"MemoryStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """The sorted names below ``prefix``."""
        start = join(prefix, "") if clean(prefix) else ""
        # list() copies in one step, so that another thread may put meanwhile.
        return sorted(key[len(start) :] for key in list(self._bodies) if key.startswith(start))

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        self._bodies[join(prefix, name)] = bytes(body)

    def get(self, prefix: str, name: str) -> bytes | None:
        """What the mark holds, or None."""
        return self._bodies.get(join(prefix, name))

    def delete(self, prefix: str, names: Iterable[str]) -> None:
        """Remove the marks that exist."""
        for name in as_names(names):
            self._bodies.pop(join(prefix, name), None)
