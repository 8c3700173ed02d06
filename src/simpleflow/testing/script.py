"""The results, errors and durations of activities in a test, in place of their code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simpleflow import activity as activities
from simpleflow import values
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import InputError, passes_through
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import rules
from simpleflow.step.activity_steps import step_of
from simpleflow.step.recorded_tasks import is_about_marks
from simpleflow.values import arguments
from simpleflow.worker.dispatch import Outcome, failure

NOT_GIVEN: Any = object()


class Call(NamedTuple):
    """One try of an activity."""

    activity: str  # its name
    args: list[Any]
    kwargs: dict[str, Any]
    step: str | None  # the innermost step that it belongs to


class Line(NamedTuple):
    """One line of a script: the tries that it is for, and their outcome."""

    activity: str  # its name
    step: str | None  # only in the steps that this pattern covers
    outcome: Callable[..., Any] | None  # called with the arguments; None: the line is about time alone
    seconds: float | None  # math.inf: it never ends
    silent: bool  # it sends no heartbeats
    times: int | None  # for so many tries; None: for all


class Script:
    """The lines of a test. A later line comes before an earlier one, as long as it is for the try."""

    def __init__(self, lines: list[Line] | None = None) -> None:
        self.lines = [] if lines is None else lines
        self._used: dict[int, int] = {}  # tries that a line was for, by its index

    def add(
        self,
        activity: Activity | str,
        returns: Any,
        raises: BaseException | type[BaseException] | None,
        call: Callable[..., Any] | None,
        takes: float | None,
        hangs: bool,
        step: str | None,
        times: int | None,
    ) -> None:
        """Add a line. See ``WorkflowRunner.on``. Raises InputError."""
        name = _name_of(activity)
        if (returns is not NOT_GIVEN) + (raises is not None) + (call is not None) > 1:
            raise InputError(f"activity {name} cannot do more than one of: returns, raises, call")
        if takes is not None and not (isinstance(takes, int | float) and not isinstance(takes, bool) and takes >= 0):
            raise InputError(f"activity {name} takes {takes!r}; expected seconds, 0 or more")
        if times is not None and not (isinstance(times, int) and not isinstance(times, bool) and times > 0):
            raise InputError(f"times of activity {name} is {times!r}; expected 1 or more, or None for all tries")
        if step is not None:
            rules.check_names(step, "step")
        outcome = call
        if raises is not None:
            error = raises

            def outcome(*args: Any, **kwargs: Any) -> Any:
                raise error

        elif returns is not NOT_GIVEN:
            values.encode(returns, f"result of activity {name}")

            def outcome(*args: Any, **kwargs: Any) -> Any:
                return returns

        self.lines.append(Line(name, step, outcome, math.inf if hangs else takes, hangs, times))

    def copy(self) -> Script:
        """The same lines, of which none was used."""
        return Script(list(self.lines))

    def perform(self, task: ActivityTask, code: Callable[[ActivityTask], Outcome]) -> tuple[Outcome, Line]:
        """The outcome of a try, and a line with the time that it takes; ``code`` performs the activity itself."""
        outcome, seconds, silent = None, None, False
        for index in range(len(self.lines) - 1, -1, -1):
            line = self.lines[index]
            if not self._is_for(line, index, task):
                continue
            used = False
            if outcome is None and line.outcome is not None:
                outcome, used = line.outcome, True
            if seconds is None and line.seconds is not None:
                seconds, silent, used = line.seconds, line.silent, True
            self._used[index] = self._used.get(index, 0) + used
        done = Outcome() if seconds == math.inf else code(task) if outcome is None else _call(task, outcome)
        return done, Line(task.name, None, None, seconds, silent, None)

    def _is_for(self, line: Line, index: int, task: ActivityTask) -> bool:
        if line.activity != task.name or (line.times is not None and self._used.get(index, 0) >= line.times):
            return False
        step = step_of(task.activity_id)
        return line.step is None or (step is not None and rules.covers(line.step, step))


def call_of(task: ActivityTask) -> Call:
    """The call of an activity task."""
    args, kwargs = arguments(values.decode(task.input))
    return Call(task.name, args, kwargs, step_of(task.activity_id))


def names_of(activity_id: str, name: str) -> tuple[str, ...]:
    """The names by which a test may mean an activity: its id, its own name, and that of its step."""
    step = step_of(activity_id)
    if is_about_marks(name):
        return (activity_id, name)
    return (activity_id, name) if step is None else (activity_id, name, step)


def _call(task: ActivityTask, function: Callable[..., Any]) -> Outcome:
    args, kwargs = arguments(values.decode(task.input))
    try:
        return Outcome(values.encode(function(*args, **kwargs), f"result of activity {task.name}"))
    except BaseException as error:
        if passes_through(error):
            raise
        return failure(error)


def _name_of(activity: Activity | str) -> str:
    if isinstance(activity, Activity):
        return activity.name
    if isinstance(activity, str) and activity in activities.registry:
        return activity
    raise InputError(f"activity {activity!r} is unknown; expected an activity, or the name of one that is imported")
