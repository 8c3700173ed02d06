"""Random workflows with steps, driven in several ways that must come to the same histories, byte for byte."""

from __future__ import annotations

import itertools
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import codec
from simpleflow.core.decider.decide import decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.engines.base import DecisionTask, StartRequest
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import TaskFailureContext
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import perform
from simpleflow.worker.inline import respond
from simpleflow.worker.loop import last_run

NAMES = ("a", "a.b", "b", "c", "d")
KINDS = (
    *("step", "step", "step", "group", "chain", "func", "activity", "child"),
    *("timer", "marker", "markers", "details", "peek", "force", "skip", "signal", "wait", "wait"),
    *("cancel", "again", "map", "looking", "hear", "cancel timer", "failing"),
)
SIGNALS = ("outside", "step.a")
CONTINUED = 1_000_000
"""How much greater the seed is of an execution that continues another one."""

_places = itertools.count()


class Drawn(Exception):
    """A failure that was drawn."""


@activity.with_attributes(retry=1)
def play(number: int, fails: bool) -> list[int]:
    if fails:
        raise Drawn(number)
    return [number]


@activity.with_attributes(idempotent=True)
def same(value: Any) -> Any:
    return value


class Child(Workflow):
    name = "roads-child"

    def run(self, number: int) -> Any:
        return [self.submit(play, number, False).result, self.submit(play, number + 1, False).result]


class Road(Workflow, WorkflowStepMixin):
    """Does what its input says, and branches on whatever it sees."""

    name = "roads"

    def get_step_bucket(self) -> str:
        return str(self.bucket)

    def before_replay(self, history: Any) -> None:
        if self.asked("hooks"):
            self.submit(self.record_marker("before", len(self.list_markers(all=True)) % 2))

    def after_replay(self, history: Any) -> None:
        if self.asked("hooks"):
            self.submit(self.record_marker("after", len(self.list_markers(all=True)) % 3))

    def should_cancel(self, history: Any) -> bool:
        return bool(len(history.activities) % 2)

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        if not self.asked("failures"):
            return None
        context = failure_context
        match zlib.crc32(f"{context.id} {context.retry_count}".encode()) % 7:
            case 0:
                return context.decide_retry(context.retry_count)
            case 1:
                return context.decide_cancel()
            case 2:
                return context.decide_ignore()
            case 3:
                return context.decide_handled(context.a_task, self.submit(same, context.id))
            case 4 if context.attempt_number > 1:
                return context.decide_abort()
        return None

    def asked(self, what: str) -> bool:
        """Whether this seed has hooks of that kind."""
        seed, _ = self.given
        return zlib.crc32(f"{what} {seed % CONTINUED}".encode()) % 3 == 0

    @property
    def given(self) -> list[Any]:
        return list(json.loads(self.executor.history.started.input)["args"])

    def drawn(self, draw: random.Random, number: int) -> Any:
        forces = draw.sample(NAMES, draw.randrange(2))
        work = draw.choice([(play, number, draw.random() < 0.2), Group((play, number, False), (play, -number, False))])
        return self.step(draw.choice(NAMES), work, force_steps_if_executed=forces, emit_signal=draw.random() < 0.2)

    def run(self, seed: int, bucket: str) -> Any:
        self.bucket = bucket
        draw = random.Random(seed)
        futures: list[Any] = []
        seen: list[Any] = []
        for number in range(draw.randrange(3, 12)):
            kind = draw.choice(KINDS)
            if kind == "step":
                futures.append(self.submit(self.drawn(draw, number)))
            elif kind in ("group", "chain"):
                members = [self.drawn(draw, number), (play, number, draw.random() < 0.2), self.drawn(draw, number)]
                futures.append(self.submit({"group": Group, "chain": Chain}[kind](*members)))
            elif kind == "func":
                step = self.drawn(draw, number)
                futures.append(self.submit(FuncGroup(lambda step=step: Chain(step))))
            elif kind == "activity":
                given = futures[-1] if futures and draw.random() < 0.3 else number
                futures.append(self.submit(play, number, False) if given is number else self.submit(play, given, False))
            elif kind == "child":
                futures.append(self.submit(Child, number))
            elif kind == "timer":
                futures.append(self.submit(self.start_timer(f"t{number}", draw.randrange(3))))
            elif kind == "marker":
                self.submit(self.record_marker("seen", len(seen)))
            elif kind == "markers":
                seen.append(len(self.list_markers(all=True)))
                self.submit(self.record_marker("markers", seen[-1]))
            elif kind == "details":
                found = self.get_event_details("signal", "step.a")
                if found is None:
                    futures.append(self.submit(play, 100 + number, False))
            elif kind == "peek" and futures:
                if not draw.choice(futures).finished:
                    futures.append(self.submit(play, 200 + number, False))
            elif kind == "force":
                self.add_forced_steps(draw.choice(NAMES), "drawn")
            elif kind == "skip":
                self.add_skipped_steps(draw.choice(NAMES), "drawn")
            elif kind == "signal":
                self.submit(self.signal("step.a", number))
            elif kind == "wait" and futures:
                draw.choice(futures).exception
            elif kind == "cancel" and futures:
                draw.choice(futures).cancel()
            elif kind == "again":
                futures.append(self.submit(same, number % 3))
            elif kind == "map":
                futures += self.map(same, [number, *draw.sample(futures, min(len(futures), 2))])
            elif kind == "looking":
                futures.append(self.submit(FuncGroup(lambda: Group((same, len(self.list_markers(all=True)))))))
            elif kind == "hear":
                futures.append(self.submit(self.wait_signal(draw.choice(SIGNALS))))
            elif kind == "cancel timer":
                self.submit(self.cancel_timer(f"t{draw.randrange(number + 1)}"))
            elif kind == "failing":
                futures.append(self.submit(play, number, True))
        if seed < CONTINUED and draw.random() < 0.1:
            self.submit(self.continue_as_new(seed + CONTINUED, bucket))
        return [repr(future.exception) for future in futures]


Answer = Callable[[DecisionTask], None]
Road_ = Callable[[EmbeddedEngine, random.Random], Answer]


def kept_alive(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """One decider for each execution, which reads the engine's own history."""
    return DecisionWorker(engine, {"roads": Road, "roads-child": Child}).decide


def evicted(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """The same, but what is kept alive is given up at random."""
    deciders = DecisionWorker(engine, {"roads": Road, "roads-child": Child})

    def answer(task: DecisionTask) -> None:
        if draw.random() < 0.4:
            deciders.forget(task.run_id)
        deciders.decide(task)

    return answer


def told(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """One decider for each execution, which is told of events and folds them itself, as on Amazon SWF."""
    deciders = DecisionWorker(engine, {"roads": Road, "roads-child": Child})
    return lambda task: deciders.decide(task._replace(history=None))


def from_nothing(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """Every decision is found from the history alone."""

    def answer(task: DecisionTask) -> None:
        events = task.events[: task.started_event_id]
        execution = Execution(task.workflow_id, task.run_id)
        decisions = decide({"roads": Road, "roads-child": Child}[task.name], events, execution)
        engine.respond_decision_task_completed(task.token, decisions)

    return answer


def tell(engine: EmbeddedEngine, order: random.Random) -> None:
    """Now and then, something comes from outside."""
    happens = order.random()
    if happens < 0.03:
        engine.signal_workflow_execution("w", order.choice(SIGNALS), f"{order.randrange(3)}")
    elif happens < 0.035:
        engine.request_cancel_workflow_execution("w")


def drive(engine: EmbeddedEngine, road: Road_, seed: int, clock: list[float]) -> list[bytes]:
    """Run the workflow of ``seed`` to its end; the histories of it and its children. ``clock``: the engine's time."""
    numbers = itertools.count(1)
    engine.executions.make_run_id = lambda: f"run-{next(numbers)}"  # type: ignore[method-assign]
    answer = road(engine, random.Random(seed))
    order = random.Random(seed)
    bucket = f"memory://roads-{next(_places)}"
    text = f'{{"args":[{seed},"{bucket}"],"kwargs":{{}}}}'
    run_id = engine.start_workflow_execution(StartRequest("w", "roads", "1", input=text))
    tasks = []
    called = 0
    while last_run(engine, run_id).history.open:
        engine.expire()
        if engine.executions.find("w", None) is None:
            continue  # it has timed out
        tell(engine, order)
        decision = engine.poll_for_decision_task("decider")
        if decision is not None:
            answer(decision)
            continue
        while (task := engine.poll_for_activity_task("worker")) is not None:
            tasks.append(task)
        if tasks:
            done = tasks.pop(order.randrange(len(tasks)))
            respond(engine, done.token, perform(done))
        else:
            due = engine.next_deadline()
            assert due is not None, "nothing is under way"
            if due - clock[0] > 1_000 and called < 10:  # only the execution's own end is near: a signal is waited for
                called += 1
                engine.signal_workflow_execution("w", SIGNALS[called % 2], "0")
            else:
                clock[0] = max(clock[0], due)
    engine.flush()
    histories = [engine.history(run.workflow_id, run.run_id) for run in engine.runs.values()]
    return [codec.encode_history(events).replace(bucket.encode(), b"bucket") for events in histories]
