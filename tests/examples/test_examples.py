"""Every small example, in this process and with workers: its result, its output, and its markers in the history."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow.exceptions import ExecutionError, TaskFailed
from simpleflow.local import Executor
from simpleflow.stores import open_store
from tests.child_ids import child_id
from tests.examples.conftest import EXAMPLES

OTHERS = {
    "census",
    "demo",
    "demo_cluster",
    "basic_step",
    "step",
    "steering",
    "fail",
    "retries",
}  # their tests stand elsewhere or below

# By example: the result, the lines that its activities print (in any order), the markers.
EXPECTED: dict[str, tuple[Any, list[str], list[tuple[str, Any]]]] = {
    "activity_class:ActivityClass": (
        [
            {"content": "a book", "weight": 2, "for": "activity_class.ActivityClass"},
            "activity-activity_class.which_task-1",
            "tags: ['shop']",
        ],
        ["a book is on its way"],
        [],
    ),
    "child_workflow:Parent": (
        [
            {"greeting": "Hello, Ann!", "my id": child_id("parent", "child", "Ann"), "parent": "parent"},
            {"greeting": "Hello, Ben!", "my id": child_id("parent", "child", "Ben"), "parent": "parent"},
            {"greeting": "Hello, Cid!", "my id": "greeting-of-Cid", "parent": "parent"},
        ],
        [],
        [],
    ),
    "continue_as_new:Countdown": (
        {"said": ["3...", "2...", "1..."], "continued": True},
        ["3...", "2...", "1..."],
        [],
    ),
    "failures:Failures": (
        {
            "alone": [None, "ZeroDivisionError: division by zero"],
            "group": [[2.0, None, 3.0], 1],
            "chain": [[None], True],
            "optional": [[None], False],
        },
        [],
        [],
    ),
    "func_group:LateWork": ([["inbox/a.csv", "inbox/b.csv"], [11, 11]], [], []),
    "groups_and_chains:GroupsAndChains": (
        {
            "results": [
                [[4, 1], 5, "Oslo: 5"],
                [[7, 3], 10, "Toronto: 10"],
                [[5, 2], 7, "Porto: 7"],
                "a late member: 1",
            ],
            "last of each chain": ["Oslo: 5", "Toronto: 10", "Porto: 7"],
        },
        [],
        [],
    ),
    "hooks:Hooks": (5.0, ["it went well"], [("closed", {"events": "some"})]),
    "idempotence:Idempotence": (
        {
            "pages": ["content of a.example", "content of b.example", "content of a.example"],
            "same task": True,
            "dice": 2,
        },
        ["downloading a.example", "downloading b.example", "rolling", "rolling"],
        [],
    ),
    "map_and_starmap:Maps": ({"doubled": [2, 4, 6], "sums": [3, 7], "chained": 9}, [], []),
    "markers:Markers": (
        {
            "latest": {"rows": {"table": "orders", "rows": 6000}, "finished": None},
            "all": [
                ["rows", {"table": "users", "rows": 5000}],
                ["rows", {"table": "orders", "rows": 6000}],
                ["finished", None],
            ],
        },
        [],
        [
            ("rows", {"table": "users", "rows": 5000}),
            ("rows", {"table": "orders", "rows": 6000}),
            ("finished", None),
        ],
    ),
    "middlewares:Middlewares": (
        [4, 9],
        ["square(2,) begins", "it returned 4 quickly", "square(3,) begins", "it returned 9 quickly"],
        [],
    ),
    "priorities_and_tags:Priorities": (
        ["shop"],
        [
            "first: at submission",
            "second: by its activity",
            "third: by its workflow",
            "last: it was given none",
        ],
        [],
    ),
    "signals:Approval": ({"child": "3 pages published, approved by Ann", "noted": ["for myself"]}, [], []),
    "task_failure:Careful": (
        {"weather": None, "prices": "what the copy of prices says"},
        [],
        [
            ("failure", "weather does not answer (try 1)"),
            ("failure", "prices does not answer (try 1)"),
            ("failure", "prices does not answer (try 2)"),
            ("failure", "prices does not answer (try 3)"),
        ],
    ),
    "timers:Timers": ({"work": "done", "pause ended": True, "limit cancelled": True}, [], []),
}


def make(target: str, **options: Any) -> Executor:
    module, _, name = target.partition(":")
    return Executor(getattr(importlib.import_module(module), name), **options)


@pytest.fixture(params=["here", "workers"])
def options(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Once in this process, which keeps only done marks; once with a state folder and two workers."""
    monkeypatch.chdir(tmp_path)
    return {} if request.param == "here" else {"state": tmp_path / "state", "nb_workers": 2}


def test_every_example_has_a_test() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {name.partition(":")[0] for name in EXPECTED} | OTHERS


@pytest.mark.parametrize("target", sorted(EXPECTED))
def test_example(target: str, options: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    result, printed, markers = EXPECTED[target]
    middlewares = {"pre": ["middlewares.before"], "post": ["middlewares.after"]}
    executor = make(target, **options, tag_list=["shop"], middlewares=middlewares if "middlewares" in target else None)
    assert executor.run() == result
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(printed)
    if not options:
        assert lines == printed
    key: Callable[[Any], str] = repr  # workers end in any order
    assert sorted(map(tuple, executor.list_markers(all=True)), key=key) == sorted(markers, key=key)


def test_the_basic_step_runs_then_is_skipped(options: dict[str, Any]) -> None:
    statuses = []
    for _ in range(2):
        executor = make("basic_step:AWorkflow", **options)
        assert executor.run() is None
        statuses.append([marker.details["status"] for marker in executor.list_markers(all=True)])
    assert statuses == [["scheduled", "completed"], ["skipped"]]


def test_customized_steps(options: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    def run(**kwargs: Any) -> tuple[dict[str, Any], list[str]]:
        executor = make("step:CustomizedStepWorkflow", **options)
        result = executor.run({"kwargs": kwargs})
        assert [signal.name for signal in executor.signals_sent] == ["step.report"]
        task_lists = {
            event["activityTaskScheduledEventAttributes"]["taskList"]["name"]
            for event in executor.history
            if "StepsDoneTask" in str(event.get("activityTaskScheduledEventAttributes"))
        }
        assert task_lists == {"marks"}
        return result, sorted(capfd.readouterr().out.splitlines())

    first, printed = run()
    assert printed == [f"working on {what}" for what in ("dates", "names", "orders", "report", "users")]
    assert first["clean"]["reasons"] == ["Dep of load.orders", "Dep of load.users"]
    assert first["report"] == {"ran": True, "forced": True, "reasons": ["Dep of clean"], "value": "report is new"}
    assert first["audit"] == {"ran": False, "forced": True, "reasons": ["not asked for"], "value": None}

    store = open_store(f"state://{Path(options.get('state', '.simpleflow')).resolve()}")
    assert set(store.names("shop/steps")) == {"load.users", "load.orders", "clean", "report"}

    second, printed = run()
    assert printed == ["recalling clean data"]
    assert second["clean"] == {
        "ran": False,
        "forced": False,
        "reasons": ["Step was already played"],
        "value": "clean data as it was",
    }

    third, printed = run(redo=["clean"])
    assert printed == ["working on dates", "working on names", "working on report"]
    assert third["clean"]["reasons"] == ["asked for"]
    assert third["report"]["reasons"] == ["Dep of clean"]

    fourth, printed = run(redo=["load.users"], audit=True)
    assert printed == [f"working on {what}" for what in ("audit", "dates", "names", "report", "users")]
    assert fourth["audit"] == {"ran": True, "forced": False, "reasons": [], "value": "audit is new"}


def test_steered_steps(options: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    done = ["Step was already played"]

    def run(currency: str, **requests: Any) -> tuple[str, list[list[str]], list[str]]:
        result = make("steering:Shop", **options, **requests).run([currency])
        return result["total"], result["why"], capfd.readouterr().out.splitlines()

    assert run("EUR") == (
        "42.00 EUR",
        [["Dep of orders"], ["Dep of total"]],
        ["fetching orders", "adding up in EUR", "writing: 42.00 EUR"],
    )
    assert run("EUR") == ("42.00 EUR", [done, done], [])
    assert run("USD") == (
        "52.50 USD",
        [["Inputs changed"], ["Dep of total"]],
        ["adding up in USD", "writing: 52.50 USD"],
    )
    requested = ["Requested at start"]
    assert run("USD", force_steps="report", skip_steps="*") == (
        "52.50 USD",
        [requested, requested],
        ["writing: 52.50 USD"],
    )


def test_fail(options: dict[str, Any]) -> None:
    executor = make("fail:Failing", **options)
    with pytest.raises(ExecutionError, match="too few rows") as raised:
        executor.run()
    assert raised.value.details == "3 rows, expected 10 or more"
    last = executor.history[-1]["workflowExecutionFailedEventAttributes"]
    assert last["reason"] == "Workflow execution failed: too few rows"
    assert make("fail:Failing", **options).run({"kwargs": {"at_least": 3}}) == "3 rows"


def test_hooks_of_a_failing_run(options: dict[str, Any]) -> None:
    executor = make("hooks:Hooks", **options)
    with pytest.raises(TaskFailed, match="division by zero"):
        executor.run([0])
    reason = 'Workflow execution error in hooks.divide: "ZeroDivisionError: division by zero"'
    assert executor.list_markers() == [("failed", {"reason": reason}), ("closed", {"events": "some"})]


def test_retries_and_time_outs(options: dict[str, Any]) -> None:
    slow = "time-out START_TO_CLOSE after 1 s: " if options else "slow, but nobody minded"
    found = make("retries:Retries", **options).run()
    assert found["flaky"] == "it took 3 tries"
    assert found["slow"].startswith(slow)
