"""Waiting for a signal."""

from __future__ import annotations

from simpleflow import base, checks


class WaitForSignal(base.Submittable):
    """A wait for a signal. Submitting it returns a future that is done once the signal has arrived.

    The future's result is the signal's input, decoded. A signal that ``Workflow.signal`` sent has a dict with the keys
    ``args``, ``kwargs`` and ``__propagate``. A signal that arrived before the wait counts; if several of the same name
    arrived, the latest is the result.

    Raises InputError for a name that is not text of 1 to 256 characters.
    """

    def __init__(self, signal_name: str) -> None:
        checks.check_name(signal_name, "signal name")
        self.signal_name = signal_name

    def __repr__(self) -> str:
        return f"WaitForSignal({self.signal_name!r})"
