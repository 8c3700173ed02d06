"""Locks on files that tell whether a process lives: the kernel gives them up when it ends, however it ends.

These are POSIX record locks. A process that it forks does not inherit them. A process loses its lock on a file when it
closes *any* descriptor of that file.
"""

from __future__ import annotations

import fcntl
import os


def share(path: str) -> None:
    """Hold a shared lock on the file until this process ends; the file is made if it does not exist. Raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.lockf(file, fcntl.LOCK_SH)
    os.write(file, f"{os.getpid()}\n".encode())  # for messages


def is_held(path: str, exclusive: bool = False) -> bool:
    """True if another process holds a lock on the file: with ``exclusive`` any lock, else an exclusive one.

    Raises OSError if the file cannot be opened, unless it does not exist.
    """
    try:
        file = os.open(path, (os.O_RDWR if exclusive else os.O_RDONLY) | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two processes that check at once do not take each other for the owner.
        fcntl.lockf(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
