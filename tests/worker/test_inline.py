"""Activities in the owner's own thread."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.core import codec
from simpleflow.local import Executor


def recorded(state: Path) -> list[str]:
    """The types of the kept events, as another process reads them."""
    db = sqlite3.connect(state / "history.sqlite")
    try:
        return [codec.decode_event(text).type for (text,) in db.execute("select event from events order by run, id")]
    finally:
        db.close()


@activity.with_attributes(name="inline.look")
def look(state: str) -> str:
    return recorded(Path(state))[-1]


@activity.with_attributes(name="inline.interrupt")
def interrupt() -> None:
    raise KeyboardInterrupt


class Looks(Workflow):
    name = "inline.looks"

    def run(self, state: str) -> Any:
        return self.submit(look, state).result


class Interrupted(Workflow):
    name = "inline.interrupted"

    def run(self) -> Any:
        return self.submit(interrupt).result


def test_other_processes_see_that_an_activity_has_started(tmp_path: Path) -> None:
    assert Executor(Looks, state=tmp_path).run([str(tmp_path)]) == "ActivityTaskStarted"


def test_an_interrupt_passes_through_and_the_run_stays_open(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Executor(Interrupted, state=tmp_path).run()
    # The second start asks for a decision, since the code may have been edited; the activity is begun again after that.
    assert recorded(tmp_path)[-2:] == ["DecisionTaskStarted", "DecisionTaskCompleted"]
    assert recorded(tmp_path).count("ActivityTaskStarted") == 1
    assert recorded(tmp_path).count("WorkflowExecutionStarted") == 1
