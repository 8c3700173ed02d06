"""A run under the control of a test: its clock, the order of its results, and a second decider that checks the first.

``Simulation`` drives a ``MemoryEngine``. It makes each decision twice: with a live ``Decider``, event by event, and
with ``decide``, which evaluates the whole history afresh. Both must give the same bytes. Every history must be one that
botocore's model of the service allows, and come back unchanged from the codec.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.loaders import Loader

from simpleflow import activity, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.codec import (
    decision_to_dict,
    decode_decision,
    decode_history,
    encode_decision,
    encode_history,
    event_to_dict,
)
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decider.decide import Decider, decide
from simpleflow.core.decider.evaluation import Execution, Failure
from simpleflow.core.history import History
from simpleflow.engines.base import ActivityTask, DecisionTask, StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.dispatch import Outcome, perform
from simpleflow.workflow import Workflow

SHAPES: dict[str, Any] = Loader().load_service_model("swf", "service-2")["shapes"]


class Clock:
    """A clock that only the test advances."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@activity.with_attributes()
def add(*numbers: int) -> int:
    return sum(numbers)


@activity.with_attributes()
def echo(*args: Any, **kwargs: Any) -> Any:
    return [*args, kwargs] if kwargs else list(args)


@activity.with_attributes()
def same(value: Any = None) -> Any:
    return value


@activity.with_attributes()
def break_down(text: str = "broken") -> None:
    raise ValueError(text)


@activity.with_attributes(raises_on_failure=True)
def break_hard(text: str = "broken") -> None:
    raise ValueError(text)


def fault(shape_name: str, value: Any, path: str = "") -> str | None:
    """The first error of a JSON value against this shape of botocore's model; None if it fits."""
    shape = SHAPES[shape_name]
    match shape["type"]:
        case "structure":
            missing = set(shape.get("required", ())) - set(value)
            unknown = set(value) - set(shape["members"])
            if missing or unknown:
                return f"{path}: missing {sorted(missing)}, unknown {sorted(unknown)}"
            pairs = [(shape["members"][key]["shape"], each, f"{path}.{key}") for key, each in value.items()]
        case "list":
            pairs = [(shape["member"]["shape"], each, path) for each in value]
        case "string":
            if not isinstance(value, str):
                return f"{path} is {value!r}"
            if "enum" in shape and value not in shape["enum"]:
                return f"{path} is {value!r}, not one of {shape['enum']}"
            fits = shape.get("min", 0) <= len(value) <= shape.get("max", len(value))
            return None if fits else f"{path} has {len(value)} characters"
        case "timestamp":
            return None if isinstance(value, int | float) else f"{path} is {value!r}"
        case _:
            return None if isinstance(value, int) else f"{path} is {value!r}"
    return next((found for pair in pairs if (found := fault(*pair))), None)


def check_history(events: Sequence[e.Event]) -> None:
    """The history is one that the service could have, and the codec keeps every part of it."""
    encoded = encode_history(events)
    assert encode_history(decode_history(encoded)) == encoded
    assert [each.attributes for each in decode_history(encoded)] == [each.attributes for each in events]
    for event in events:
        assert fault("HistoryEvent", event_to_dict(event), event.type) is None, event
    folded = History()
    for event in events:
        folded.apply(event)
    times = [event.time for event in events]
    assert times == sorted(times)


def check_decisions(decisions: Iterable[d.Decision]) -> None:
    for decision in decisions:
        encoded = encode_decision(decision)
        assert decode_decision(encoded) == decision
        assert fault("Decision", decision_to_dict(decision)) is None, decision


class Simulation:
    """One run, and the runs that it starts. Activities wait in ``tasks`` until the test ends them."""

    def __init__(
        self,
        workflow_class: type[Workflow],
        *args: Any,
        limits: Limits = Limits(),
        workflow_id: str = "w",
        tag_list: tuple[str, ...] = (),
        execution_timeout: str = "31536000",
        **kwargs: Any,
    ) -> None:
        self.clock = Clock()
        self.engine = MemoryEngine(self.clock)
        self.limits = limits
        self.tasks: list[ActivityTask] = []  # open, in the order in which they were scheduled
        self.tries: dict[str, int] = {}  # attempts by activity id
        self.answers: list[list[bytes]] = []  # the encoded decisions of each decision task
        self.scheduled: set[tuple[str, str | None]] = set()  # id and input of each activity
        self.failures: dict[str, Failure] = {}
        self.deciders: dict[str, Decider] = {}
        self.classes: dict[str, type[Workflow]] = {}
        self.workflow_id = workflow_id
        name = workflow_class.name or workflow_class.__name__
        self.classes[name] = workflow_class
        text = values.encode({"args": args, "kwargs": kwargs}, "input")
        self.run_id = self.engine.start_workflow_execution(
            StartRequest(workflow_id, name, "1", text, tag_list=tag_list, execution_timeout=execution_timeout)
        )

    # Deciding

    def poll(self) -> DecisionTask | None:
        return self.engine.poll_for_decision_task("test")

    def answer(self, task: DecisionTask) -> list[d.Decision]:
        """The decisions of the live decider, compared with those of a fresh evaluation."""
        decider = self.deciders.get(task.run_id)
        execution = Execution(task.workflow_id, task.run_id)
        workflow_class = self.classes[task.name]
        if decider is None:
            decider = self.deciders[task.run_id] = Decider(workflow_class, execution, self.limits)
        events = task.events[: task.started_event_id]
        decider.advance(events[len(decider.history.events) :])
        answer = decider.answer()
        assert decider.evaluation is not None
        for child in decider.evaluation.workflows.values():
            self.classes[child.name or f"{child.__module__}.{child.__name__}"] = child
        if answer.failure is not None:
            self.failures[task.run_id] = answer.failure
        live = [encode_decision(decision) for decision in answer.decisions]
        fresh = [encode_decision(each) for each in decide(workflow_class, events, execution, self.limits)]
        assert live == fresh, f"decision task {task.started_event_id}: the live and the fresh decisions differ"
        check_decisions(answer.decisions)
        self.answers.append(live)
        return answer.decisions

    def decide(self) -> list[d.Decision] | None:
        """Complete one decision task. Returns its decisions; None if no decision task waits."""
        task = self.poll()
        if task is None:
            return None
        decisions = self.answer(task)
        self.engine.respond_decision_task_completed(task.token, decisions)
        return decisions

    def settle(self) -> None:
        """Complete every decision task that there is now, also after timers of 0 seconds; then fetch the activities."""
        for _ in range(500):
            due = self.engine.next_deadline()
            if due is not None and due <= self.clock.now:
                self.engine.expire()
            if self.decide() is None and not self._due():
                break
        else:
            raise AssertionError("the run makes decisions for ever")
        self.fetch()

    def fetch(self) -> None:
        """Move the scheduled activities into ``tasks``, and drop those that are no longer open."""
        """Move the scheduled activities into ``tasks``, and drop those that are no longer open."""
        """Move the scheduled activities into ``tasks``, and drop those that are no longer open."""
        while (task := self.engine.poll_for_activity_task("test")) is not None:
            name = self.name(task)
            self.tries[name] = self.tries.get(name, 0) + 1
            self.scheduled.add((name, task.input))
            self.tasks.append(task)
        self.tasks = [task for task in self.tasks if self.engine.is_open(task.token)]

    def name(self, task: ActivityTask) -> str:
        """The id of the activity, after the workflow id if it belongs to a child."""
        return task.activity_id if task.run_id == self.run_id else f"{task.workflow_id}/{task.activity_id}"

    def _due(self) -> bool:
        due = self.engine.next_deadline()
        return due is not None and due <= self.clock.now

    # Events from outside

    def finish(self, index: int = 0, outcome: Outcome | None = None) -> str:
        """End the activity task at ``index`` of ``tasks``: with ``outcome``, or with what its code returns."""
        task = self.tasks.pop(index)
        if outcome is None:
            outcome = perform(task)
        if outcome.failed:
            self.engine.respond_activity_task_failed(task.token, outcome.reason, outcome.details)
        else:
            self.engine.respond_activity_task_completed(task.token, outcome.result)
        return task.activity_id

    def finish_named(self, part: str, outcome: Outcome | None = None) -> str:
        """End the one activity task whose id or input contains ``part``."""
        found = [i for i, task in enumerate(self.tasks) if part in task.activity_id or part in (task.input or "")]
        assert len(found) == 1, (part, self.tasks)
        return self.finish(found[0], outcome)

    def wait(self, seconds: float | None = None) -> None:
        """Advance the clock by some seconds, or to the next deadline."""
        if seconds is None:
            due = self.engine.next_deadline()
            assert due is not None, "nothing is due"
            self.clock.now = max(due, self.clock.now)
        else:
            self.clock.now += seconds
        self.engine.expire()

    def run(
        self,
        choose: Callable[[list[ActivityTask]], int] = lambda tasks: 0,
        outcome: Callable[[ActivityTask, int], Outcome | None] = lambda task, attempt: None,
    ) -> Simulation:
        """Run to the end: after every decision, the activity whose index ``choose`` returns ends."""
        for _ in range(2_000):
            self.settle()
            if not self.history.open:
                return self
            if self.tasks:
                index = choose(self.tasks)
                self.finish(index, outcome(self.tasks[index], self.tries[self.name(self.tasks[index])]))
            else:
                self.wait()
        raise AssertionError("the run never ends")

    def run_in_disorder(
        self, order: Callable[[int], int], outcome: Callable[[ActivityTask, int], Outcome | None]
    ) -> Simulation:
        """Run to the end; ``order(n)`` chooses among n: what happens next, and which activity ends.

        Activities also end during a decision task, and several end between two decision tasks.
        """
        for _ in range(5_000):
            if not self.history.open:
                return self
            self.fetch()
            step = order(3)
            if step < 2 and (task := self.poll()) is not None:
                decisions = self.answer(task)
                if self.tasks and step:
                    self._finish_one(order, outcome)
                self.engine.respond_decision_task_completed(task.token, decisions)
            elif self.tasks:
                self._finish_one(order, outcome)
            elif step == 2 and self._due():
                self.wait(0)
        raise AssertionError("the run never ends")

    def _finish_one(self, order: Callable[[int], int], outcome: Callable[[ActivityTask, int], Outcome | None]) -> None:
        index = order(len(self.tasks))
        self.finish(index, outcome(self.tasks[index], self.tries[self.name(self.tasks[index])]))

    def signal(self, name: str, *args: Any, propagate: bool = False, **kwargs: Any) -> None:
        text = values.encode({"args": args, "kwargs": kwargs, "__propagate": propagate}, "input")
        self.engine.signal_workflow_execution(self.workflow_id, name, text)

    def cancel(self) -> None:
        self.engine.request_cancel_workflow_execution(self.workflow_id)

    # Results

    @property
    def history(self) -> History:
        return self.engine.runs[self.run_id].history

    @property
    def events(self) -> list[e.Event]:
        return self.history.events

    @property
    def state(self) -> str:
        return self.history.state

    @property
    def result(self) -> Any:
        """The result of the run. Checks that the run completed, and the histories of it and its children."""
        self.check()
        assert self.state == "completed", (self.state, self.history.closed)
        return values.decode(self.history.closed.attributes.result)  # type: ignore[union-attr]

    @property
    def reason(self) -> str:
        """Why the run failed."""
        self.check()
        assert self.state == "failed", self.state
        return self.history.closed.attributes.reason  # type: ignore[union-attr,no-any-return]

    def check(self) -> None:
        for run in self.engine.runs.values():
            check_history(run.history.events)

    def types(self, since: int = 1) -> list[str]:
        """Types of the events from the id ``since`` on."""
        return [event.type for event in self.events[since - 1 :]]

    def of_type(self, kind: type[Any]) -> list[Any]:
        return [event.attributes for event in self.events if isinstance(event.attributes, kind)]

    def close(self) -> None:
        for decider in self.deciders.values():
            decider.discard()


def simulate(workflow_class: type[Workflow], *args: Any, **kwargs: Any) -> Simulation:
    """A run from start to end, in which activities end in order."""
    return Simulation(workflow_class, *args, **kwargs).run()
