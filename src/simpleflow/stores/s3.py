"""Done marks as objects in a bucket of Amazon S3, or of any server that speaks S3. ``keys`` maps marks to keys.

Theory of operation
-------------------
*Consistency.* S3 is strongly consistent: every list and get sees all puts and deletes that have finished. A put is
atomic and durable. So ``put``, ``get``, ``names`` and ``delete`` need nothing beyond the requests themselves.

*Two keys.* The existing library writes keys as they are; we escape segments that a server may change. A mark with such
a segment may be there under either key. We write under ours, and read, list and delete both, but only on Amazon's
hosts: elsewhere, the unescaped key could mean another mark.

*Create.* A conditional PUT (``If-None-Match: *``) writes only if there is no object. Two cases need care. The client
repeats a request by itself if the answer is lost: then the repetition is refused because of our own mark, which we
recognise by its content. And a server that answers 409 has not decided yet which of two requests came first: we try
again after a pause.

*Errors.* ``_call`` turns every error of boto3 and its transport into a StoreError (``s3_errors``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from simpleflow import settings
from simpleflow.exceptions import StoreError
from simpleflow.shown_text import count
from simpleflow.stores.base import Stored, as_names, clean, join, shown
from simpleflow.stores.keys import folder_key, folder_keys, name_of, object_key, object_keys
from simpleflow.stores.location import Location
from simpleflow.stores.s3_client import READERS, client
from simpleflow.stores.s3_errors import store_error

LONGEST_KEY = 1024  # bytes of UTF-8
BATCH = 1000  # keys that one DeleteObjects takes
# Error codes of servers that lack DeleteObjects, or want the MD5 that boto3 no longer sends with it.
_NO_BATCHES = frozenset({"NotImplemented", "MethodNotAllowed", "MissingContentMD5"})
_RACE_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds before each further try after an answer 409


class S3Store:
    """A store in an existing bucket.

    Each call looks the client up anew. So a store may be used after a fork, and a change of the credentials in the
    environment takes effect.
    """

    def __init__(self, location: Location) -> None:
        self.url = location.url
        self._bucket = location.name
        self._endpoint = location.endpoint
        self._region = location.region
        # True if marks of the existing library may be in the bucket: it supports only Amazon's hosts, which accept any
        # text as a key. On other servers such a key could mean another mark.
        self._shared = location.endpoint is None or location.endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``. This takes one request for each 1,000."""
        join(prefix, "")
        action = f"list the done marks below {shown(clean(prefix))}"
        found: set[str] = set()  # a mark may exist under both of its keys
        for start in folder_keys(prefix) if self._shared else [folder_key(prefix)]:
            keys = self._call(action, self._list, start)
            found.update(name for key in keys if (name := name_of(key, start)) is not None)
        return sorted(found)  # some servers do not list in the order of bytes

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``. This takes one request for each, 16 at a time."""
        return {name: mark.body for name, mark in self.read(prefix, self.names(prefix)).items()}

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark; it is encrypted if SIMPLEFLOW_S3_SSE is set."""
        action = f"write the done mark {shown(name)} below {shown(clean(prefix))}"
        self._call(action, self._put, self._key_to_write(action, prefix, name), body)

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist, with a conditional PUT."""
        action = f"create the mark {shown(name)} below {shown(clean(prefix))}"
        key = self._key_to_write(action, prefix, name)
        if len(self._keys(prefix, name)) > 1 and self.get(prefix, name) is not None:
            return False  # it may exist under the other key only
        created: bool = self._call(action, self._create, action, key, body)
        return created

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        join(prefix, name)
        action = f"read the done mark {shown(name)} below {shown(clean(prefix))}"
        mark: Stored | None = self._call(action, self._get, self._keys(prefix, name))
        return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist. This takes one request for each, 16 at a time."""
        names = as_names(names)
        for name in names:
            join(prefix, name)
        keys = [self._keys(prefix, name) for name in names]
        marks: list[Stored | None] = self._call(
            f"read {count(len(names), 'done mark')} below {shown(clean(prefix))}", self._get_all, keys
        )
        return {name: mark for name, mark in zip(names, marks, strict=True) if mark is not None}

    def existing_objects(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that there are objects of, which need not be marks.

        This takes one request for each, 16 at a time.
        """
        what = f"the object {shown(keys[0])}" if len(keys) == 1 else f"{len(keys)} objects"
        found: list[bool] = self._call(f"look for {what}", self._head_all, keys)
        return {key for key, exists in zip(keys, found, strict=True) if exists}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks, always durably. This takes one request for each 1,000."""
        names = as_names(names)
        for name in names:
            join(prefix, name)
        keys = iter([key for name in names for key in self._keys(prefix, name)])
        action = f"remove {count(len(names), 'done mark')} below {shown(clean(prefix))}"
        while batch := list(islice(keys, BATCH)):
            refused = self._call(action, self._delete, batch)
            if refused:
                raise StoreError(f"bucket {self.url}: cannot {action}: {refused}")

    def _keys(self, prefix: str, name: str) -> list[str]:
        return object_keys(prefix, name) if self._shared else [object_key(prefix, name)]

    def _key_to_write(self, action: str, prefix: str, name: str) -> str:
        join(prefix, name)
        key = object_key(prefix, name)
        if (size := len(key.encode())) > LONGEST_KEY:
            raise StoreError.for_good(
                f"bucket {self.url}: cannot {action}: prefix and name take {size} bytes, "
                f"an S3 key can hold {LONGEST_KEY}; shorten the step's name"
            )
        return key

    def _list(self, s3: Any, start: str) -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def _put(self, s3: Any, key: str, body: bytes, **condition: str) -> None:
        extra = {"ServerSideEncryption": "AES256"} if settings.SIMPLEFLOW_S3_SSE else {}
        s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json", **extra, **condition)

    def _create(self, s3: Any, action: str, key: str, body: bytes) -> bool:
        pauses = iter(_RACE_PAUSES)
        while True:
            try:
                self._put(s3, key, body, IfNoneMatch="*")
                return True
            except s3.exceptions.ClientError as error:
                code = str(error.response.get("Error", {}).get("Code"))
                if code in ("PreconditionFailed", "412"):
                    # The client repeats requests by itself. If the first try succeeded and only its answer was lost,
                    # the second try meets our own mark.
                    again = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 1)
                    mark = self._get(s3, [key]) if again else None
                    return mark is not None and mark.body == body
                if code == "NotImplemented":
                    raise StoreError.for_good(
                        f"bucket {self.url}: cannot {action}: the server does not support conditional writes ({code}); "
                        "use a newer server, or a folder"
                    ) from error
                pause = next(pauses, None)
                if code not in ("ConditionalRequestConflict", "409") or pause is None:
                    raise
                time.sleep(pause)

    def _get(self, s3: Any, keys: list[str]) -> Stored | None:
        """Return the mark under the first of these keys that exists; None if none does."""
        for key in keys:
            try:
                answer = s3.get_object(Bucket=self._bucket, Key=key)
            except s3.exceptions.NoSuchKey:
                continue
            with answer["Body"] as stream:
                return Stored(bytes(stream.read()), answer["LastModified"].timestamp())
        return None

    def _head(self, s3: Any, key: str) -> bool:
        try:
            s3.head_object(Bucket=self._bucket, Key=key)
        except s3.exceptions.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return False
            raise
        return True

    def _get_all(self, s3: Any, keys: list[list[str]]) -> list[Stored | None]:
        return _at_once(lambda each: self._get(s3, each), keys)

    def _head_all(self, s3: Any, keys: Sequence[str]) -> list[bool]:
        return _at_once(lambda each: self._head(s3, each), keys)

    def _delete(self, s3: Any, keys: list[str]) -> str:
        """Remove the objects. Returns the reason why some could not be removed; empty if all are gone."""
        if len(keys) == 1:
            s3.delete_object(Bucket=self._bucket, Key=keys[0])
            return ""
        objects = [{"Key": key} for key in keys]
        try:
            answer = s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
        except s3.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _NO_BATCHES:
                raise
            for key in keys:
                s3.delete_object(Bucket=self._bucket, Key=key)
            return ""
        failed = answer.get("Errors")
        if not failed:
            return ""
        first = failed[0]
        return f"{first.get('Key')!r} and {len(failed) - 1} more: {first.get('Code')} {first.get('Message')}"

    def _call(self, action: str, function: Any, *args: Any) -> Any:
        """Return ``function(client, *args)``; raises every error of it as a StoreError."""
        try:
            return function(client(self._endpoint, self._region), *args)
        except StoreError:
            raise
        except Exception as error:  # botocore has no single base, and its transport raises urllib3's errors
            raise store_error(self.url, action, error) from error


def _at_once(request: Callable[[Any], Any], keys: Sequence[Any]) -> list[Any]:
    """The answers to the requests for these keys, of which several are under way at once."""
    if len(keys) <= 1:
        return [request(each) for each in keys]
    with ThreadPoolExecutor(min(READERS, len(keys)), "simpleflow-s3") as pool:
        # On the first error, map cancels the requests that have not begun.
        return list(pool.map(request, keys))
