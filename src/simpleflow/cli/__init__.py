"""The command line. Each module is imported when it is needed, so that ``--version`` does not wait for a database."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command in ``args``, by default the arguments of this process, and return its exit code."""
    from simpleflow.cli import collector

    if args is None:
        collector.pause()
    from simpleflow.cli import app

    return app.run(args)
