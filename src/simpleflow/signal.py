"""Waiting for a signal."""

from __future__ import annotations

from simpleflow import base


class WaitForSignal(base.Submittable):
    """Submit it to get a future that is finished once the signal ``signal_name`` has come in.

    Its result is the signal's input: for signals sent by ``Workflow.signal`` a dict with the keys ``args``,
    ``kwargs`` and ``__propagate``. A signal that came in before counts; of several of one name, the latest.
    """

    def __init__(self, signal_name: str) -> None:
        base.check_name(signal_name, "signal name")
        self.signal_name = signal_name

    def __repr__(self) -> str:
        return f"WaitForSignal({self.signal_name!r})"
