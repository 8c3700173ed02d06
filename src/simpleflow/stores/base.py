"""The port of the done marks: small objects named ``{prefix}/{name}``, of which the names matter.

A prefix and a name together are one key: ``put("a", "b/c", ...)`` and ``put("a/b", "c", ...)`` write the
same mark, in every store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from simpleflow.exceptions import StoreError


class Stored(NamedTuple):
    """What a mark holds, and when it was written: seconds since 1970 by the store's clock (S3: whole ones)."""

    body: bytes
    modified: float


class Store(Protocol):
    """Where done marks are kept.

    ``prefix`` is a text of segments joined by slashes; slashes at its end do not count, and ``""`` is the
    whole store. ``name`` is any text. A store may be shared by threads, and used after a fork.

    Every method raises StoreError, with one line that names the store, what was tried, what is wrong and
    what to do; the cause stays in ``__cause__``. What ``put``, ``create`` and ``delete`` did is seen by every
    later ``names`` when they return, and what ``put`` and ``delete`` did is durable then.
    """

    @property
    def url(self) -> str:
        """What messages call the store: a bucket string that opens it again. It holds no secret."""

    def names(self, prefix: str) -> list[str]:
        """The names of all marks below ``prefix + "/"``, sorted, however many; ``[]`` if there are none.

        Names hold slashes when they lie deeper. A sibling such as ``steps-old`` of ``steps``, the
        placeholder of a folder, foreign files, and marks whose writing was cut short are not among them.
        """

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write the mark, or replace it. Whoever lists meanwhile sees it whole or not at all."""

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if there is none, whole or not at all; of several contenders exactly one gets True.

        ``body`` should be unique to the caller: S3 tells by it whether a mark comes from a try of this very
        call whose answer was lost. Not durable across a power cut: it is meant for what a process says of
        itself, which is void then anyway. Raises StoreError also if a server of S3 does not know conditional
        writes; one that ignores the condition without a word cannot be told.
        """

    def get(self, prefix: str, name: str) -> bytes | None:
        """What the mark holds; None if there is no such mark."""

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Those of these marks that are there, by name, in the order given. A single text is one name.

        It is not one moment that is seen: each mark is read at its own.
        """

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove these marks; one that is absent is fine. A single text is one name.

        With ``durable=False`` they may be back after a power cut, which is cheaper in a folder. If it raises,
        some of them may be gone already; calling it again is safe.
        """


def clean(prefix: str) -> str:
    """``prefix`` without the slashes at its end."""
    return prefix.rstrip("/")


def join(prefix: str, name: str) -> str:
    """The key of a mark: ``prefix/name``, or ``name`` alone below the prefix ``""``.

    Raises StoreError for text that UTF-8 cannot hold (a lone surrogate), since no store could keep it.
    """
    prefix = clean(prefix)
    key = f"{prefix}/{name}" if prefix else name
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"the name of mark {shown(key)} is not valid Unicode (position {error.start}); rename the step"
        ) from error
    return key


def shown(text: str) -> str:
    """``text`` quoted for a message, and shortened if it is long."""
    return repr(text) if len(text) <= 100 else f"{text[:60]!r}... ({len(text)} characters)"


def as_names(names: Iterable[str]) -> list[str]:
    """``names`` as a list without repetition; a single text is one name, not its letters."""
    return [names] if isinstance(names, str) else list(dict.fromkeys(names))
