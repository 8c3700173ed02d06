"""Whether the process that owns an execution lives: a lock on a file that the kernel lets go of when it dies.

No clock is asked and nothing is renewed, so an execution can be taken over the moment its process is gone, and never
before. The locks are POSIX record locks: child processes do not inherit them.
"""

from __future__ import annotations

import fcntl
import os

_held: dict[str, int] = {}
"""Tokens that this process holds, with its pid: a process cannot ask the kernel about its own locks."""


class Lease:
    """The lease of this process; ``token`` is what it signs executions with."""

    def __init__(self, folder: str) -> None:
        """Take a lease in ``folder``, which must exist. Raises OSError."""
        self.token = os.urandom(16).hex()
        self._folder = folder
        self._file = os.open(self._path(self.token), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held[self.token] = os.getpid()

    def alive(self, token: str) -> bool:
        """Whether the process with that token lives."""
        if _held.get(token) == os.getpid():
            return True
        try:
            file = os.open(self._path(token), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two processes that ask at once do not take each other for the owner.
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def bury(self, token: str) -> None:
        """Remove what a dead process left."""
        _remove(self._path(token))

    def release(self) -> None:
        """Give the lease up."""
        if _held.get(self.token) == os.getpid():
            del _held[self.token]
            _remove(self._path(self.token))
            os.close(self._file)

    def _path(self, token: str) -> str:
        return os.path.join(self._folder, f"{token}.lock")


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
