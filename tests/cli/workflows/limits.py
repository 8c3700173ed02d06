"""A run whose activities time out: one in a step, one in the queue, and a child."""

import time

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes(start_to_close_timeout=1)
def slow(number):
    time.sleep(20)


@activity.with_attributes(schedule_to_start_timeout=1)
def waits(number):
    time.sleep(2)


class Child(Workflow):
    name = "child"
    execution_timeout = 1
    raises_on_failure = False

    def run(self):
        return self.submit(self.start_timer("long", 60)).result


class Limits(Workflow, WorkflowStepMixin):
    name = "limits"

    def run(self):
        futures.wait(self.submit(self.step("both", Group((slow, 1), (slow, 2)))))
        futures.wait(self.submit(Group(*[(waits, number) for number in range(3)])))
        futures.wait(self.submit(Child))


class Fan(Workflow, WorkflowStepMixin):
    """Ten times as much work as the workers do in the time that one activity may take."""

    name = "fan"

    def run(self):
        futures.wait(*[self.submit(self.step(f"work.{number}", (work, number))) for number in range(12)])


@activity.with_attributes(raises_on_failure=True)
def work(number):
    time.sleep(0.5)


class Long(Workflow):
    name = "long"

    def run(self):
        return self.submit(long).result


@activity.with_attributes(raises_on_failure=True)
def long():
    time.sleep(10)
