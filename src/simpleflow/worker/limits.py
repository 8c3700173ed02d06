"""How many workers the limits of the system allow: open files (``ulimit -n``) and processes (``ulimit -u``)."""

from __future__ import annotations

import os

from simpleflow.exceptions import InputError

_FILES_OF_RUN = 24  # for what the owner opens itself: the database, marks, modules that are imported
_FILES_OF_WORKER = 2  # in the owner: the ends of its pipes
_FILES_OF_OUTPUT = 3  # in the owner, for each worker: the end of one more pipe, and both ends of another
_TASKS_OF_RUN = 2  # a guard, and one process that an activity starts
_TASKS_OF_WORKER = 2  # the process and its second thread
_SMALL = 1_000  # a limit on processes beyond this is not looked at: counting them takes time


def check_forks() -> None:
    """Raise InputError on a system that cannot fork processes."""
    if not hasattr(os, "fork"):
        raise InputError("worker processes need a system with fork(); run activities in this process instead")


def workers_allowed(wanted: int, keeps_output: bool = False) -> int:
    """How many of so many workers can be started. Raises InputError if none can.

    ``keeps_output``: their output comes to their owner.
    """
    allowed = wanted
    files = _soft("SC_OPEN_MAX")
    if files is not None:
        room = files - _open_files() - _FILES_OF_RUN
        each = _FILES_OF_WORKER + (_FILES_OF_OUTPUT if keeps_output else 0)
        allowed = _checked(allowed, room // each, f"open files is {files}", "ulimit -n 1024")
    tasks = _soft("SC_CHILD_MAX")
    if tasks is not None and tasks < _SMALL and os.geteuid() != 0:  # it does not bind the superuser
        room = tasks - _running_tasks() - _TASKS_OF_RUN
        allowed = _checked(allowed, room // _TASKS_OF_WORKER, f"processes is {tasks}", "ulimit -u 1024")
    return allowed


def cannot_fork(error: OSError) -> InputError:
    """The error for a system that starts no worker process at all."""
    return InputError(
        f"no worker process can be started: {error.strerror or error}; raise the limits of processes and open files "
        "(ulimit -u, ulimit -n), end other processes, or run activities in this process (--nb-workers 0)"
    )


def _checked(allowed: int, room: int, what: str, remedy: str) -> int:
    if room < 1:
        raise InputError(
            f"the limit of {what}: expected more, for one worker process; raise it ({remedy}), or run activities in "
            "this process (--nb-workers 0)"
        )
    return min(allowed, room)


def _soft(name: str) -> int | None:
    """The limit with that name of ``sysconf``; None if there is none. ``granted`` says why not by ``resource``."""
    try:
        found = os.sysconf(name)
    except (OSError, ValueError):
        return None
    return None if found < 0 else found


def _open_files() -> int:
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder))
        except OSError:
            continue
    return 16


def _running_tasks() -> int:
    """The processes of this user, with their threads, as far as the system shows them."""
    count = 0
    try:
        processes = [each for each in os.listdir("/proc") if each.isdigit()]
    except OSError:
        return 0
    for each in processes:
        try:
            if os.stat(f"/proc/{each}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{each}/task"))
        except OSError:
            continue  # it has ended meanwhile
    return count
