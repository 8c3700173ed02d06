"""Leases: how other processes find out whether the process that owns an execution still lives.

Theory of operation
-------------------
A lease is a locked file, named after a random token. The kernel gives up the lock when its process ends, however it
ends. So there is no clock and nothing to renew: an execution can be taken over as soon as its process is gone, and
never before.

The locks are POSIX record locks. Child processes do not inherit them, so a fork does not keep a lease alive. They have
two traps. A process cannot see its own locks: ``alive`` looks into ``_held`` for these. And a process loses its lock
on a file when it closes *any* descriptor of that file: ``alive`` never opens the file of a lease of its own process.

A file is locked before it gets its name. So a file of that name without a lock belongs to a dead process, and whoever
opens the folder removes it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator

_LOCK = ".lock"
_NEW = ".new"  # after the name of a file that is not locked yet
_SECONDS_TO_LOCK = 60.0  # such a file that is older belongs to a process that died before it had locked it

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
        self.path = path = self._path(self.token)
        self._file = os.open(path + _NEW, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(path + _NEW, path)
        except BaseException:
            _remove(path + _NEW)
            os.close(self._file)
            raise
        _held[self.token] = os.getpid()

    def alive(self, token: str) -> bool:
        """True if the process with that token lives."""
        return _held.get(token) == os.getpid() or _is_locked(self._path(token))

    def bury_all_dead(self) -> None:
        """Remove the files of dead processes."""
        for path, locked in _locks(self._folder):
            if not locked:
                _remove(path)

    def bury(self, token: str) -> None:
        """Remove the file of a dead process."""
        _remove(self._path(token))

    def release(self) -> None:
        """Give the lease up. The end of the process gives it up too, so what cannot be removed stays."""
        if _held.get(self.token) == os.getpid():
            del _held[self.token]
            try:
                _remove(self._path(self.token))
            except OSError:
                pass  # a folder that is read-only now; whoever opens it later removes the file
            os.close(self._file)

    def _path(self, token: str) -> str:
        return os.path.join(self._folder, token + _LOCK)


def is_in_use(folder: str) -> bool:
    """True if a living process has a lease in this folder of leases. Raises OSError."""
    return any(locked for _, locked in _locks(folder))


def _locks(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield each file of a lease, and True if its process lives."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if name.endswith(_LOCK):
            yield path, _held.get(name.removesuffix(_LOCK)) == os.getpid() or _is_locked(path)
        elif name.endswith(_LOCK + _NEW) and _age(path) > _SECONDS_TO_LOCK:
            yield path, _is_locked(path)


def _is_locked(path: str) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
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


def _age(path: str) -> float:
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
