"""Leases: how other processes find out whether the process that owns an execution still lives.

Theory of operation
-------------------
A lease is a locked file, named after a random token. The kernel gives up the lock when its process ends, however it
ends. So there is no clock and nothing to renew: an execution can be taken over as soon as its process is gone, and
never before.

The locks are POSIX record locks. Child processes do not inherit them, so a fork does not keep a lease alive. They have
two traps. A process cannot see its own locks: ``alive`` looks into ``_held`` for these. And a process loses its lock
on a file when it closes *any* descriptor of that file: ``alive`` never opens the file of a lease that this process
holds.

The workers of a process hold a shared lock on a second file, beside that of the lease. A worker may outlive its owner
by a moment; then its execution is not taken over yet (``workers_left``), so no activity is done twice at a time.

A file is locked before it gets its name. So a file of that name without a lock belongs to a dead process, and the next
process that opens the folder removes it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator

from simpleflow.file_locks import is_held

_LOCK = ".lock"
_NEW = ".new"  # after the name of a file that is not locked yet
_SECONDS_TO_LOCK = 60.0  # such a file that is older belongs to a process that died before it had locked it

_WORKERS = ".workers"
_WORKERS_SECONDS = 10.0  # how long the ends of workers are awaited whose owner has died

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
        return is_alive(self._folder, token)

    @property
    def workers_path(self) -> str:
        """The file on which the workers of this process hold a shared lock."""
        return os.path.join(self._folder, self.token + _WORKERS)

    def workers_left(self, token: str) -> str:
        """Wait for the ends of the workers of a dead process; returns the process ids of its workers if some go on.

        Without a process of that name it returns an empty text.
        """
        path = os.path.join(self._folder, token + _WORKERS)
        end = time.monotonic() + _WORKERS_SECONDS
        while is_held(path, exclusive=True):
            if time.monotonic() >= end:
                with open(path, encoding="utf-8") as file:
                    return ", ".join(file.read().split())
            time.sleep(0.01)
        _remove(path)
        return ""

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
                _remove(self.workers_path)
            except OSError:
                pass  # a folder that is read-only now; the process that opens it later removes the file
            os.close(self._file)

    def _path(self, token: str) -> str:
        return os.path.join(self._folder, token + _LOCK)


def is_alive(folder: str, token: str) -> bool:
    """True if the process lives that has the lease with that token, in this folder of leases. Raises OSError."""
    return _held.get(token) == os.getpid() or is_held(os.path.join(folder, token + _LOCK))


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
            yield path, _held.get(name.removesuffix(_LOCK)) == os.getpid() or is_held(path)
        elif name.endswith(_WORKERS) and not os.path.exists(os.path.join(folder, name.removesuffix(_WORKERS) + _LOCK)):
            yield path, is_held(path, exclusive=True)
        elif name.endswith(_LOCK + _NEW) and _age(path) > _SECONDS_TO_LOCK:
            yield path, is_held(path)


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
