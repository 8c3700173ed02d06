"""The first actions of a worker: it drops things that it has inherited from its owner and must not use."""

from __future__ import annotations

import atexit
import faulthandler
import fcntl
import io
import os
import signal
import sys
import termios
import weakref
from collections.abc import Callable
from types import FrameType

_STDERR = 2


def own_signals(stop: Callable[[int, FrameType | None], None]) -> None:
    """Forget the handlers of the owner, and let signals in, which were blocked during the fork."""
    for number in (signal.SIGALRM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    # Ctrl-C is the owner's business. A handler, since programs that an activity starts would inherit SIG_IGN.
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


def _ignore(number: int, frame: FrameType | None) -> None:
    """Do nothing about a signal."""


def own_exit_handlers() -> None:
    """Drop the exit handlers that were inherited: the temporary folders of the owner, for one, are not ours to remove.

    As ``multiprocessing`` does, this uses names of the standard library that are not documented.
    """
    atexit._clear()
    for inherited in list(getattr(weakref.finalize, "_registry", ())):
        inherited.atexit = False
    atexit.register(getattr(weakref.finalize, "_exitfunc", lambda: None))


def run_exit_handlers() -> None:
    """Run the exit handlers that were registered since."""
    atexit._run_exitfuncs()


def leave_terminal() -> None:
    """Have no terminal to read from: a program that asks for a password there fails at once.

    A process group in the background that reads from its terminal is stopped by the system, for ever. A new session
    would prevent that, too. But Linux schedules sessions apart, and then handing over a short task takes longer.
    """
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return  # there is none
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    except OSError:
        pass  # the programs that ask are stopped, as in any background job
    finally:
        os.close(terminal)


def tell_crashes() -> None:
    """Let a crash in C code write the stack of Python to standard error, which is in the log of the activity.

    The descriptor, since the streams may be replaced. An owner that has turned it on keeps its own file.
    """
    if not faulthandler.is_enabled():
        faulthandler.enable(file=_STDERR, all_threads=False)


def flush() -> None:
    """Flush the printed text. Errors are ignored: they are not the activity's fault."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass


def print_line_by_line() -> None:
    """Flush after each line, so that nothing is lost with the process, and no worker writes into another's line.

    A stream that was closed when the owner started is None: it is opened if its descriptor is, so that what is printed
    gets into the log.
    """
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, write_through=False)
        elif stream is None:
            try:
                stream = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            except OSError:
                continue  # it is closed here, too
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
