"""The table of bad arguments of the API: each is an InputError of one line, and nothing of a workflow runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.cli import errors
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from simpleflow.signal import WaitForSignal
from simpleflow.step import Step, WorkflowStepMixin

began: list[str] = []


@activity.with_attributes(name="table.act")
def act(*args: Any) -> None:
    began.append("act")


class W(Workflow, WorkflowStepMixin):
    """Must not run."""

    name = "w"

    def run(self, *args: Any) -> None:
        began.append("w")


def running(body: Callable[[Any], Any]) -> Callable[[], Any]:
    """A run of a workflow whose ``run`` is this function."""

    class V(Workflow, WorkflowStepMixin):
        name = "v"

        def run(self) -> Any:
            return body(self)

    return lambda: Executor(V).run()


def group_in_itself() -> None:
    group = Group(act)
    group.append(group)


def group_in_its_member() -> None:
    group = Group(act)
    group.append(Chain(Step("s", Group(group))))


ROWS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Executor(5), "5 is not a workflow class"),
    (lambda: Executor(W, state=5).run(), "state is 5"),
    (lambda: Executor(W, state="").run(), "state is empty"),
    (lambda: Executor(W, state="a\0b").run(), "state 'a\\x00b' holds a NUL character"),
    (lambda: Executor(W, state=b"x").run(), "state is b'x'"),
    (lambda: Executor(W, state=[]).run(), "state is []"),
    (lambda: Executor(W, nb_workers=-1), "nb_workers is -1"),
    (lambda: Executor(W, nb_workers=0), "nb_workers is 0"),
    (lambda: Executor(W, nb_workers=1.5), "nb_workers is 1.5"),
    (lambda: Executor(W, nb_workers="2"), "nb_workers is '2'"),
    (lambda: Executor(W, nb_workers=True), "nb_workers is True"),
    (lambda: Executor(W, slots=5), "slots are 5; expected a dict such as {'gpu': 1}"),
    (lambda: Executor(W, slots={"gpu": 0}), "slots of task list 'gpu' are 0; expected 1 to 100000"),
    (lambda: Executor(W, slots={"gpu": 10**30}), "slots of task list 'gpu' are 1000000000000000000000000000000; ex"),
    (lambda: Executor(W, nb_workers=10**30), "nb_workers is 1000000000000000000000000000000; expected 1 to 100000"),
    (lambda: Executor(W, nb_workers=10**5_000), "nb_workers is an int of too many digits; expected 1 to 100000"),
    (lambda: Executor(W, overrides={"execution_timeout": "9" * 30}), f"execution_timeout in overrides is '{'9' * 30}'"),
    (lambda: Executor(W, slots={"": 1}), "task list in slots is empty"),
    (lambda: Executor(W, workflow_id=5).run(), "workflow id 5 is an int"),
    (lambda: Executor(W, workflow_id="").run(), "workflow id is empty"),
    (lambda: Executor(W, workflow_id=["x"]).run(), "workflow id ['x'] is a list"),
    (lambda: Executor(W, workflow_id=0).run(), "workflow id 0 is an int"),
    (lambda: Executor(W, tag_list="abc").run(), "tag_list is 'abc'"),
    (lambda: Executor(W, tag_list=5).run(), "tag_list is 5"),
    (lambda: Executor(W, tag_list=[1]).run(), "tag_list: tag 1 is an int"),
    (lambda: Executor(W, tag_list={"a": 1}).run(), "tag_list is {'a': 1}"),
    (lambda: Executor(W, tag_list=list("abcdef")).run(), "tag_list holds 6 tags"),
    (lambda: Executor(W, middlewares=[act]).run(), "middlewares are [Activity("),
    (lambda: Executor(W, middlewares="a.b").run(), "middlewares are 'a.b'"),
    (lambda: Executor(W, middlewares={"pre": "os.getcwd"}).run(), "middlewares pre are 'os.getcwd'"),
    (lambda: Executor(W, middlewares={"pre": 5}).run(), "middlewares pre are 5"),
    (lambda: Executor(W, middlewares={"pre": [5]}).run(), "middleware 5 is not callable"),
    (lambda: Executor(W, middlewares={"before": []}).run(), "middlewares have the keys pre and post, not 'before'"),
    (lambda: Executor(W, observer=5).run(), "observer is 5"),
    (lambda: Executor(W, on_begin="x").run(), "on_begin is 'x'"),
    (lambda: Executor(W, on_wait=None).run(), "on_wait is None"),
    (lambda: Executor(W, on_wait=5).run(), "on_wait is 5"),
    (lambda: Executor(W, force_steps=5), "forced steps is 5"),
    (lambda: Executor(W, force_steps=[1]), "forced steps: step name 1 is an int"),
    (lambda: Executor(W, force_steps={"a": 1}), "forced steps is {'a': 1}"),
    (lambda: Executor(W, force_steps="a..b"), "forced steps: step name 'a..b' has an empty part"),
    (lambda: Executor(W, only_steps=[1]), "only steps: step name 1 is an int"),
    (lambda: Executor(W, planned_steps=["a"]), "planned steps is ['a']"),
    (lambda: Executor(W, skip_steps=b"a"), "skipped steps is b'a'"),
    (lambda: Executor(W, changed="yes"), "changed is 'yes'"),
    (lambda: Executor(W, changed=1), "changed is 1"),
    (lambda: Executor(W, adopt="no"), "adopt is 'no'"),
    (lambda: Executor(W, fresh=1), "fresh is 1"),
    (lambda: Executor(W, output="loud"), "output is 'loud'; expected 'all' or 'none'"),
    (lambda: Executor(W, paint="red"), "paint is 'red'; expected a function"),
    (lambda: Executor(W, overrides="x").run(), "overrides are 'x'"),
    (lambda: Executor(W, overrides=["a"]).run(), "overrides are ['a']"),
    (lambda: Executor(W, overrides={"nope": "1"}).run(), "overrides hold 'nope'"),
    (lambda: Executor(W, overrides={"execution_timeout": "soon"}).run(), "execution_timeout in overrides is 'soon'"),
    (lambda: Executor(W, overrides={"execution_timeout": 5}).run(), "execution_timeout in overrides is 5"),
    (lambda: Executor(W, overrides={"task_list": ""}).run(), "task_list in overrides is empty"),
    (lambda: Executor(W).run([float("nan")]), "input of workflow W is not JSON: nan at [0] is a number that JSON "),
    (lambda: Executor(W).run(float("inf")), "input of workflow W is not JSON: inf is a number that JSON cannot "),
    (lambda: Executor(W).run({"args": 1}), "the input is {'args': 1}"),
    (lambda: Executor(W).run({"kwargs": [1]}), "the input is {'kwargs': [1]}"),
    (
        lambda: Executor(W).run((lambda each: (each.append(each), each)[1])([])),
        "input of workflow W is not JSON: [[...]] at [0] is inside itself",
    ),
    (lambda: Executor(W).run(10**5000), "input of workflow W is not JSON: a value of type int is an integer"),
    (
        lambda: Executor(W).run({"args": [{1: 2, "1": 3}]}),
        "input of workflow W would lose a value: its keys 1 and '1' are bot",
    ),
    (lambda: Step(5, act), "step name 5 is an int"),
    (lambda: Step(None, act), "step name None is a NoneType"),
    (lambda: Step("", act), "step name is empty"),
    (lambda: Step("a..b", act), "step name 'a..b' has an empty part"),
    (lambda: Step("a\nb", act), "step name 'a\\nb' holds a control character"),
    (lambda: Step("*", act), "step name '*' means every step"),
    (lambda: Step("a\udce9", act), "step name 'a\\udce9' holds half a character (a lone surrogate)"),
    (lambda: Step("s", None), "activities of step 's' should be a Submittable, Group, or Activity"),
    (lambda: Step("s", len), "activities of step 's' should be a Submittable, Group, or Activity"),
    (lambda: Step("s", ()), "activities of step 's' should be a Submittable, Group, or Activity"),
    (lambda: Step("s", "a"), "activities of step 's' should be a Submittable, Group, or Activity"),
    (lambda: Step("s", act, force="yes"), "force of step 's' is 'yes'"),
    (lambda: Step("s", act, force=2), "force of step 's' is 2"),
    (lambda: Step("s", act, emit_signal="yes"), "emit_signal of step 's' is 'yes'"),
    (lambda: Step("s", act, bubbles_exception_on_failure="no"), "bubbles_exception_on_failure of step 's' is 'no'"),
    (lambda: Step("s", act, keep_result=5), "keep_result of step 's' is 5"),
    (lambda: Step("s", act, keep_result="no"), "keep_result of step 's' is 'no'"),
    (lambda: Step("s", act, optional=0), "optional of step 's' is 0"),
    (lambda: Step("s", act, optional="x"), "optional of step 's' is 'x'"),
    (
        lambda: Step("s", act, activities_if_step_already_done=len),
        "activities_if_step_already_done of step 's' should be a Submittabl",
    ),
    (lambda: Step("s", act, force_steps_if_executed=5), "force_steps_if_executed of step 's' is 5"),
    (lambda: Step("s", act, force_steps_if_executed=[5]), "force_steps_if_executed of step 's': step name 5 is an int"),
    (lambda: Step("s", act, after=5), "after of step 's' is 5"),
    (lambda: Step("s", act, after="s"), "step 's' comes after itself"),
    (lambda: Step("s", act, after=b"x"), "after of step 's' is b'x'"),
    (
        lambda: Step("s", act, fingerprint=float("nan")),
        "fingerprint of step 's' is not JSON: nan is a number that JSON can",
    ),
    (lambda: Step("s", act, fingerprint=object()), "fingerprint of step 's' is not JSON: <object object> is an object"),
    (lambda: Step("s", act, outputs=5), "outputs of step 's' is 5"),
    (lambda: Step("s", act, outputs={"a": "b"}), "outputs of step 's' is {'a': 'b'}"),
    (lambda: Step("s", act, outputs=b"a"), "outputs of step 's' is b'a'"),
    (lambda: Step("s", act, outputs=[5]), "outputs of step 's' holds 5"),
    (lambda: Step("s", act, outputs=""), "outputs of step 's' holds ''"),
    (lambda: Group(5), "member 0 of a group should be a Submittable, Group, or Activity, n"),
    (group_in_itself, "member 1 of a group is that group itself or holds it"),
    (lambda: Group(act, max_parallel="2"), "max_parallel of a group is '2'"),
    (lambda: Group(act, max_parallel=0), "max_parallel of a group is 0"),
    (lambda: Group(act, max_parallel=-1), "max_parallel of a group is -1"),
    (lambda: Group(act, max_parallel=1.5), "max_parallel of a group is 1.5"),
    (lambda: Group(act, max_parallel=True), "max_parallel of a group is True"),
    (lambda: Group(act, bubbles_exception_on_failure="yes"), "bubbles_exception_on_failure of a group is 'yes'"),
    (lambda: Group(act, raises_on_failure="yes"), "raises_on_failure of a group is 'yes'"),
    (lambda: Chain(act, send_result="yes"), "send_result of a chain is 'yes'"),
    (lambda: Chain(act, break_on_failure="no"), "break_on_failure of a chain is 'no'"),
    (lambda: FuncGroup(5), "a FuncGroup is made of a function, not of 5"),
    (lambda: activity.with_attributes(retry="3")(len), "retry of activity builtins.len is '3'"),
    (lambda: activity.with_attributes(retry=-1)(len), "retry of activity builtins.len is -1"),
    (lambda: activity.with_attributes(retry=float("inf"))(len), "retry of activity builtins.len is inf"),
    (
        lambda: activity.with_attributes(start_to_close_timeout="soon")(len),
        "start_to_close_timeout of builtins.len is 'soon'",
    ),
    (
        lambda: activity.with_attributes(start_to_close_timeout=float("nan"))(len),
        "start_to_close_timeout of builtins.len is nan",
    ),
    (lambda: activity.with_attributes(start_to_close_timeout=-1)(len), "start_to_close_timeout of builtins.len is -1"),
    (
        lambda: activity.with_attributes(start_to_close_timeout=1e400)(len),
        "start_to_close_timeout of builtins.len is inf",
    ),
    (
        lambda: activity.with_attributes(start_to_close_timeout=True)(len),
        "start_to_close_timeout of builtins.len is True",
    ),
    (lambda: activity.with_attributes(heartbeat_timeout=[])(len), "heartbeat_timeout of builtins.len is []"),
    (lambda: activity.with_attributes(name=5)(len), "activity name 5 is an int"),
    (lambda: activity.with_attributes(name="")(len), "activity name is empty"),
    (lambda: activity.with_attributes(version=1)(len), "version of activity builtins.len 1 is an int"),
    (lambda: activity.with_attributes(task_list="")(len), "task list of activity builtins.len is empty"),
    (lambda: activity.with_attributes(task_priority="high")(len), "task_priority of builtins.len is 'high'"),
    (lambda: activity.with_attributes(task_priority=2**40)(len), "task_priority of builtins.len is 1099511627776"),
    (
        lambda: activity.with_attributes(raises_on_failure="yes")(len),
        "raises_on_failure of activity builtins.len is 'yes'",
    ),
    (lambda: activity.with_attributes(idempotent="yes")(len), "idempotent of activity builtins.len is 'yes'"),
    (lambda: activity.with_attributes(meta=5)(len), "meta of activity builtins.len is 5"),
    (lambda: activity.with_attributes()(5), "an activity is made of a function or a class with execute(), not o"),
    (running(lambda s: s.submit(5)), "Bad type for what was submitted: 5 is an int"),
    (running(lambda s: s.submit(len)), "Bad type for what was submitted: <built-in function len> is a buil"),
    (running(lambda s: s.submit(None)), "Bad type for what was submitted: None is a NoneType"),
    (
        running(lambda s: s.submit(act, float("nan"))),
        "input of table.act is not JSON: nan at ['args'][0] is a number that JSON c",
    ),
    (
        running(lambda s: s.submit(act, object())),
        "input of table.act is not JSON: <object object> at ['args'][0] is an object",
    ),
    (
        running(lambda s: s.submit(act, 10**5000)),
        "input of table.act is not JSON: a value of type int at ['args'][0] is an i",
    ),
    (running(lambda s: futures.wait(5)), "wait got 5"),
    (running(lambda s: futures.wait(act)), "wait got Activity("),
    (running(lambda s: s.submit(s.start_timer("t", float("nan")))), "time-out of timer 't' is nan"),
    (running(lambda s: s.submit(s.start_timer("t", float("inf")))), "time-out of timer 't' is inf"),
    (running(lambda s: s.submit(s.start_timer("t", -1))), "time-out of timer 't' is -1"),
    (running(lambda s: s.submit(s.start_timer("t", "soon"))), "time-out of timer 't' is 'soon'"),
    (running(lambda s: s.submit(s.start_timer(5, 1))), "timer id 5 is an int"),
    (running(lambda s: s.submit(s.start_timer("t", True))), "time-out of timer 't' is True"),
    (running(lambda s: s.submit(s.signal(5))), "signal name 5 is an int"),
    (running(lambda s: s.submit(s.signal(""))), "signal name is empty"),
    (lambda: WaitForSignal(5), "signal name 5 is an int"),
    (lambda: WaitForSignal(""), "signal name is empty"),
    (running(lambda s: s.submit(s.record_marker(5))), "marker name 5 is an int"),
    (
        running(lambda s: s.submit(s.record_marker("m", details=object()))),
        "details of marker 'm' is not JSON: <object object> is an object",
    ),
    (running(lambda s: s.map(act, 5)), "map got 5"),
    (running(lambda s: s.starmap(act, [5])), "starmap got [5]"),
    (
        running(lambda s: s.continue_as_new(object())),
        "result of workflow v is not JSON: ContinueAsNewWorkflowTask(contin",
    ),
    (running(lambda s: s.get_event_details("nope", "x")), "event type 'nope' is unknown"),
    (group_in_its_member, "member 1 of a group is that group itself or holds it"),
]


@pytest.mark.parametrize(("call", "message"), ROWS, ids=[message[:40] for _, message in ROWS])
def test_an_error_of_one_line(call: Callable[[], Any], message: str) -> None:
    began.clear()
    with pytest.raises(InputError) as raised:
        call()
    text = str(raised.value)
    assert message in text
    assert "\n" not in text
    assert errors.exit_code(raised.value) == 2
    assert began == []
