"""Workflows whose runs the tests of the page look at."""

import time
from pathlib import Path

from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin

ODD = "<script>alert(1)</script>\x1b[31mred\x1b[0m \u202eabc"


@activity.with_attributes(raises_on_failure=True)
def work(name, lines=2):
    for number in range(lines):
        print(f"{name} line {number + 1}")
    return {"name": name, "rows": 12}


@activity.with_attributes(raises_on_failure=True, retry=1)
def check(name):
    print("about to look at", name)
    raise ValueError(f"column 'price' of {name} is empty")


@activity.with_attributes(raises_on_failure=True)
def until(path):
    while not Path(path).exists():
        time.sleep(0.02)
    return path


@activity.with_attributes(raises_on_failure=True, task_list="nobody")
def unserved():
    return None


@activity.with_attributes(raises_on_failure=True)
def talk(path):
    number = 0
    while not Path(path).exists():
        number += 1
        print(f"looked {number} times", flush=True)
        time.sleep(0.2)


@activity.with_attributes(raises_on_failure=True)
def odd(text):
    print(text)
    print("\x1b]0;title\x07" + text)
    raise ValueError(text)


@activity.with_attributes(raises_on_failure=True)
def long_value(size):
    return "x" * size


class Nightly(WorkflowStepMixin, Workflow):
    """Loads, cleans and reports; one check may fail."""

    name = "nightly"

    def run(self, fail=False):
        loads = [
            self.submit(Step(f"load.{name}", (work, name), force_steps_if_executed=["report"]))
            for name in ("orders", "users", "items")
        ]
        cleans = [self.submit(Step(f"clean.{part}.{number}", (work, part))) for part in "ab" for number in range(3)]
        for each in [*loads, *cleans]:
            each.result
        if fail:
            self.submit(Step("check.prices", (check, "items"))).result
        self.submit(Step("report", (work, "report"))).result
        return {"rows": 36}


class OnSwf(WorkflowStepMixin, Workflow):
    """Steps on Amazon SWF, with marks in a folder."""

    def get_step_bucket(self):
        return str(Path("marks").absolute())


class Served(OnSwf):
    """A few steps."""

    name = "served"

    def run(self):
        for name in ("load.orders", "load.users", "report"):
            self.submit(Step(name, (work, name))).result


class FailingChild(OnSwf):
    """A child that fails in a step."""

    name = "failing-child"

    def run(self):
        self.submit(Step("check.prices", (check, "the child"))).result


class FailsInChild(OnSwf):
    """Fails, since its child does."""

    name = "fails-in-child"

    def run(self):
        self.submit(Step("first", (work, "first"))).result
        self.submit(Step("outer", FailingChild)).result


class AwaitsSignal(OnSwf):
    """Waits for a signal that nobody sends."""

    name = "awaits-signal"

    def run(self):
        self.submit(Step("first", (work, "first"))).result
        self.submit(self.wait_signal("approval")).result


class AwaitsWorker(OnSwf):
    """Waits for a worker of a list that nobody polls."""

    name = "awaits-worker"

    def run(self):
        self.submit(Step("never", (unserved,))).result


class GoesOn(OnSwf):
    """Works until there is a file beside it."""

    name = "goes-on"

    def run(self):
        self.submit(Step("first", (work, "first"))).result
        self.submit(Step("wait", (until, str(Path("go").absolute())))).result


class Sleeps(OnSwf):
    """Waits for an hour."""

    name = "sleeps"

    def run(self):
        self.submit(self.start_timer("nap", 3600)).result


class Stopped(Sleeps):
    """The same, to be cancelled."""

    name = "stopped"


class Late(Sleeps):
    """The same, with too short a limit."""

    name = "late"


class Child(Workflow):
    """A child without steps."""

    name = "child"

    def run(self, left=1):
        self.submit(work, "child").result
        return left if left == 0 else self.continue_as_new(left - 1)


class Various(Workflow):
    """A child that continues as new, timers, a signal, a marker and a failed activity, and no steps."""

    name = "various"

    def run(self):
        child = self.submit(Child)
        self.submit(self.start_timer("pause", 1))
        self.submit(self.start_timer("limit", 3600))
        self.submit(self.signal("noted", "for myself", propagate=False))
        self.submit(self.wait_signal("noted")).result
        self.submit(self.record_marker("noted", "in the history"))
        failed = self.submit(check, "nothing")
        failed.wait()
        child.result
        self.submit(self.cancel_timer("limit"))
        return [1, 2]


class Raises(Workflow):
    """Its own code raises."""

    name = "raises"

    def run(self):
        return {}["missing"]


class Waits(WorkflowStepMixin, Workflow):
    """Waits for a file."""

    name = "waits"

    def run(self, path):
        self.submit(Step("first", (work, "first"))).result
        self.submit(Step("wait", (until, path))).result
        return self.submit(Step("last", (work, "last"))).result


class Talks(WorkflowStepMixin, Workflow):
    """Prints until there is a file."""

    name = "talks"

    def run(self, path):
        self.submit(Step("talk", (talk, path))).result


class Odd(WorkflowStepMixin, Workflow):
    """Everything that may hold text holds markup and escapes."""

    name = "odd<b>"

    def run(self):
        self.submit(Step("<script>alert(1)</script>.a/b..%2F".replace("..", "."), (odd, ODD))).result


class LongLog(WorkflowStepMixin, Workflow):
    """Prints 40,000 lines, and returns more than 64 kB."""

    name = "long"

    def run(self):
        self.submit(Step("log", (work, "long", 40_000))).result
        self.submit(Step("value", (long_value, 100_000))).result
        return "done"
