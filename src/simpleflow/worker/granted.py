"""What the system grants a process: resource limits, priority, processors, and the users that it runs as.

An activity may take some of this away from its process, such as the memory that it may use. For the next activity all
of it is put back, as far as the system allows: a process without privileges can raise neither a hard limit nor its
priority.

Reading the sixteen resource limits takes as long as all else. After a short activity they are read only if something in
the process can have changed them: Python's module ``resource``, a module that calls functions of C, or a module in C
that comes neither with Python nor with simpleflow. So this file does not load ``resource`` where the system shows the
limits in a file. A program that an activity starts could change them, too, but the activity is not short then.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_SHORT_SECONDS = 0.0002
"""No program starts and ends within that time."""

_ABLE = frozenset({"_cffi_backend", "_ctypes", "resource"})
_HARMLESS = sys.stdlib_module_names - _ABLE | {"greenlet", "msgspec"}
_FILE = "/proc/self/limits"
_HAS_USERS = hasattr(os, "getresuid")
_HAS_PROCESSORS = hasattr(os, "sched_getaffinity")
_HAS_POLICY = hasattr(os, "sched_getscheduler")


class Granted:
    """What the system grants this process now."""

    def __init__(self) -> None:
        self._limits = _limits()
        self._is_able = _is_able()
        self._priority = os.getpriority(os.PRIO_PROCESS, 0)
        self._users = _users()
        self._processors = _processors()
        self._policy = _policy()
        self._parameter: Any = os.sched_getparam(0) if _HAS_POLICY else None

    def restore(self, seconds: float, imported: bool) -> bool:
        """Put everything back. Returns False if the system does not allow that.

        ``seconds``: how long the activity took; ``imported``: it has imported modules.
        """
        try:
            if _users() != self._users:  # first, since it decides what the system allows
                self._restore_users()
            if (seconds >= _SHORT_SECONDS or imported or self._is_able) and _limits() != self._limits:
                self._restore_limits()
            if _policy() != self._policy:
                os.sched_setscheduler(0, self._policy, self._parameter)
            if os.getpriority(os.PRIO_PROCESS, 0) != self._priority:
                os.setpriority(os.PRIO_PROCESS, 0, self._priority)
            if _processors() != self._processors:
                os.sched_setaffinity(0, self._processors)
        except (ImportError, OSError, ValueError):
            return False
        return True

    def _restore_users(self) -> None:
        users, groups, further = self._users
        os.setresuid(*users)
        os.setresgid(*groups)
        os.setgroups(further)

    def _restore_limits(self) -> None:
        import resource

        for number, limit in _numbered(self._limits):
            resource.setrlimit(number, limit)


def _limits() -> Any:
    """The limits: the text of the system's file of them, or by number if there is none; None if it cannot be read."""
    try:
        file = os.open(_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        import resource

        numbers = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
        return {number: resource.getrlimit(number) for number in numbers}
    except OSError:  # such as that no more files may be opened
        return None
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def _numbered(limits: Any) -> list[tuple[int, tuple[int, int]]]:
    """Each limit, soft and hard, with its number. The file has one in each line after the first, by their numbers."""
    if not isinstance(limits, bytes):
        return list((limits or {}).items())
    lines = limits.decode().splitlines()[1:]
    return [(number, (_value(line[26:46]), _value(line[47:67]))) for number, line in enumerate(lines)]


def _value(text: str) -> int:
    return -1 if text.strip() == "unlimited" else int(text)


def _is_able() -> bool:
    """True if the process has a module whose functions can change limits at once."""
    for name, module in list(sys.modules.items()):
        if name in _ABLE:
            return True
        if name.partition(".")[0] not in _HARMLESS:
            file = getattr(module, "__dict__", {}).get("__file__")
            if isinstance(file, str) and not file.endswith((".py", ".pyc")):
                return True
    return False


def _users() -> Any:
    """The users and the groups of this process: real, effective and saved ones, and further groups."""
    return (os.getresuid(), os.getresgid(), os.getgroups()) if _HAS_USERS else None


def _processors() -> Any:
    return os.sched_getaffinity(0) if _HAS_PROCESSORS else None


def _policy() -> Any:
    return os.sched_getscheduler(0) if _HAS_POLICY else None
