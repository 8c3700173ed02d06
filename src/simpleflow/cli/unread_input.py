"""A warning if standard input holds data that no option reads, since users may believe that it was used."""

from __future__ import annotations

import os
import stat
import sys

import click

from simpleflow.cli.options import session

_TEXT = "standard input holds data that is not read; give --input - to read the input of the workflow from it"


def watch(text: str | None, file: str | None) -> None:
    """Tell it in one line, now or at the end of the command, unless ``--input`` or ``--input-file`` reads it.

    A pipe may still be empty now, since the program at its other end has just begun.
    """
    if "-" not in (text, file) and not _tell():
        click.get_current_context().call_on_close(_tell)


def _tell() -> bool:
    if not _holds_data():
        return False
    session().terminal.write(f"warning: {_TEXT}\n")
    return True


def _holds_data() -> bool:
    """True if standard input is a pipe, a socket or a file with data that can be read."""
    try:
        number = sys.stdin.fileno()
        mode = os.fstat(number).st_mode
        if stat.S_ISREG(mode):
            return os.fstat(number).st_size > os.lseek(number, 0, os.SEEK_CUR)
        return (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and _waiting_bytes(number) > 0
    except (AttributeError, OSError, ValueError):  # it is closed, or not a file
        return False


def _waiting_bytes(number: int) -> int:
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    fcntl.ioctl(number, termios.FIONREAD, count)
    return count[0]
