"""Done marks in a bucket of Google Cloud Storage, or a container of Azure Blob Storage, by obstore.

Theory of operation
-------------------
*Consistency.* Both services are strongly consistent, as S3 is: every list and get sees all puts and deletes that have
finished, and a put is atomic and durable. ``keys`` maps marks to keys, as for S3.

*A helper process.* obstore runs threads, and does not work in a process that was forked from one that has used it. Runs
fork workers all the time. So each process that needs such a store starts a helper (``cloud_client``), which alone loads
obstore, and which ends with it.

*Create.* A conditional put writes only if there is no object. The helper does not let obstore repeat it. It repeats it
itself after an error: then a refusal may be due to our own mark, which is recognised by its content.

*Placeholders.* The consoles of both services make an object of no bytes, whose key ends in a slash, for an empty
folder. obstore lists it without the slash. So an object of no bytes counts only if it exists under the key without one.

*Dots.* Azure drops dots at the end of a segment, and ``a.`` would become the mark ``a``. There, ``%_`` is appended to
such a segment, and to one that ends in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow.exceptions import StoreError
from simpleflow.stores import cloud_client
from simpleflow.stores.base import Stored, as_names, clean, join, shown
from simpleflow.stores.cloud_errors import store_error
from simpleflow.stores.keys import folder_key, name_of, object_key
from simpleflow.stores.location import Location

LONGEST_KEY = 1024  # bytes of UTF-8 on Google's service, characters on Azure's
_END = "%_"


class CloudStore:
    """A store in an existing bucket or container, below the path that the bucket string names."""

    def __init__(self, location: Location) -> None:
        self.url = location.url
        self._kind = location.kind
        self._bucket, _, path = location.name.partition("/")
        self._start = f"{path}/" if path else ""

    def __repr__(self) -> str:
        return f"CloudStore({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``. This takes one request for each 1,000."""
        join(prefix, "")
        start = self._start + folder_key(prefix)
        action = f"list the done marks below {shown(clean(prefix))}"
        keys = map(self._read_key, self._call(action, "list", self._written(start)))
        return sorted(name for key in keys if (name := name_of(key, start)) is not None)

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``. This takes one request for each, 16 at a time."""
        return {name: mark.body for name, mark in self.read(prefix, self.names(prefix)).items()}

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        action = f"write the done mark {shown(name)} below {shown(clean(prefix))}"
        self._call(action, "put", self._key_to_write(action, prefix, name), bytes(body))

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist, with a conditional put."""
        action = f"create the mark {shown(name)} below {shown(clean(prefix))}"
        return bool(self._call(action, "create", self._key_to_write(action, prefix, name), bytes(body)))

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        action = f"read the done mark {shown(name)} below {shown(clean(prefix))}"
        [found] = self._call(action, "get", [self._key(prefix, name)])
        return None if found is None else bytes(found[0])

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist. This takes one request for each, 16 at a time."""
        names = as_names(names)
        keys = [self._key(prefix, name) for name in names]
        found = self._call(f"read {len(names)} done marks below {shown(clean(prefix))}", "get", keys) if keys else []
        return {name: Stored(*mark) for name, mark in zip(names, found, strict=True) if mark is not None}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks, always durably. This takes one request for each, 16 at a time."""
        keys = [self._key(prefix, name) for name in as_names(names)]
        if keys:
            self._call(f"remove {len(keys)} done marks below {shown(clean(prefix))}", "delete", keys)

    def _key(self, prefix: str, name: str) -> str:
        join(prefix, name)
        return self._written(self._start + object_key(prefix, name))

    def _key_to_write(self, action: str, prefix: str, name: str) -> str:
        key = self._key(prefix, name)
        if (size := len(key.encode())) > LONGEST_KEY:
            raise StoreError.for_good(
                f"bucket {self.url}: cannot {action}: path, prefix and name take {size} bytes, "
                f"a key can hold {LONGEST_KEY}; shorten the step's name"
            )
        return key

    def _written(self, key: str) -> str:
        """The key of the object for a key of ``keys``."""
        if self._kind != "az":
            return key
        return "/".join(each + _END if each.endswith((".", _END)) else each for each in key.split("/"))

    def _read_key(self, key: str) -> str:
        """The inverse of ``_written``."""
        return key if self._kind != "az" else "/".join(each.removesuffix(_END) for each in key.split("/"))

    def _call(self, action: str, operation: str, *args: Any) -> Any:
        try:
            return cloud_client.call(self._kind, self._bucket, operation, *args)
        except cloud_client.Refused as error:
            raise store_error(self.url, self._kind, action, error.name, error.text) from error
