"""Random workflows with steps, run by four drivers of a decider that must give the same histories, byte for byte.

The tests use 120 seeds. Run more with ``python -m tests.worker.random_workflows --seconds 600``. The campaign prints
each seed for which two drivers differ, and exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import time
import zlib
from collections.abc import Callable
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import codec
from simpleflow.core.decider.decide import decide
from simpleflow.engines.base import DecisionTask, StartRequest
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.memory import MemoryEngine
from simpleflow.step import ARGUMENTS, CODE, files
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
    *("cancel", "again", "map", "looking", "hear", "cancel timer", "failing", "breaking", "breaking"),
)
SIGNALS = ("outside", "step.a")
CONTINUED = 1_000_000
"""Added to the seed of an execution for the one that continues it."""

_CONTEXT = re.compile(rb'"executionContext":"(?:[^"\\]|\\.)*",?')

_buckets = itertools.count()


class Drawn(Exception):
    """The error of an activity that was drawn to fail."""


@activity.with_attributes(retry=1)
def give(number: int, fails: bool) -> list[int]:
    if fails:
        raise Drawn(number)
    return [number]


@activity.with_attributes(retry=2, retry_delay=3, retry_backoff=2, retry_jitter=0.5, retry_on=(LookupError, Drawn))
def insist(number: int, fails: bool) -> list[int]:
    if fails:
        raise Drawn(number)
    return [number]


@activity.with_attributes(raises_on_failure=True)
def break_run(number: int) -> None:
    raise Drawn(number)


@activity.with_attributes(idempotent=True)
def same(value: Any) -> Any:
    return value


class Child(Workflow):
    name = "random-child"

    def run(self, number: int) -> Any:
        return [self.submit(give, number, False).result, self.submit(give, number + 1, False).result]


class RandomWorkflow(Workflow, WorkflowStepMixin):
    """Draws from its seed what to submit and read, and branches on the values that it reads."""

    name = "random"

    def get_step_bucket(self) -> str:
        return str(self.bucket)

    def before_replay(self, history: Any) -> None:
        if self.has("hooks"):
            self.submit(self.record_marker("before", len(self.list_markers(all=True)) % 2))

    def after_replay(self, history: Any) -> None:
        if self.has("hooks"):
            self.submit(self.record_marker("after", len(self.list_markers(all=True)) % 3))

    def should_cancel(self, history: Any) -> bool:
        return bool(len(history.activities) % 2)

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        if not self.has("failures"):
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

    def has(self, kind: str) -> bool:
        """True if this seed has hooks of this kind."""
        seed, _ = self.given
        return zlib.crc32(f"{kind} {seed % CONTINUED}".encode()) % 3 == 0

    @property
    def given(self) -> list[Any]:
        """The seed and the bucket, from the input of the execution."""
        return list(json.loads(self.executor.history.started.input)["args"])

    def drawn(self, draw: random.Random, number: int) -> Any:
        """A random step."""
        forces = draw.sample(NAMES, draw.randrange(2))
        content = draw.choice(
            [(give, number, draw.random() < 0.2), Group((give, number, False), (give, -number, False))]
        )
        name, emits = draw.choice(NAMES), draw.random() < 0.2
        options: dict[str, Any] = {}
        if self.has("retries"):
            options = {"retry": number % 3, "retry_delay": 40, "retry_jitter": 1} if number % 3 else {}
            content = Group(content, (same, number), (insist, number, draw.random() < 0.3))
        if self.has("inputs"):
            missing = "no such file" if (number + len(name)) % 7 == 0 else __file__
            parts = [None, [ARGUMENTS, name], [CODE, files(__file__)], files(missing)][(number + len(forces)) % 4]
            options |= {} if parts is None else {"fingerprint": parts}
            if number % 3 == 0:
                options["outputs"] = [__file__, missing][: 1 + number % 2]
        return self.step(name, content, force_steps_if_executed=forces, emit_signal=emits, **options)

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
                members = [self.drawn(draw, number), (give, number, draw.random() < 0.2), self.drawn(draw, number)]
                futures.append(self.submit({"group": Group, "chain": Chain}[kind](*members)))
            elif kind == "func":
                step = self.drawn(draw, number)
                futures.append(self.submit(FuncGroup(lambda step=step: Chain(step))))
            elif kind == "activity":
                given = futures[-1] if futures and draw.random() < 0.3 else number
                futures.append(self.submit(give, number, False) if given is number else self.submit(give, given, False))
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
                    futures.append(self.submit(give, 100 + number, False))
            elif kind == "peek" and futures:
                if not draw.choice(futures).finished:
                    futures.append(self.submit(give, 200 + number, False))
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
                futures.append(self.submit(give, number, True))
            elif kind == "breaking":
                step = self.step(draw.choice(NAMES), (break_run, number), force_steps_if_executed="*")
                broken = draw.choice([(break_run, number), step])
                others = [(break_run, -number), (give, number, False), self.drawn(draw, number)]
                futures.append(self.submit(Group(broken, *draw.sample(others, 2))))
        if seed < CONTINUED and draw.random() < 0.1:
            self.submit(self.continue_as_new(seed + CONTINUED, bucket))
        return [repr(future.exception) for future in futures]


Answer = Callable[[DecisionTask], None]
Driver = Callable[[EmbeddedEngine, random.Random], Answer]
"""Makes the function that answers the decision tasks of an engine."""


def kept_alive(engine: EmbeddedEngine, draw: random.Random, tells_waits: bool = False) -> Answer:
    """Keep one decider for each execution, which reads the history of the engine itself."""
    classes: dict[str, type[Workflow]] = {"random": RandomWorkflow, "random-child": Child}
    return DecisionWorker(engine, classes, tells_waits=tells_waits).decide


def evicted(engine: EmbeddedEngine, draw: random.Random, tells_waits: bool = False) -> Answer:
    """The same, but deciders are dropped at random."""
    classes: dict[str, type[Workflow]] = {"random": RandomWorkflow, "random-child": Child}
    deciders = DecisionWorker(engine, classes, tells_waits=tells_waits)

    def answer(task: DecisionTask) -> None:
        if draw.random() < 0.4:
            deciders.forget(task.run_id)
        deciders.decide(task)

    return answer


def fed_events(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """Keep one decider for each execution, which folds the new events into its own history, as on Amazon SWF."""
    deciders = DecisionWorker(engine, {"random": RandomWorkflow, "random-child": Child})
    return lambda task: deciders.decide(task._replace(history=None))


def evaluated_afresh(engine: EmbeddedEngine, draw: random.Random) -> Answer:
    """Make every decision from the history alone."""

    classes: dict[str, type[Workflow]] = {"random": RandomWorkflow, "random-child": Child}
    facts = DecisionWorker(engine, classes)
    answered: set[str] = set()  # run ids whose history holds the execution context

    def answer(task: DecisionTask) -> None:
        events = task.events[: task.started_event_id]
        execution = facts.execution_of(task)
        context = None if task.run_id in answered else execution.context
        decisions = decide(classes[task.name], events, execution)
        engine.respond_decision_task_completed(task.token, decisions, context)
        answered.add(task.run_id)

    return answer


def disturb(engine: EmbeddedEngine, order: random.Random) -> None:
    """Sometimes send a signal or a cancellation request from outside."""
    happens = order.random()
    if happens < 0.03:
        engine.signal_workflow_execution("w", order.choice(SIGNALS), f"{order.randrange(3)}")
    elif happens < 0.035:
        engine.request_cancel_workflow_execution("w")


def drive(engine: EmbeddedEngine, driver: Driver, seed: int, clock: list[float]) -> list[bytes]:
    """Run the workflow of ``seed`` to its end. Returns the histories of it and its children.

    ``clock`` holds the time of the engine, in seconds.
    """
    numbers = itertools.count(1)
    engine.executions.make_run_id = lambda: f"run-{next(numbers)}"  # type: ignore[method-assign]
    answer = driver(engine, random.Random(seed))
    order = random.Random(seed)
    bucket = f"memory://random-{next(_buckets)}"
    chosen = random.Random(f"request {seed}")
    drawn = {key: chosen.sample(NAMES, chosen.choice([0, 0, 0, 1, 2])) for key in ("until", "only")}
    wanted = {key: names for key, names in drawn.items() if names}
    request = f',"__simpleflow_steps":{json.dumps(wanted)}' if wanted else ""
    request += ',"__simpleflow_keep_going":true' if chosen.random() < 0.4 else ""
    text = f'{{"args":[{seed},"{bucket}"],"kwargs":{{}}{request}}}'
    run_id = engine.start_workflow_execution(StartRequest("w", "random", "1", input=text))
    tasks = []
    called = 0
    while last_run(engine, run_id).history.open:
        engine.expire()
        if engine.executions.find("w", None) is None:
            continue  # it has timed out
        disturb(engine, order)
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
            assert due is not None, "no task and no timer is open"
            if (
                due - clock[0] > 1_000 and called < 10
            ):  # only the time-out of the execution is due, so the run waits for a signal
                called += 1
                engine.signal_workflow_execution("w", SIGNALS[called % 2], "0")
            else:
                clock[0] = max(clock[0], due)
    engine.flush()
    histories = [engine.history(run.workflow_id, run.run_id) for run in engine.runs.values()]
    return [_comparable(codec.encode_history(events)).replace(bucket.encode(), b"bucket") for events in histories]


def _comparable(history: bytes) -> bytes:
    """A history without what execution contexts say of whether ``run`` has returned, which ``decide`` does not tell."""
    history = history.replace(rb",\"returned\":true", b"")
    first = _CONTEXT.search(history)
    if first is None:
        return history
    return history[: first.end()] + _CONTEXT.sub(b"", history[first.end() :])


def in_memory(driver: Driver, seed: int) -> list[bytes]:
    """The histories of the workflow of ``seed`` on a new engine in memory."""
    clock = [1_000_000.0]
    return drive(MemoryEngine(lambda: clock[0]), driver, seed, clock)


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.worker.random_workflows",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search (default 60)")
    parser.add_argument("--start", type=int, default=1_000, help="first seed (default 1000)")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed, wrong = options.start, 0
    while time.monotonic() < until:
        expected = in_memory(evaluated_afresh, seed)
        for driver in (kept_alive, evicted, fed_events):
            if in_memory(driver, seed) != expected:
                wrong += 1
                print(f"seed {seed}: {driver.__name__} differs from {evaluated_afresh.__name__}", flush=True)
        seed += 1
    print(f"{seed - options.start} seeds, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    from tests.worker import random_workflows

    random_workflows.main()  # the activities are found under this module name, not __main__
