"""What counts as done the moment it is decided: markers, signals sent, timers cancelled, the wish to continue as new.

Also signals that come in. Nothing here is work that could be lost or repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from simpleflow import values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.core.records import RELAY, Key
from simpleflow.exceptions import InputError
from simpleflow.futures import FINISHED, Future
from simpleflow.signal import WaitForSignal
from simpleflow.task import CancelTimerTask, ContinueAsNewWorkflowTask, MarkerTask, SignalTask

if TYPE_CHECKING:
    from simpleflow.core.decider.evaluation import Evaluation

T = TypeVar("T")


def of_kind(kinds: Mapping[type, T], submittable: object) -> T | None:
    """What stands for the class of ``submittable``, or for the nearest one that it is derived from."""
    exact = kinds.get(type(submittable))
    if exact is not None:
        return exact
    return next((kinds[kind] for kind in type(submittable).__mro__ if kind in kinds), None)


class Notes:
    """The markers, signals and the like of one evaluation."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.markers: list[tuple[str, str | None]] = []
        self._marker_counts: dict[tuple[str, str | None], int] = {}
        self._sent_counts: dict[tuple[str, str, str | None, str | None], int] = {}
        self._waits: dict[str, list[Future]] = {}
        self._lookers: set[object] = set()  # pieces of user code that have looked at the markers
        self._counts_before: dict[str, tuple[dict[Any, int], dict[Any, int]]] = {}

    @property
    def waits(self) -> bool:
        """Somebody waits for a signal."""
        return bool(self._waits)

    def submit(self, submittable: Any) -> Future | None:
        """The future of a note; None if ``submittable`` is not one."""
        method = of_kind(NOTES, submittable)
        return None if method is None else method(self, submittable)

    @contextmanager
    def repeated(self, name: str) -> Iterator[None]:
        """Inside, what is submitted counts as it did when ``name`` was first called: it is the same again."""
        counts = self._marker_counts, self._sent_counts
        before = self._counts_before.get(name)
        if before is None:
            self._counts_before[name] = dict(counts[0]), dict(counts[1])
            yield
            return
        markers = list(self.markers)
        self._marker_counts, self._sent_counts = dict(before[0]), dict(before[1])
        try:
            yield
        finally:
            self._marker_counts, self._sent_counts = counts
            self.markers = markers

    def look(self) -> None:
        """User code looks at the markers so far."""
        self._lookers.add(self.evaluation.fibers.current)

    def _done(self, result: Any = None) -> Future:
        future = Future(self.evaluation)
        future._assign(FINISHED, result)
        return future

    def _marker(self, task: MarkerTask) -> Future:
        details = task.encoded_details
        identity = (task.name, details)
        number = self._marker_counts[identity] = self._marker_counts.get(identity, 0) + 1
        self.markers.append(identity)
        if self._lookers and self._lookers != {self.evaluation.fibers.current}:
            self.evaluation.stale = True  # evaluated afresh, this one may come before that look
        evaluation = self.evaluation
        if number > evaluation.history.marker_counts.get(identity, 0):
            evaluation.outbox["marker", (*identity, number)] = d.RecordMarker(details=details, marker_name=task.name)
        return self._done(details)

    def _signal(self, task: SignalTask) -> Future:
        text = task.encoded_input
        evaluation = self.evaluation
        own = evaluation.execution.workflow_id
        self._send(task.name, task.workflow_id or own, task.run_id, text)
        parent = evaluation.history.started.parent_workflow_execution
        to_parent = evaluation.workflow.propagate_signals_to_parent
        if task.workflow_id is None and task.propagate and parent is not None and to_parent:
            self._send(task.name, parent.workflow_id, parent.run_id, text)  # children: see ``relays``
        return self._done(evaluation.decode(text))

    def _send(self, name: str, workflow_id: str, run_id: str | None, text: str | None) -> None:
        sent = (name, workflow_id, run_id, text)
        number = self._sent_counts[sent] = self._sent_counts.get(sent, 0) + 1
        evaluation = self.evaluation
        if number > evaluation.history.sent_counts.get(sent, 0):
            evaluation.outbox["sent", (*sent, number)] = d.SignalExternalWorkflowExecution(
                input=text, run_id=run_id, signal_name=name, workflow_id=workflow_id
            )

    def _wait(self, wait: WaitForSignal) -> Future:
        received = self.evaluation.history.signals.get(wait.signal_name)
        if received:
            return self._done(self._input(received[-1]))
        future = Future(self.evaluation)
        self._waits.setdefault(wait.signal_name, []).append(future)
        return future

    def signalled(self, name: str) -> None:
        """A signal came in: tell who waits for it."""
        evaluation = self.evaluation
        event = evaluation.history.signals[name][-1]
        for future in self._waits.pop(name, ()):
            if not future._done:
                future._assign(FINISHED, self._input(event))
                evaluation.ended(future)

    def _cancel_timer(self, task: CancelTimerTask) -> Future:
        handle = self.evaluation.handles.get(("timer", task.timer_id))
        if handle is not None and not handle.future._done:
            handle.future.cancel()
        return self._done()

    def _continue_as_new(self, task: ContinueAsNewWorkflowTask) -> Future:
        self.evaluation.continues = task
        return Future(self.evaluation)

    def continuation(self, task: ContinueAsNewWorkflowTask) -> d.ContinueAsNewWorkflowExecution:
        """The decision that ends this execution and begins the next one."""
        started = self.evaluation.history.started
        return d.ContinueAsNewWorkflowExecution(
            child_policy=started.child_policy,
            execution_start_to_close_timeout=started.execution_start_to_close_timeout,
            input=task.encode_input(self.evaluation.carried),
            tag_list=tuple(tag for tag in started.tag_list or () if tag is not None) or None,
            task_list=started.task_list,
            task_priority=started.task_priority,
            task_start_to_close_timeout=started.task_start_to_close_timeout,
        )

    def _input(self, event: e.Event) -> Any:
        attributes = event.attributes
        assert isinstance(attributes, e.WorkflowExecutionSignaled)
        return self.evaluation.decode(attributes.input)

    def details(self, kind: str, name: str) -> dict[str, Any] | None:
        """See ``Workflow.get_event_details``."""
        history = self.evaluation.history
        if kind == "signal":
            events = history.signals.get(name)
        elif kind == "marker":
            events = history.markers.get(name)
        elif kind == "timer":
            record = history.timers.get(name)
            if record is None or record.scheduled is None:
                return None
            return {
                "type": "timer",
                "name": name,
                "id": name,
                "state": record.state,
                "event_id": record.scheduled_id,
                "timestamp": record.scheduled_at,
                "timeout": int(record.scheduled.start_to_fire_timeout),
                "control": self.evaluation.decode(record.scheduled.control),
            }
        else:
            raise InputError(f"event type {kind!r} is unknown; expected signal, marker or timer")
        if not events:
            return None
        found = {"type": kind, "name": name, "event_id": events[-1].id, "timestamp": events[-1].time}
        attributes: Any = events[-1].attributes
        if kind == "marker":
            return found | {"state": "recorded", "details": self.evaluation.decode(attributes.details)}
        source = attributes.external_workflow_execution
        return found | {
            "state": "signaled",
            "input": self.evaluation.decode(attributes.input),
            "external_workflow_id": source.workflow_id if source else None,
            "external_run_id": source.run_id if source else None,
        }


def relays(
    history: History, event: e.Event, own: str, to_parent: bool
) -> Iterator[tuple[Key, d.SignalExternalWorkflowExecution]]:
    """What passes a signal that came in on to the parent and the open children, except to where it came from."""
    signal = event.attributes
    assert isinstance(signal, e.WorkflowExecutionSignaled)
    content = values.decode(signal.input)
    if not isinstance(content, dict) or not content.get("__propagate"):
        return
    source = signal.external_workflow_execution.workflow_id if signal.external_workflow_execution else None
    parent = history.started.parent_workflow_execution
    targets = []
    if parent is not None and to_parent and source != own:  # what it sends itself it has sent to the parent too
        targets.append((parent.workflow_id, parent.run_id))
    targets += [(id, record.run_id) for id, record in history.children.items() if record.open and record.run_id]
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


NOTES: dict[type[Any], Callable[[Notes, Any], Future]] = {
    MarkerTask: Notes._marker,
    SignalTask: Notes._signal,
    WaitForSignal: Notes._wait,
    CancelTimerTask: Notes._cancel_timer,
    ContinueAsNewWorkflowTask: Notes._continue_as_new,
}
