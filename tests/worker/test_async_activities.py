"""Activities that are ``async def``: in the owner's own thread, in worker processes, and below a running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import re
import signal
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.source.source_lines import own_frame, traceback_in
from tests.worker.test_performer import Shop

ONE = contextvars.ContextVar("ONE", default="unset")
LOOPS: list[Any] = []
ENDS: list[Any] = []


@activity.with_attributes(name="asynchronous.add", raises_on_failure=True)
async def add(number: int) -> int:
    """Wait, and return the next number."""
    LOOPS.append(asyncio.get_running_loop())
    LOOPS.append(asyncio.create_task(asyncio.sleep(60)))  # cancelled when the activity ends
    found = await asyncio.gather(*[asyncio.sleep(0.01, each) for each in (number, 1)])
    return sum(found)


@activity.with_attributes(name="asynchronous.look")
async def look() -> list[Any]:
    await asyncio.sleep(0)
    seen = ONE.get()
    ONE.set("changed")
    return [seen, look.context["workflow_id"] if look.context else None]


@activity.with_attributes(name="asynchronous.fail", raises_on_failure=True)
async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("no such page")


@activity.with_attributes(name="asynchronous.fail_together", raises_on_failure=True)
async def fail_together() -> None:
    async with asyncio.TaskGroup() as group:
        for number in (1, 2, 2):
            group.create_task(fail_with(number))


async def fail_with(number: int) -> None:
    raise LookupError(f"no page {number}")


@activity.with_attributes(name="asynchronous.stream", raises_on_failure=True)
async def stream() -> AsyncIterator[int]:
    yield 1


@activity.with_attributes(name="asynchronous.interrupt")
async def interrupt() -> None:
    try:
        threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()
        await asyncio.sleep(20)
    finally:
        ENDS.append("finally")


@activity.with_attributes(name="asynchronous.Fetch")
class Fetch:
    context: Any

    def __init__(self, path: str) -> None:
        self.path = path

    async def execute(self) -> str:
        await asyncio.sleep(0)
        ENDS.append("execute")
        return f"{self.path} {self.context['name']}"

    async def post_execute(self) -> None:
        await asyncio.sleep(0)
        ENDS.append("post_execute")


@activity.with_attributes(name="asynchronous.Tidy")
class Tidy:
    def execute(self) -> int:
        return 1

    async def post_execute(self) -> None:
        ENDS.append("tidied")


@activity.with_attributes(name="asynchronous.last", start_to_close_timeout=1)
async def last(path: str, how: str) -> None:
    """Work until it is stopped, and leave a sign that it has ended in order."""
    try:
        if how == "sleep":
            await asyncio.sleep(60)
        while how == "busy":
            await asyncio.sleep(0)
        time.sleep(60)
    finally:
        with open(path, "a", encoding="utf-8") as file:
            file.write("finally")


class Flow(Workflow):
    name = "asynchronous"

    def run(self, which: str) -> Any:
        return self.submit(activity.registry[f"asynchronous.{which}"]).result


class Adds(Workflow):
    name = "asynchronous.adds"

    def run(self) -> Any:
        return [each.result for each in [self.submit(add, number) for number in (1, 2, 3)]]


class Fetches(Workflow):
    name = "asynchronous.fetches"

    def run(self) -> Any:
        return [self.submit(Fetch, "a").result, self.submit(Tidy).result]


@pytest.mark.parametrize("workers", [None, 2])
def test_they_run(workers: int | None) -> None:
    LOOPS.clear()
    assert Executor(Adds, nb_workers=workers).run() == [2, 3, 4]
    if workers is None:
        assert len({id(each) for each in LOOPS[::2]}) == 3
        assert all(each.is_closed() for each in LOOPS[::2])
        assert all(each.cancelled() for each in LOOPS[1::2])


def test_they_run_in_a_program_that_is_asynchronous_itself() -> None:
    async def program() -> Any:
        mine = asyncio.get_running_loop()
        found = Executor(Adds).run()
        assert asyncio.get_running_loop() is mine
        with pytest.raises(TaskFailed, match="LookupError: no such page"):
            Executor(Flow).run(["fail"])
        ONE.set("program")
        seen, workflow_id = Executor(Flow).run(["look"])
        return found, seen, workflow_id is not None, ONE.get()

    assert asyncio.run(program()) == ([2, 3, 4], "program", True, "program")


def test_they_see_context_variables_and_the_context_of_their_task() -> None:
    middlewares = {"pre": [lambda context: ONE.set(context["name"]) and None]}
    seen, workflow_id = Executor(Flow, middlewares=middlewares).run(["look"])
    assert seen == "asynchronous.look"
    assert workflow_id
    assert look.context is None


def test_a_middleware_gets_what_they_return() -> None:
    results: list[Any] = []
    Executor(Adds, middlewares={"post": [lambda context, result: results.append(result)]}).run()
    assert results == [2, 3, 4]


def test_their_failure_is_reported_with_its_place() -> None:
    with pytest.raises(TaskFailed, match="LookupError: no such page") as caught:
        Executor(Flow).run(["fail"])
    assert "in fail" in str(caught.value.details)
    assert "no running event loop" not in str(caught.value.details), "an error of the library is not its context"


def test_a_group_of_failures_is_reported_with_each_of_them() -> None:
    with pytest.raises(TaskFailed) as caught:
        Executor(Flow).run(["fail_together"])
    expected = (
        r"\(3 sub-exceptions\): LookupError: no page 1; LookupError: no page 2 \(.*test_async_activities.py:\d+\)$"
    )
    assert re.search(expected, str(caught.value))
    frame = own_frame(traceback_in(caught.value.details))
    assert frame[1:] == ("fail_with", 'raise LookupError(f"no page {number}")')


def test_an_asynchronous_generator_is_refused_with_advice() -> None:
    with pytest.raises(TaskFailed, match="is an async_generator; return a list"):
        Executor(Flow).run(["stream"])


def test_a_class_may_have_asynchronous_methods() -> None:
    ENDS.clear()
    assert Executor(Fetches).run() == ["a asynchronous.Fetch", 1]
    assert ENDS == ["execute", "post_execute", "tidied"]


@pytest.mark.parametrize("below_a_loop", [False, True])
def test_an_interrupt_ends_the_coroutine(below_a_loop: bool) -> None:
    async def program() -> None:
        Executor(Flow).run(["interrupt"])

    ENDS.clear()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        if below_a_loop:
            with contextlib.closing(asyncio.new_event_loop()) as loop:  # as in a notebook; ``asyncio.run`` waits
                loop.run_until_complete(program())
        else:
            Executor(Flow).run(["interrupt"])
    assert ENDS == ["finally"]
    assert time.monotonic() - started < 10


def test_without_a_worker_they_are_called_as_without_the_decorator() -> None:
    assert asyncio.run(add(1)) == 2


@pytest.mark.parametrize("how", ["sleep", "busy", "blocked"])
def test_a_time_out_ends_them_in_order(how: str, tmp_path: Path) -> None:
    shop, path = Shop(every=0.1), tmp_path / "end"
    try:
        task = shop.schedule("", "asynchronous.last", start_to_close_timeout="1")
        text = values.encode([str(path), how], "input")
        assert shop.perform(task._replace(input=text)).timeout_type == "START_TO_CLOSE"
        assert path.read_text() == "finally"
        again = shop.perform(shop.schedule(f"result = os.getpid() != {os.getpid()}"))
        assert again.result == "true"
    finally:
        shop.child.close()


def test_a_cancellation_ends_them_in_order(tmp_path: Path) -> None:
    shop, path = Shop(every=1.0), tmp_path / "end"  # time enough to load asyncio: the activity has begun by then
    try:
        task = shop.schedule("", "asynchronous.last")
        shop.decide(d.RequestCancelActivityTask(activity_id=task.activity_id))
        text = values.encode([str(path), "sleep"], "input")
        assert isinstance(shop.perform(task._replace(input=text)), e.ActivityTaskCanceled)
        assert path.read_text() == "finally"
    finally:
        shop.child.close()
