"""The state of a process that an activity must not leave changed for the next one.

These are put back after each activity: the working folder, the environment variables, the file mode mask, the locale,
the handlers of signals with their mask and timers, ``sys.path``, ``sys.argv``, the standard streams with their file
descriptors, the default time-out of sockets, the folder for temporary files, settings of Python (``interpreter``), and
what the system grants (``granted``). Changes that are made while the module of the activity is imported stay: no later
activity would repeat them.
"""

from __future__ import annotations

import _locale
import _signal  # type: ignore[import-not-found]  # half a microsecond instead of four, for each signal
import math
import os
import sys
import time
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import Any

from simpleflow.worker.granted import Granted
from simpleflow.worker.interpreter import Interpreter

_SIGNALS = tuple(number for number in range(1, _signal.NSIG) if number < 32 and number not in (9, 19))
_TIMERS = (_signal.ITIMER_REAL, _signal.ITIMER_VIRTUAL, _signal.ITIMER_PROF)
_environment: Any = getattr(os.environ, "_data", os.environ)  # comparing the raw bytes takes a tenth of the time


class Surroundings:
    """The state of this process as it is now."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        self._folder = _folder()
        try:
            self._descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = -1
        self._environment = dict(_environment)
        self._mask = os.umask(0o077)
        os.umask(self._mask)
        self._locale = _locale.setlocale(_locale.LC_ALL)
        self._handlers = [_signal.getsignal(number) for number in _SIGNALS]
        self._blocked = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        self._path = list(sys.path)
        self._argv = list(sys.argv)
        self._streams = sys.stdin, sys.stdout, sys.stderr
        self._copies = [(copy, number) for number in (0, 1, 2) if (copy := _copied(number)) != -1]
        self._interpreter = Interpreter()
        self._granted = Granted()
        self._temporary = getattr(sys.modules.get("tempfile"), "tempdir", None)
        self._socket: Any = sys.modules.get("_socket")
        self._timeout = None if self._socket is None else self._socket.getdefaulttimeout()

    def close(self) -> None:
        """Give up what this holds of the system."""
        if self._descriptor != -1:
            os.close(self._descriptor)
        for copy, _ in self._copies:
            os.close(copy)

    @property
    def current(self) -> bool:
        """True if no module was imported since."""
        return len(sys.modules) == self._modules

    def restore(self, seconds: float = math.inf) -> bool:
        """Put everything back. Returns False if that may not do, so that the process should not be used again.

        ``seconds``: how long the activity took.

        That is so if modules were imported while ``sys.path`` was changed, since their later imports may be found there
        only, and if the system does not give back what the activity has given up.
        """
        # First, since the rest may need it, such as file descriptors.
        granted = self._granted.restore(seconds, imported=not self.current)
        if _folder() != self._folder:
            self._return()
        if _environment != self._environment:
            self._restore_environment()
        os.umask(self._mask)
        if _locale.setlocale(_locale.LC_ALL) != self._locale:
            _locale.setlocale(_locale.LC_ALL, self._locale)
        for timer in _TIMERS:
            _signal.setitimer(timer, 0)
        if list(map(_signal.getsignal, _SIGNALS)) != self._handlers:
            self._restore_handlers()
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._blocked)
        self._restore_streams()
        self._interpreter.restore(imported=not self.current)
        if self._socket is not None and self._socket.getdefaulttimeout() != self._timeout:
            self._socket.setdefaulttimeout(self._timeout)
        temporary: Any = sys.modules.get("tempfile")
        if temporary is not None and temporary.tempdir != self._temporary:
            temporary.tempdir = self._temporary
        if sys.argv != self._argv:
            sys.argv[:] = self._argv
        if sys.path == self._path:
            return granted
        sys.path[:] = self._path
        return granted and self.current

    def _restore_handlers(self) -> None:
        for number, handler in zip(_SIGNALS, self._handlers, strict=True):
            if _signal.getsignal(number) is not handler and handler is not None:
                _signal.signal(number, handler)

    def _restore_streams(self) -> None:
        # A descriptor that is closed is worse than no output: the next file that is opened takes its number.
        for copy, number in self._copies:
            os.dup2(copy, number)
        stdin, stdout, stderr = self._streams
        if _is_closed(stdin) or _is_closed(stdout) or _is_closed(stderr):
            self._streams = _open(stdin, 0), _open(stdout, 1), _open(stderr, 2)
        sys.stdin, sys.stdout, sys.stderr = self._streams

    def _return(self) -> None:
        try:
            if self._descriptor != -1:
                os.fchdir(self._descriptor)
            elif self._folder:
                os.chdir(self._folder)
        except OSError:
            pass  # it cannot be entered any more: the next activity finds that itself

    def _restore_environment(self) -> None:
        zone = os.environ.get("TZ")
        before = {os.fsdecode(name): os.fsdecode(value) for name, value in self._environment.items()}
        for name in set(os.environ) - set(before):
            del os.environ[name]
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
        if os.environ.get("TZ") != zone:
            time.tzset()


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def _copied(descriptor: int) -> int:
    """A copy of a file descriptor that programs do not inherit; -1 if it is closed, or if too many are open."""
    try:
        return fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
    except OSError:
        return -1


def _is_closed(stream: Any) -> bool:
    try:
        return bool(stream.closed)
    except AttributeError:  # None, or an object of the program
        return False
    except ValueError:  # it was detached from its buffer
        return True


def _open(stream: Any, descriptor: int) -> Any:
    """The stream, or another one on the same descriptor if an activity has closed it."""
    if not _is_closed(stream):
        return stream
    mode = "w" if descriptor else "r"
    try:
        return open(descriptor, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    except OSError:  # the descriptor was closed when the worker began
        return stream
