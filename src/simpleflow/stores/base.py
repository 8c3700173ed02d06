"""The protocol of the stores of done marks.

A mark is a small object named ``{prefix}/{name}``. That it exists says that the step is done. Prefix and name together
are one key: ``put("a", "b/c", ...)`` and ``put("a/b", "c", ...)`` write the same mark, in every store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from simpleflow.exceptions import StoreError
from simpleflow.named_tuple import NamedTuple

CLAIMS = ".claims"
"""The prefix of claims on steps. A step may have several claims, named ``{step name}.{ticket}``; see ``variants``."""


class Stored(NamedTuple):
    """The content of a mark and the time when it was written."""

    body: bytes
    modified: float  # epoch seconds by the store's clock; whole seconds on S3


class Change(NamedTuple):
    """A mark that is written, or removed if ``body`` is None."""

    prefix: str
    name: str
    body: bytes | None


class Store(Protocol):
    """A store of done marks.

    ``prefix`` is text, of segments joined by slashes; slashes at its end do not count, and ``""`` is the whole store.
    ``name`` is any text. Threads may share a store, and it may be used after a fork.

    Every method raises StoreError. Its message is one line, with the store, the action that failed, the reason and the
    remedy; ``__cause__`` holds the original exception.

    Once ``put``, ``create`` or ``delete`` has returned, every later ``names`` sees its effect. The effects of ``put``
    and ``delete`` are durable then (see ``directory`` for the one second by which a ``put`` in a folder may be late).
    """

    @property
    def url(self) -> str:
        """The name of the store in messages: a bucket string that opens it again. It contains no credentials."""

    def names(self, prefix: str) -> list[str]:
        """Return the names of all marks below ``prefix + "/"``, sorted; ``[]`` if there are none.

        The name of a mark at a deeper level contains slashes. The list leaves out marks of a sibling prefix, such as
        ``steps-old`` of ``steps``, placeholders of folders, foreign files, and marks whose writing was interrupted.
        """

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks that ``names`` lists, by name, sorted: a quick way to read all of them."""

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write the mark, or replace it. A concurrent reader sees the whole mark or none."""

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist, whole or not at all. If several callers compete, exactly one gets True.

        ``body`` should be unique to the caller. On S3 it shows whether an existing mark comes from an earlier try of
        this very call whose answer was lost. The mark need not survive a power cut: claims of running processes use
        this, and a power cut ends these processes anyway.

        Raises StoreError also if an S3 server does not support conditional writes. A server that silently ignores the
        condition cannot be detected.
        """

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark; None if there is no such mark."""

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist, by name, in the order given. A single text is one name.

        The marks are read one by one, so the result is not a snapshot of one moment.
        """

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove these marks. A mark that does not exist is not an error. A single text is one name.

        With ``durable=False`` the marks may be back after a power cut; in a folder this is cheaper. If it raises, some
        of the marks may be gone already; calling it again is safe.
        """


def variants(store: Store, prefix: str, names: Sequence[str]) -> list[str]:
    """Return the names below ``prefix`` that are one of ``names``, a dot, and any text without dots and slashes.

    A store may have a method ``variants(prefix, names)`` that is quicker than a listing of all names.
    Raises StoreError.
    """
    find = getattr(store, "variants", None)
    if find is not None:
        found: list[str] = find(prefix, names)
        return found
    return [each for each in store.names(prefix) if stem_of(each) in names]


def stem_of(name: str) -> str | None:
    """Return what the name is a variant of: the part before its last dot. None if its last segment has no dot."""
    stem, dot, rest = name.rpartition(".")
    return stem if dot and "/" not in rest else None


def clean(prefix: str) -> str:
    """Return ``prefix`` without the slashes at its end."""
    return prefix.rstrip("/")


def join(prefix: str, name: str) -> str:
    """Return the key of a mark: ``prefix/name``, or ``name`` alone if the prefix is ``""``.

    Raises StoreError for text that UTF-8 cannot hold (a lone surrogate), since no store can keep it.
    """
    prefix = clean(prefix)
    key = f"{prefix}/{name}" if prefix else name
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise StoreError.for_good(
            f"the name of mark {shown(key)} is not valid Unicode (position {error.start}); rename the step"
        ) from error
    return key


def shown(text: str) -> str:
    """Return ``text`` quoted for a message, and shortened if it is long."""
    return repr(text) if len(text) <= 100 else f"{text[:60]!r}... ({len(text)} characters)"


def as_names(names: Iterable[str]) -> list[str]:
    """Return ``names`` as a list without repetition. A single text is one name, not its letters."""
    return [names] if isinstance(names, str) else list(dict.fromkeys(names))
