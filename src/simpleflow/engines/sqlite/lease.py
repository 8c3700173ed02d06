"""Leases: how other processes find out whether the process that owns an execution still lives.

Theory of operation
-------------------
A lease is a locked file, named after a random token. The kernel gives up the lock when its process ends, however it
ends. So there is no clock and nothing to renew: an execution can be taken over as soon as its process is gone, and
never before.

The locks are POSIX record locks. Child processes do not inherit them, so a fork does not keep a lease alive. They have
two traps. A process cannot see its own locks: ``alive`` looks into ``_held`` for these. And a process loses its lock
on a file when it closes *any* descriptor of that file: ``alive`` never opens the file of a lease of its own process.
"""

from __future__ import annotations

import fcntl
import os

_held: dict[str, int] = {}
"""Tokens of the leases of this process, each with its process id: a fork copies this, but not the locks."""


class Lease:
    """The lease of this process; its ``token`` is entered as the owner of executions.

    Args:
        folder: of all leases; must exist.

    Raises OSError.
    """

    def __init__(self, folder: str) -> None:
        self.token = os.urandom(16).hex()
        self._folder = folder
        self._file = os.open(self._path(self.token), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _held[self.token] = os.getpid()

    def alive(self, token: str) -> bool:
        """True if the process with that token lives."""
        if _held.get(token) == os.getpid():
            return True
        try:
            file = os.open(self._path(token), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            # A shared lock, so that two processes that check at once do not take each other for the owner.
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def bury(self, token: str) -> None:
        """Remove the file of a dead process."""
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
