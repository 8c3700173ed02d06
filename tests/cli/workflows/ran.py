"""Workflows without steps for the tests of the commands about runs. They work on every engine."""

from pathlib import Path

from simpleflow import Workflow, activity, futures


@activity.with_attributes(version="2", task_list="default", retry=1)
def double(number):
    if number == 13 and not Path("tried").exists():
        Path("tried").touch()
        raise OSError("not yet")
    return 2 * number


@activity.with_attributes(task_list="default")
def broken(text="no such day"):
    raise ValueError(text)


class Sums(Workflow):
    name = "sums"
    version = "7"
    task_list = "default"
    tag_list = ["red", "blue"]

    def run(self, number=13):
        found = [self.submit(double, number), self.submit(double, 1), self.submit(broken)]
        futures.wait(*found)
        return found[0].result + found[1].result


class Fails(Workflow):
    name = "fails"
    task_list = "default"

    def run(self):
        self.fail("the moon is full", "since yesterday")


class Child(Workflow):
    name = "child"
    task_list = "default"

    @classmethod
    def get_workflow_id(cls):
        return "the-child"

    def run(self):
        return 5


class Mixed(Workflow):
    name = "mixed"
    task_list = "default"

    def run(self):
        self.submit(self.record_marker("seen", {"rows": 3}))
        child = self.submit(Child)
        futures.wait(self.submit(self.start_timer("pause", 1)), child)
        return child.result


class Waits(Workflow):
    name = "waits"
    task_list = "default"
    tag_list = ["red"]

    def run(self, day="mon"):
        return self.submit(self.wait_signal("go")).result
