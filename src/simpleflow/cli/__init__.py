"""The command line. Nothing is loaded before it is needed: ``--version`` must not wait for a database."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run a command, by default the one of this process; returns its exit code."""
    from simpleflow.cli import app

    return app.run(args)
