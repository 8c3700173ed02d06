"""Workflows for the tests of the commands for Amazon SWF. Their activities write lines to the file ``log``."""

import os
import signal
import time
from pathlib import Path

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin


def note(*words):
    with open("log", "a") as log:
        log.write(" ".join(map(str, words)) + "\n")


@activity.with_attributes(raises_on_failure=True)
def fetch(name, seconds=0):
    note("begun", name, os.getpid())
    time.sleep(seconds)
    note("did", name)
    return name


@activity.with_attributes(raises_on_failure=True)
def other(name):
    note("did", name)
    return name


@activity.with_attributes(raises_on_failure=True)
def hard():
    raise ValueError("no such day")


@activity.with_attributes()
def soft():
    raise ValueError("no such day")


@activity.with_attributes(start_to_close_timeout=2)
def stuck():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("begun stuck", os.getpid())
    time.sleep(60)


@activity.with_attributes(start_to_close_timeout=2, retry=1, raises_on_failure=True)
def once_stuck():
    note("begun once", os.getpid())
    if not Path("tried").exists():
        Path("tried").touch()
        time.sleep(60)
    note("did once")
    return "there"


@activity.with_attributes()
def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note("begun deaf", os.getpid())
    time.sleep(60)


@activity.with_attributes(heartbeat_timeout=1, raises_on_failure=True)
def slow():
    time.sleep(3)
    return "slow"


@activity.with_attributes(retry=1, retry_on=KeyError, raises_on_failure=True, task_list="patient")
def patient():
    note("begun patient", os.getpid())
    while not Path("tried").exists():
        time.sleep(0.05)
    return "done"


class Patient(Workflow):
    def run(self):
        return self.submit(patient).result


class Daily(Workflow):
    task_list = "daily"

    def run(self, day="mon", seconds=0):
        first = self.submit(fetch, day, seconds)
        return self.submit(other, first.result).result


class Steps(Workflow, WorkflowStepMixin):
    def run(self):
        futures.wait(self.submit(self.step("load", (fetch, "load"))), self.submit(self.step("save", (soft,))))


class Chosen(Workflow, WorkflowStepMixin):
    def run(self):
        day = self.submit(fetch, "mon").result
        futures.wait(self.submit(self.step(f"load.{day}", (other, day))))


class Hard(Workflow):
    def run(self):
        return self.submit(hard).result


class Repaired(Workflow):
    def run(self, name="x"):
        self.submit(fetch, name).result
        self.submit(other, name).result
        if not Path("mended").exists():
            self.submit(hard).result
        return self.submit(fetch, "last").result


class Stuck(Workflow):
    def run(self):
        held = self.submit(stuck)
        futures.wait(held)
        return [str(held.exception), self.submit(fetch, "after").result]


class OnceStuck(Workflow):
    def run(self):
        return self.submit(once_stuck).result


class Deaf(Workflow):
    def run(self):
        return self.submit(deaf).result


class Slow(Workflow):
    def run(self):
        return self.submit(slow).result


class Wide(Workflow):
    def run(self, count):
        return sum(self.submit(Group(*((fetch, number) for number in range(count)))).result)


class Greeting(Workflow):
    def run(self, name):
        return self.submit(fetch, name).result


class Parent(Workflow):
    def run(self):
        return self.submit(Greeting, "Ann").result


class Overlooks(Workflow):
    name = "remote.overlooks"
    version = "1"
    task_list = "default"

    def run(self, inside=False):
        self.submit(Overlooks, True) if inside is None else self.submit(soft)
        return "done"


class Looks(Workflow):
    name = "remote.looks"
    version = "1"
    task_list = "default"

    def run(self):
        return "failed" if self.submit(soft).exception is not None else "done"
