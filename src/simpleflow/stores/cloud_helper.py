"""The program of the helper process: it reads requests from standard input and writes replies; see ``cloud_client``.

It imports nothing of simpleflow, so that it starts fast. It ends at the end of standard input.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import lru_cache
from typing import Any

READERS = 16  # requests that are under way at the same time
_SECONDS = "4s"  # to connect, and for a whole request: both services answer such small ones within 0.2 s
_TRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_NO_TRIES: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=10)}
_PAUSES = (0.1, 0.5)  # seconds before each further try of a conditional put


@lru_cache(maxsize=64)
def _store(kind: str, bucket: str, repeats: bool) -> Any:
    """The store of obstore, which reads credentials and address from the environment."""
    from obstore.store import AzureStore, GCSStore

    addresses = [value for name, value in os.environ.items() if name.upper().startswith(("AZURE_", "GOOGLE_"))]
    is_plain = any("http://" in value for value in addresses) or bool(os.environ.get("AZURE_STORAGE_USE_EMULATOR"))
    options: Any = {"connect_timeout": _SECONDS, "timeout": _SECONDS, "allow_http": is_plain}
    made = AzureStore if kind == "az" else GCSStore
    return made(bucket, client_options=options, retry_config=_TRIES if repeats else _NO_TRIES)


def list_(kind: str, bucket: str, start: str) -> list[str]:
    """The keys below ``start``, without placeholders of folders."""
    store = _store(kind, bucket, True)
    found = [each for part in store.list(start.rstrip("/") or None) for each in part]
    empty = [each["path"] for each in found if each["size"] == 0]
    is_there = dict(zip(empty, _at_once(lambda path: _exists(store, path), empty), strict=True))
    return sorted({each["path"] for each in found if is_there.get(each["path"], True)})


def put(kind: str, bucket: str, key: str, body: bytes) -> None:
    """Write an object."""
    _store(kind, bucket, True).put(key, body, use_multipart=False)


def create(kind: str, bucket: str, key: str, body: bytes) -> bool:
    """Write an object unless there is one. Returns True if it is ours."""
    from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError

    store = _store(kind, bucket, False)
    is_repeated = False
    for pause in (*_PAUSES, None):
        try:
            store.put(key, body, mode="create", use_multipart=False)
            return True
        except (AlreadyExistsError, FileExistsError, PreconditionError):
            found = _get(_store(kind, bucket, True), key) if is_repeated else None
            return found is not None and found[0] == body
        except GenericError:
            if pause is None:
                raise
            is_repeated = True
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def get(kind: str, bucket: str, keys: Sequence[str]) -> list[tuple[bytes, float] | None]:
    """The content and the time of each object; None if there is none."""
    store = _store(kind, bucket, True)
    return _at_once(lambda key: _get(store, key), keys)


def delete(kind: str, bucket: str, keys: Sequence[str]) -> None:
    """Remove objects, one by one: a request for many of them stops at the first one that is not there."""
    store = _store(kind, bucket, True)
    _at_once(lambda key: _delete(store, key), keys)


def _get(store: Any, key: str) -> tuple[bytes, float] | None:
    try:
        found = store.get(key)
    except FileNotFoundError as error:
        _check_bucket(error)
        return None
    return bytes(found.bytes()), found.meta["last_modified"].timestamp()


def _exists(store: Any, key: str) -> bool:
    try:
        store.head(key)
    except FileNotFoundError:
        return False
    return True


def _delete(store: Any, key: str) -> None:
    try:
        store.delete(key)
    except FileNotFoundError as error:
        _check_bucket(error)


def _check_bucket(error: FileNotFoundError) -> None:
    """Raise the error if the bucket is missing, and not the object alone."""
    if any(code in str(error) for code in ("NoSuchBucket", "ContainerNotFound", "container does not exist")):
        raise error


def _at_once(request: Callable[[str], Any], keys: Sequence[str]) -> list[Any]:
    if len(keys) <= 1:
        return [request(each) for each in keys]
    with ThreadPoolExecutor(min(READERS, len(keys))) as pool:
        return list(pool.map(request, keys))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "list": list_,
    "put": put,
    "create": create,
    "get": get,
    "delete": delete,
}


def main() -> None:
    """Answer requests until standard input ends."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while len(size := requests.read(8)) == 8:
        kind, bucket, operation, *args = pickle.loads(requests.read(int.from_bytes(size, "big")))
        try:
            reply = (True, _OPERATIONS[operation](kind, bucket, *args))
        except BaseException as error:  # noqa: BLE001 - obstore's runtime may panic, which is no Exception
            reply = (False, (type(error).__name__, str(error)))
        text = pickle.dumps(reply)
        replies.write(len(text).to_bytes(8, "big") + text)
        replies.flush()


if __name__ == "__main__":
    main()
