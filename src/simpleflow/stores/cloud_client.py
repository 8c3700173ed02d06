"""The helper process that talks to Google's and Azure's services for this one; see ``cloud`` for why.

A request is a list ``[kind, bucket, operation, arguments...]``, a reply is a pair ``(True, result)`` or ``(False, (name
of the error, text))``, each pickled, after its length. The helper ends when the pipe to it is closed, so it does not
outlive this process and its forks.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from pathlib import Path
from typing import IO, Any

_HELPER = Path(__file__).with_name("cloud_helper.py")
_VARIABLES = ("AZURE_", "AZURITE_", "GOOGLE_", "IDENTITY_", "MSI_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_")
"""Beginnings of the names of variables that obstore reads when a store is made. A change needs a new helper."""


class Refused(Exception):
    """A request failed. ``name`` is the class of obstore's error; ``text`` may have several lines."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class _Helper:
    """A running helper. One request is under way at a time; the helper does its parts side by side."""

    def __init__(self) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        silent = os.open(os.devnull, os.O_WRONLY)
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-P", str(_HELPER)],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, to_read, 0),
                    (os.POSIX_SPAWN_DUP2, to_write, 1),
                    (os.POSIX_SPAWN_DUP2, silent, 2),
                ],
                # Ctrl-C on a terminal, and a signal for all processes of a service, are for this process: it may still
                # have marks to write.
                setpgroup=0,
                setsigmask=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
            )
        finally:
            for each in (to_read, to_write, silent):
                os.close(each)
        self._requests: IO[bytes] = os.fdopen(self._write, "wb", closefd=False)
        self._replies: IO[bytes] = os.fdopen(self._read, "rb", closefd=False)
        self._lock = threading.Lock()

    def call(self, request: list[Any]) -> tuple[bool, Any]:
        """Send a request and return the reply. Raises EOFError or OSError if the helper has ended."""
        with self._lock:
            text = pickle.dumps(request)
            self._requests.write(len(text).to_bytes(8, "big") + text)
            self._requests.flush()
            size = self._replies.read(8)
            if len(size) < 8:
                raise EOFError
            reply: tuple[bool, Any] = pickle.loads(self._replies.read(int.from_bytes(size, "big")))
            return reply

    def close(self) -> None:
        """Let the helper end, and wait for it."""
        for each in (self._write, self._read):
            os.close(each)
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass  # reaped already


# By process: a fork must not use the pipes of its parent. Of two threads that start one at once, setdefault keeps one.
_helpers: dict[tuple[int, tuple[tuple[str, str], ...]], _Helper] = {}


def call(kind: str, bucket: str, operation: str, *args: Any) -> Any:
    """Return what the helper's function ``operation`` returns. Raises Refused."""
    values = tuple((name, value) for name, value in os.environ.items() if name.upper().startswith(_VARIABLES))
    key = (os.getpid(), values)
    helper = _helpers.get(key) or _started(key)
    try:
        is_done, result = helper.call([kind, bucket, operation, *args])
    except (EOFError, OSError) as error:
        if _helpers.get(key) is helper:
            del _helpers[key]
            helper.close()
        raise Refused("HelperEnded", f"the helper process {helper.pid} has ended") from error
    if not is_done:
        raise Refused(*result)
    return result


def _started(key: tuple[int, tuple[tuple[str, str], ...]]) -> _Helper:
    helper = _Helper()
    kept = _helpers.setdefault(key, helper)
    if kept is not helper:
        helper.close()
    for other in [other for other in list(_helpers) if other[0] == key[0] and other != key]:
        if (old := _helpers.pop(other, None)) is not None:  # the environment has changed
            with old._lock:
                old.close()
    return kept
