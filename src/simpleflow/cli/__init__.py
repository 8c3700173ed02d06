"""The command line. Each module is imported when it is needed, so that ``--version`` does not wait for a database."""

from __future__ import annotations

import os
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command in ``args``, by default the arguments of this process, and return its exit code."""
    from simpleflow.cli import collector

    if args is None:
        collector.pause()
        _fill_closed()
    from simpleflow.cli import app

    return app.run(args)


def _fill_closed() -> None:
    """Open the null device in place of standard files that are closed.

    Otherwise the next files that are opened, such as a pipe to a worker, would get their numbers, and programs that
    activities start would print into them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number: this one
