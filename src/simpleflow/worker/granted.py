"""What the system grants a process: resource limits, priority, processors, and the users that it runs as.

An activity may take some of this away from its process, such as the memory that it may use. For the next activity all
of it is put back, as far as the system allows: a process without privileges can raise neither a hard limit nor its
priority.
"""

from __future__ import annotations

import os
import resource
from typing import Any

_LIMITS = tuple({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
_HAS_USERS = hasattr(os, "getresuid")
_HAS_PROCESSORS = hasattr(os, "sched_getaffinity")
_HAS_POLICY = hasattr(os, "sched_getscheduler")


class Granted:
    """What the system grants this process now."""

    def __init__(self) -> None:
        self._limits = list(map(resource.getrlimit, _LIMITS))
        self._priority = os.getpriority(os.PRIO_PROCESS, 0)
        self._users = _users()
        self._processors = _processors()
        self._policy = _policy()
        self._parameter: Any = os.sched_getparam(0) if _HAS_POLICY else None

    def restore(self) -> bool:
        """Put everything back. Returns False if the system does not allow that."""
        try:
            if _users() != self._users:  # first, since it decides what the system allows
                self._restore_users()
            if list(map(resource.getrlimit, _LIMITS)) != self._limits:
                for each, limit in zip(_LIMITS, self._limits, strict=True):
                    resource.setrlimit(each, limit)
            if _policy() != self._policy:
                os.sched_setscheduler(0, self._policy, self._parameter)
            if os.getpriority(os.PRIO_PROCESS, 0) != self._priority:
                os.setpriority(os.PRIO_PROCESS, 0, self._priority)
            if _processors() != self._processors:
                os.sched_setaffinity(0, self._processors)
        except (OSError, ValueError):
            return False
        return True

    def _restore_users(self) -> None:
        users, groups, further = self._users
        os.setresuid(*users)
        os.setresgid(*groups)
        os.setgroups(further)


def _users() -> Any:
    """The users and the groups of this process: real, effective and saved ones, and further groups."""
    return (os.getresuid(), os.getresgid(), os.getgroups()) if _HAS_USERS else None


def _processors() -> Any:
    return os.sched_getaffinity(0) if _HAS_PROCESSORS else None


def _policy() -> Any:
    return os.sched_getscheduler(0) if _HAS_POLICY else None
