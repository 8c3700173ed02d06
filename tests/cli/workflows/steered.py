"""Workflows for the tests of the commands about steps. This file needs ``flow.py`` in the same folder."""

import os

from flow import fetch, long, note

from simpleflow import Workflow, futures
from simpleflow.step.workflow import WorkflowStepMixin


class Nightly(Workflow, WorkflowStepMixin):
    name = "nightly"

    def run(self):
        print("run says")
        steps = [self.submit(self.step(name, (fetch, name))) for name in ("load.users", "load.orders")]
        futures.wait(*steps)
        futures.wait(self.submit(self.step("report", (fetch, "report"))))

    def on_completed(self, history):
        note("hook")


class ByDay(Workflow, WorkflowStepMixin):
    """Its ``run`` decides where its marks are kept."""

    name = "byday"

    def run(self, day):
        self.day = day
        futures.wait(self.submit(self.step("load", (fetch, day))))

    def get_step_path_prefix(self):
        return f"days/{self.day}"


class Buried(Workflow, WorkflowStepMixin):
    """Its marks are in the bucket that the environment variable MARKS names."""

    name = "buried"

    def get_step_bucket(self):
        return os.environ["MARKS"]

    def run(self):
        steps = [self.submit(self.step(name, (fetch, name))) for name in ("a", "a.b", "ä c/d")]
        futures.wait(*steps)


class Waits(Workflow, WorkflowStepMixin):
    """It has a second step only if an activity has a certain result."""

    name = "waits"

    def run(self):
        futures.wait(self.submit(self.step("first", (fetch, "first"))))
        if self.submit(fetch, "go").result == "go":
            futures.wait(self.submit(self.step("second", (fetch, "second"))))


class Prints(Workflow, WorkflowStepMixin):
    """Its steps have fingerprints. The one of ``publish`` is known only during a run."""

    name = "prints"

    def run(self, version=1):
        load = self.submit(self.step("load", (fetch, "load"), fingerprint={"version": version}, keep_result=True))
        rows = self.submit(fetch, "rows").result
        publish = self.submit(self.step("publish", (fetch, "publish"), fingerprint=[rows]))
        futures.wait(load, publish)
        return load.value


class Busy(Workflow, WorkflowStepMixin):
    name = "busy"

    def run(self):
        futures.wait(self.submit(self.step("quick", (fetch, "quick"))))
        futures.wait(self.submit(self.step("long", (long,))))


class Common(Busy):
    """Its marks are where those of every workflow id are."""

    name = "common"

    def get_step_path_prefix(self):
        return "common"


class Child(Workflow, WorkflowStepMixin):
    name = "child"

    @classmethod
    def get_workflow_id(cls):
        return "the-child"

    def run(self):
        futures.wait(self.submit(self.step("inner", (fetch, "inner"))))


class Parent(Workflow, WorkflowStepMixin):
    name = "parent"

    def run(self):
        futures.wait(self.submit(self.step("outer", (fetch, "outer"))), self.submit(Child))
