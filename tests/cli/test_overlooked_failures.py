"""Failures that no code of the workflow has asked about: the exit code says so."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Folder

FLOW = """
from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes()
def fail():
    raise ValueError("trouble")


class Child(Workflow):
    raises_on_failure = False

    def run(self):
        raise KeyError("in the child")


class Case(Workflow, WorkflowStepMixin):
    def run(self, case):
        return eval(case)

    def on_task_failure(self, context):
        return context


class Flow(Workflow, WorkflowStepMixin):
    def run(self, case):
        return eval(case)


class Strict(Workflow):
    def run(self):
        return self.submit(Broken).result


class Broken(Workflow):
    def run(self):
        raise KeyError("in the child")


class Late(Workflow):
    def run(self):
        raise ValueError("first")

    def on_failure(self, history, reason, details=None):
        self.submit(fail)


class LateCancel(Workflow):
    def run(self):
        return 1

    def after_closed(self, history):
        self.submit(fail).exception
"""


@pytest.fixture
def flow(folder: Folder) -> Folder:
    (folder.path / "flow.py").write_text(FLOW)
    return folder


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("self.submit(fail) and 1", 3),
        ("self.submit(fail).result", 3),
        ("futures.wait(self.submit(fail))", 3),
        ("self.submit(Group(fail)).result", 3),
        ("self.submit(Child) and 1", 3),
        ("str(self.submit(fail).exception)", 0),
        ("str(self.submit(Group(fail)).exception)", 0),
        ("str(self.submit(Child).exception)", 0),
        ("self.submit(self.step('a', Group(fail, bubbles_exception_on_failure=False))).ran", 0),
    ],
)
def test_the_exit_code(flow: Folder, case: str, code: int) -> None:
    done = flow.start("flow.py:Flow", "--input", f'["{case}"]')
    assert done.code == code, done.err
    assert "1 activity failed" in done.err or "1 child workflow failed" in done.err


def test_a_failed_child_is_called_one(flow: Folder) -> None:
    done = flow.start("flow.py:Strict")
    assert done.code == 1
    assert "flow.Strict: failed: child workflow flow.Broken: KeyError('in the child') (flow.py:" in done.err
    assert "Cannot replay" not in done.err


def test_work_that_a_hook_submits_when_the_run_has_failed_is_refused_and_reported(flow: Folder) -> None:
    done = flow.start("flow.py:Late")
    assert done.code == 1
    assert "ValueError: first" in done.err
    assert "on_failure raised InputError: on_failure submits Activity(name='flow.fail'" in done.err
    assert "submit work in run()" in done.err


def test_work_that_a_hook_submits_when_the_run_has_completed_is_done_first(flow: Folder) -> None:
    done = flow.start("flow.py:LateCancel")
    assert (done.code, done.out) == (0, "1\n"), done.err
    assert "1 activity failed" in done.err
