"""Signals: those that one evaluation sends, those that it waits for, and those that it passes on.

A signal counts as sent the moment it is decided. The n-th submission of the same signal (name, target, input) stands
for the n-th sent signal of that kind in the history, and is decided if the history holds fewer.

A received signal may say that it is to be propagated. Then it goes on to the parent and to the open children, but never
back to the execution that sent it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from functools import partial
from typing import Any

from simpleflow import values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.history import History
from simpleflow.core.records import RELAY, Key
from simpleflow.futures import FINISHED, Promise
from simpleflow.signal import WaitForSignal
from simpleflow.task import SignalTask

_Identity = tuple[str, str, str | None, str | None]  # name, workflow id, run id, input as JSON text


class Signals:
    """The signals that an evaluation has sent, how often each, and the signals that it waits for."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._counts: MutableMapping[_Identity, int] = {}  # signals sent so far
        self._waiting: dict[str, list[Promise]] = {}  # by signal name
        self._listeners: dict[str, list[Callable[[], None]]] = {}  # by signal name

    @property
    def awaited(self) -> bool:
        """True if user code waits for a signal."""
        return bool(self._waiting)

    @property
    def awaited_names(self) -> list[str]:
        """The names of these signals. Another thread may ask, so the dict is copied in one step."""
        return list(self._waiting)

    def send(self, task: SignalTask) -> Promise:
        """Send a signal to the execution that the task names, or else to this one; the result is its input."""
        evaluation = self._evaluation
        text = task.encoded_input
        self._send(task.name, task.workflow_id or evaluation.execution.workflow_id, task.run_id, text)
        parent = evaluation.history.started.parent_workflow_execution
        to_parent = evaluation.workflow.propagate_signals_to_parent
        if task.workflow_id is None and task.propagate and parent is not None and to_parent:
            # The children get the signal once this execution has received it, see ``relays``.
            self._send(task.name, parent.workflow_id, parent.run_id, text)
        return self._finished(evaluation.decode(text))

    def _send(self, name: str, workflow_id: str, run_id: str | None, text: str | None) -> None:
        identity = (name, workflow_id, run_id, text)
        number = self._counts[identity] = self._counts.get(identity, 0) + 1
        if number > self._evaluation.history.sent_counts.get(identity, 0):
            self._evaluation.outbox["sent", (*identity, number)] = d.SignalExternalWorkflowExecution(
                input=text, run_id=run_id, signal_name=name, workflow_id=workflow_id
            )

    def wait(self, wait: WaitForSignal) -> Promise:
        """A promise of the input of the latest signal of that name: final now if there is one, else when one comes."""
        received = self._evaluation.history.signals.get(wait.signal_name)
        if received:
            return self._finished(self._input(received[-1]))
        promise = Promise(self._evaluation)
        self._waiting.setdefault(wait.signal_name, []).append(promise)
        return promise

    def listen(self, name: str, function: Callable[[], None]) -> None:
        """Call ``function`` whenever a signal of that name has come. That is no waiting."""
        self._listeners.setdefault(name, []).append(function)

    def inputs(self, name: str) -> list[Any]:
        """The inputs of the signals of that name, in order."""
        return [self._input(event) for event in self._evaluation.history.signals.get(name, ())]

    def received(self, name: str) -> None:
        """A signal of that name was received: finish the promises that wait for it."""
        for function in self._listeners.get(name, ()):
            self._evaluation.fibers.soon(partial(self._evaluation.guard, function))
        event = self._evaluation.history.signals[name][-1]
        for promise in self._waiting.pop(name, ()):
            if not promise.done:
                promise.assign(FINISHED, self._input(event))
                self._evaluation.announce_soon(promise)

    def save(self) -> MutableMapping[_Identity, int]:
        """The counts as they stand, for ``restore``."""
        return self._counts

    def counts(self) -> dict[_Identity, int]:
        """A copy of the counts, for ``count_from``."""
        return dict(self._counts)

    def count_from(self, counts: dict[_Identity, int]) -> None:
        """Go back to these counts until ``restore``."""
        self._counts = ChainMap({}, counts)

    def restore(self, saved: MutableMapping[_Identity, int]) -> None:
        """Go back to the saved counts."""
        self._counts = saved

    def _finished(self, result: Any) -> Promise:
        promise = Promise(self._evaluation)
        promise.assign(FINISHED, result)
        return promise

    def _input(self, event: e.Event) -> Any:
        attributes = event.attributes
        assert isinstance(attributes, e.WorkflowExecutionSignaled)
        return self._evaluation.decode(attributes.input)


def relays(
    history: History, event: e.Event, own: str, to_parent: bool, starting: Iterable[str] = ()
) -> Iterator[tuple[Key, d.SignalExternalWorkflowExecution]]:
    """The decisions that pass on a received signal, each with the key of its record.

    Args:
        event: the WorkflowExecutionSignaled.
        own: workflow id of the execution that received it.
        to_parent: also pass it on to the parent.
        starting: workflow ids of children that the service has yet to be told of. Like others that have not started,
            they get the signal once they have, see ``answer``.
    """
    signal = event.attributes
    assert isinstance(signal, e.WorkflowExecutionSignaled)
    content = values.decode(signal.input)
    if not isinstance(content, dict) or not content.get("__propagate"):
        return
    source = signal.external_workflow_execution.workflow_id if signal.external_workflow_execution else None
    parent = history.started.parent_workflow_execution
    targets: list[tuple[str, str | None]] = []
    if parent is not None and to_parent and source != own:  # ``send`` has sent those to the parent
        targets.append((parent.workflow_id, parent.run_id))
    targets += [(id, record.run_id) for id, record in history.children.items() if record.open]
    targets += [(id, None) for id in starting]
    control = f"{RELAY}{event.id}"
    for workflow_id, run_id in targets:
        if workflow_id != source:
            yield (
                ("relayed", (control, workflow_id)),
                d.SignalExternalWorkflowExecution(
                    control=control,
                    input=signal.input,
                    run_id=run_id,
                    signal_name=signal.signal_name,
                    workflow_id=workflow_id,
                ),
            )
