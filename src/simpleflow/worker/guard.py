"""The guard: a small process that kills the workers of an owner which has died, with all that they have started.

Theory of operation
-------------------
A worker watches its owner itself, in a thread. But a thread of Python does not run while a long call into C keeps the
interpreter lock, and the worker would go on writing while another process does its step again. So the owner forks one
more process first, which only waits. The owner writes to it which workers there are. When the owner dies, however it
dies, the kernel closes that pipe. The workers see that, too, and end when they have put the output into logs (see
``output``); the guard leaves them a moment for that. Then it kills the process groups of all workers, waits until they
are gone, and ends. If another process has inherited the pipe, the guard sees soon that its parent has changed. It leads
a new session and ignores the signals that stop a program, so only SIGKILL ends it sooner. Then the owner starts another
one.

The guard runs no code but this, and keeps no file open but its pipe: a reader of the owner's output sees its end.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from typing import NoReturn

from simpleflow.worker import forks

_LOOK_SECONDS = 0.5  # between two looks at the parent
_MOMENT_SECONDS = 0.5  # how long the workers have to make logs and end themselves; a busy machine needs that
_WAIT_SECONDS = 5.0  # how long the guard waits for the ends of workers that it has killed
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Guard:
    """Kills the workers of this process when it dies. Also holds the pipe by which workers see that.

    Attributes:
        life: a pipe that is never written to. A worker keeps the reading end, which closes when the owner dies.

    It starts with the first worker: a run that needs no worker needs no guard. Raises OSError if no pipe can be made.
    """

    def __init__(self) -> None:
        self.life = os.pipe()
        self._workers: set[int] = set()
        self._writer = -1
        self._pid = 0

    def start(self) -> None:
        """Start the guard if there is none, or it has died. Raises OSError if no process can be made."""
        if self._has_ended():
            if self._writer != -1:
                os.close(self._writer)
                self._writer = -1
            self._start()

    def add(self, pid: int) -> None:
        """A worker has begun; it leads a process group."""
        self._workers.add(pid)
        self._write(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """A worker has ended, with its process group."""
        self._workers.discard(pid)
        self._write(f"-{pid}\n")

    def check(self) -> None:
        """Start another guard if there are workers, and this one has died."""
        if self._workers:
            try:
                self.start()
            except OSError:
                self._pid = 0  # for the moment the watching threads of the workers have to do

    def close(self) -> None:
        """End the guard, once all workers have ended."""
        if self._writer != -1:
            self._write("end\n")  # another process may have inherited the pipe
            os.close(self._writer)
            self._writer = -1
        self._close_life()
        if self._pid:
            try:
                os.waitpid(self._pid, 0)
            except ChildProcessError:
                pass

    def leave(self) -> None:
        """In a worker that was just forked: close what only the owner may hold."""
        os.close(self.life[1])
        if self._writer != -1:
            os.close(self._writer)

    def _has_ended(self) -> bool:
        try:
            return self._pid == 0 or os.waitpid(self._pid, os.WNOHANG)[0] == self._pid
        except ChildProcessError:
            return True

    def _start(self) -> None:
        reader, writer = os.pipe()
        try:
            with forks.alone():
                gc.freeze()  # else its garbage collector would copy the memory that it shares with its owner
                # No handler of its owner may run in it.
                before = signal.pthread_sigmask(signal.SIG_BLOCK, _IGNORED)
                try:
                    pid = os.fork()
                    if pid == 0:
                        _run(reader)
                finally:
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                    gc.unfreeze()
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        os.close(reader)
        os.set_blocking(writer, False)
        self._pid, self._writer = pid, writer
        for each in self._workers:
            self._write(f"+{each}\n")

    def _write(self, text: str) -> None:
        try:
            os.write(self._writer, text.encode())
        except OSError:
            pass  # it has died: ``check`` starts another one

    def _close_life(self) -> None:
        os.close(self.life[0])
        os.close(self.life[1])


def _run(reader: int) -> NoReturn:
    """The life of the guard."""
    try:
        os.setsid()
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        null = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(null, each)
        os.closerange(3, reader)
        os.closerange(reader + 1, os.sysconf("SC_OPEN_MAX"))
        os.chdir("/")
        _kill(_workers_at_the_end(reader))
    finally:
        os._exit(0)


def _workers_at_the_end(reader: int) -> set[int]:
    """Read which workers begin and end, until the owner dies or closes the pipe; returns those that are left."""
    owner = os.getppid()
    workers: set[int] = set()
    rest = b""
    while True:
        if not select.select([reader], [], [], _LOOK_SECONDS)[0]:
            if os.getppid() != owner:
                return workers
            continue
        data = os.read(reader, 4096)
        if not data:
            return workers
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line == b"end":
                return workers
            pid = int(line[1:])
            if line.startswith(b"+"):
                workers.add(pid)
            else:
                workers.discard(pid)


def _kill(workers: set[int]) -> None:
    kill_at = time.monotonic() + _MOMENT_SECONDS
    end = kill_at + _WAIT_SECONDS
    while workers and time.monotonic() < end:
        number = 0 if time.monotonic() < kill_at else signal.SIGKILL  # 0: only look
        for pid in list(workers):
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                workers.discard(pid)
            except PermissionError:
                pass  # zombies that are not collected, on some systems
        time.sleep(0.005)
