"""Messages to a run from outside during a test, and their moments: signals, requests to cancel, terminations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from simpleflow import values
from simpleflow.checks import check_name
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import InputError, UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import rules


class Message(NamedTuple):
    """One message from outside."""

    kind: str  # signal, cancel or terminate
    name: str  # of the signal
    input: str | None  # of the signal, as JSON text
    workflow_id: str | None  # of the execution that gets it; None: the one that the test runs
    at: float | None  # seconds after the start of the run
    after: str | None  # once a step or an activity with that name, or that pattern of steps, has ended


class Moments:
    """The messages of a test that have not been sent yet. Each is sent once."""

    def __init__(self, waiting: Sequence[Message] = ()) -> None:
        self.waiting = list(waiting)
        self.workflow_id = ""  # of the execution that the test runs
        self.begin = 0.0  # when it was started, in epoch seconds

    def add(
        self, kind: str, name: str, value: Any, workflow_id: str | None, at: float | None, after: str | None
    ) -> None:
        """Add a message. See ``WorkflowRunner.signal``. Raises InputError."""
        if kind == "signal":
            check_name(name, "signal name")
        if at is not None and after is not None:
            raise InputError(f"a message has at={at!r} and after={after!r}; expected one of them")
        if at is not None and not (isinstance(at, int | float) and not isinstance(at, bool) and 0 <= at < math.inf):
            raise InputError(f"at is {at!r}; expected seconds after the start of the run")
        text = None if value is None else values.encode(value, f"input of signal {name}")
        self.waiting.append(Message(kind, name, text, workflow_id, at, after))

    def next_time(self) -> float | None:
        """Epoch seconds of the next message that has a time; None if there is none."""
        return min((self.begin + each.at for each in self.waiting if each.at is not None), default=None)

    def happen(self, engine: EmbeddedEngine, now: float) -> None:
        """Send the messages that are due."""
        self._send(engine, [each for each in self.waiting if each.at is not None and self.begin + each.at <= now])

    def ended(self, engine: EmbeddedEngine, names: Sequence[str]) -> None:
        """Send the messages that come after an activity with these names."""
        due = [
            each
            for each in self.waiting
            if each.after is not None and any(rules.covers(each.after, name) for name in names)
        ]
        self._send(engine, due)

    def answer(self, engine: EmbeddedEngine, awaited: Callable[[str], list[str]]) -> bool:
        """Send the first message without a moment, a signal once an execution waits for it; False if there is none."""
        for each in self.waiting:
            if each.at is not None or each.after is not None:
                continue
            if each.kind != "signal":
                self._send(engine, [each])
                return True
            for run in engine.runs.values():
                if not run.history.open or each.workflow_id not in (None, run.workflow_id):
                    continue
                if each.name in awaited(run.run_id):
                    self.waiting.remove(each)
                    engine.signal_workflow_execution(run.workflow_id, each.name, each.input)
                    return True
        return False

    def _send(self, engine: EmbeddedEngine, messages: Sequence[Message]) -> None:
        for each in messages:
            self.waiting.remove(each)
            workflow_id = each.workflow_id or self.workflow_id
            try:
                if each.kind == "signal":
                    engine.signal_workflow_execution(workflow_id, each.name, each.input)
                elif each.kind == "cancel":
                    engine.request_cancel_workflow_execution(workflow_id)
                else:
                    engine.terminate_workflow_execution(workflow_id, reason="the test")
            except UnknownResource:
                pass  # the execution has ended: a message that comes too late changes nothing
