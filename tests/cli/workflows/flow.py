"""Workflows for the tests of the command line. Their activities write lines to the file ``log`` in the folder."""

import json
import os
import sys
import time
from pathlib import Path

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.step.workflow import WorkflowStepMixin


def note(text):
    with open("log", "a") as log:
        log.write(f"{text}\n")


@activity.with_attributes(raises_on_failure=True)
def fetch(name, seconds=0):
    time.sleep(seconds)
    note(name)
    return name


@activity.with_attributes()
def soft(text="no such day"):
    raise ValueError(text)


@activity.with_attributes(raises_on_failure=True)
def hard():
    raise ValueError("no such day\nat all")


@activity.with_attributes(raises_on_failure=True, start_to_close_timeout=1)
def stuck():
    note(f"pid {os.getpid()}")
    time.sleep(60)


@activity.with_attributes(retry=2)
def flaky():
    if not Path("tried").exists():
        Path("tried").touch()
        raise OSError("not yet")
    return "there"


@activity.with_attributes(retry=2, retry_delay=1, retry_on=(OSError,))
def busy():
    if not Path("tried").exists():
        Path("tried").touch()
        raise ConnectionError("not yet")
    return "there"


@activity.with_attributes()
def long():
    note(f"pid {os.getpid()}")
    time.sleep(30)
    note("long")


@activity.with_attributes()
def tags():
    return tags.context["tag_list"]


@activity.with_attributes()
def say(text):
    print(text)
    os.system(f"echo {text} from a shell")
    return text


def before(context):
    note(f"before {context['name']}")


def after(context, result):
    note(f"after {context['name']} {result}")


class Daily(Workflow, WorkflowStepMixin):
    name = "daily"

    def run(self, day="mon", *, force=None, skip=None):
        self.add_forced_steps(force or [], "asked to")
        self.add_skipped_steps(skip or [], "not today")
        load = self.submit(self.step("load", (fetch, f"load {day}"), force_steps_if_executed=["report"]))
        futures.wait(load)
        report = self.submit(self.step("report.text", (fetch, f"report {day}")))
        futures.wait(report)
        return {"load": load.value, "report": report.value, "näh": 1}


class Soft(Workflow, WorkflowStepMixin):
    def run(self):
        future = self.submit(self.step("load", (soft,)))
        futures.wait(future)


class SoftAlone(Workflow):
    def run(self):
        return str(self.submit(soft).exception)


class Hard(Workflow):
    def run(self):
        return self.submit(hard).result


class HardStep(Workflow, WorkflowStepMixin):
    def run(self):
        self.submit(self.step("load", (hard,)))


class Stuck(Workflow):
    def run(self):
        return self.submit(stuck).result


class Raises(Workflow):
    def run(self):
        return json.loads("{")


class Reads(Workflow):
    def run(self):
        return self.submit(Group((soft,), (soft, "other"), raises_on_failure=False)).result


class ReadsFailure(Workflow):
    def run(self):
        futures.wait(future := self.submit(soft))
        raise future.exception


class Fails(Workflow):
    def run(self):
        self.fail("the moon is full", "since yesterday")


class Waits(Workflow):
    def run(self):
        return self.submit(self.wait_signal("go")).result


class Naps(Workflow, WorkflowStepMixin):
    """Waits for a signal and a timer; the step that waits has no activity that runs."""

    name = "naps"

    def run(self):
        futures.wait(self.submit(self.step("ready", (fetch, "ready"))))
        self.submit(self.start_timer("nap", 60))
        futures.wait(self.submit(self.step("asks", Chain(self.wait_signal("go")))))
        self.submit(self.cancel_timer("nap"))


class Flaky(Workflow):
    def run(self):
        return self.submit(flaky).result


class Busy(Workflow):
    def run(self):
        return self.submit(busy).result


class Long(Workflow, WorkflowStepMixin):
    def run(self):
        self.submit(
            Chain(
                self.step("first", (fetch, "first")),
                self.step("long", (long,)) if not Path("quick").exists() else (fetch, "quick"),
            )
        )


class Six(Workflow, WorkflowStepMixin):
    def run(self):
        steps = [self.step(f"s{number}", (fetch, f"s{number}", 0.15)) for number in range(6)]
        future = self.submit(Chain(*steps))
        futures.wait(future)
        return "six"


class Tags(Workflow):
    def run(self):
        return [self.get_run_context()["tag_list"], self.submit(tags).result]


class Says(Workflow):
    def run(self):
        print("run says")
        return self.submit(say, "activity").result


class Echo(Workflow):
    def run(self, *args, **kwargs):
        return [list(args), kwargs]


class Child(Workflow, WorkflowStepMixin):
    name = "child"

    @classmethod
    def get_workflow_id(cls):
        return "the-child"

    def run(self):
        futures.wait(self.submit(self.step("inner", (fetch, "inner"))))


class Parent(Workflow):
    def run(self):
        futures.wait(self.submit(Child))


class BadName(Workflow, WorkflowStepMixin):
    def run(self):
        self.submit(self.step("a..b", (fetch, "x")))


class NotJson(Workflow):
    def run(self):
        return object()


class Deadlock(Workflow):
    def run(self):
        from simpleflow.futures import Future

        return Future(self.executor).result


class Exits(Workflow):
    def run(self):
        raise SystemExit("out")


class BadId(Workflow):
    @classmethod
    def get_workflow_id(cls):
        raise KeyError("day")

    def run(self):
        return 1


class Context(Workflow):
    def run(self):
        context = self.get_run_context()
        return [context["name"], context["workflow_id"]]


class Plain:
    pass


def helper():
    return 1


@activity.with_attributes()
def gate(name):
    note(f"pid {os.getpid()}")
    while not Path(name).exists():
        time.sleep(0.01)


@activity.with_attributes()
def talk():
    for number in range(300):
        print(f"line {number} to out")
        print(f"line {number} to err", file=sys.stderr)
    columns = os.get_terminal_size(1).columns if os.isatty(1) else None
    print(f"a terminal: {os.isatty(2)}, columns: {columns}")
    os.system("echo from a shell")
    print("question? ", end="", flush=True)
    gate.callable("go")
    print("yes")
    return "talked"


class GatedChild(Workflow, WorkflowStepMixin):
    name = "gated-child"

    @classmethod
    def get_workflow_id(cls):
        return cls.name

    def run(self):
        futures.wait(self.submit(self.step("inner", (gate, "inner"))))


class Gated(Workflow, WorkflowStepMixin):
    name = "gated"

    def run(self):
        first = [
            self.submit(self.step("load.users", (fetch, "users"))),
            self.submit(self.step("load.orders", (soft,))),
        ]
        futures.wait(*first)
        rest = [self.submit(self.step(name, (gate, name))) for name in ("load.rest", "prepare")]
        futures.wait(*rest, self.submit(GatedChild))


class Many(Workflow, WorkflowStepMixin):
    name = "many"

    def run(self):
        steps = [self.submit(self.step(f"step{number}", (fetch, f"step{number}"))) for number in range(60)]
        futures.wait(*steps, self.submit(self.step("bad", (soft,))))
        futures.wait(self.submit(self.step("last", (gate, "go"))))


class Chatty(Workflow, WorkflowStepMixin):
    def run(self):
        print("run says")
        step = self.submit(self.step("talk", talk))
        futures.wait(step)
        return step.value


class Gates(Workflow, WorkflowStepMixin):
    """Waits for the file ``go`` before its last step, if ``seconds`` is not 0."""

    def run(self, seconds):
        steps = []
        for name in ("load.users", "load.orders"):
            steps.append(self.submit(self.step(name, (fetch, name))))
            futures.wait(steps[-1])
        if seconds:
            note("going")
            futures.wait(self.submit(gate, "go"))
        steps.append(self.submit(self.step("report", (fetch, "report"))))
        futures.wait(steps[-1])
        return [step.reasons for step in steps]
