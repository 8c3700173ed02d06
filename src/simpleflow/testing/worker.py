"""Activities on a virtual clock: each ends when the test says, and time passes at once.

Theory of operation
-------------------
``worker.loop`` drives the run, as outside of tests. Here is its worker. An activity is performed when it starts, and
its outcome is reported when its time has passed. When the loop has nothing else to do, it calls ``wait``, which does
the first of these:

1. send a signal that the run waits for;
2. advance the clock to what comes next, and let it happen: the end of an activity, what the test wants at a moment, or
   a deadline, which is the loop's own business (timers, time-outs). At equal times in this order.

Workers live, so each activity that has not ended sends a heartbeat whenever a deadline has come. One that hangs does
not. If nothing is left but the time-out of the whole run, which is a year by default, the test is at fault: it fails.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from simpleflow.activity import Activity
from simpleflow.constants import YEAR
from simpleflow.core.records import timeout
from simpleflow.engines.base import ActivityTask
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import UnknownResource
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.recorded_tasks import is_about_marks
from simpleflow.testing.clock import VirtualClock
from simpleflow.testing.moments import Moments
from simpleflow.testing.script import Call, Script, call_of, names_of
from simpleflow.worker.dispatch import Middlewares, Outcome, perform, quick
from simpleflow.worker.imports import NOTHING
from simpleflow.worker.inline import do_quickly, respond

Order = Sequence[str] | random.Random | None
"""In which order activities end; see ``WorkflowRunner``."""


class _Task(NamedTuple):
    task: ActivityTask
    outcome: Outcome
    end: float  # epoch seconds
    number: int  # in the order of their starts
    silent: bool
    names: tuple[str, ...]  # by which an order may name it


class VirtualWorker:
    """Performs activities as a script says. For the methods see ``worker.base.ActivityPool``.

    Args:
        engine, known, middlewares: see ``worker.inline.InlineWorker``.
        clock: that of the engine.
        script: the outcomes of activities.
        moments: the messages that the test sends during the run.
        order: in which order activities end.
        calls: gets each try of an activity, but of none about marks.
        awaited: gives the signals that a run waits for.
    """

    def __init__(
        self,
        engine: EmbeddedEngine,
        known: Mapping[str, Activity],
        middlewares: Middlewares,
        clock: VirtualClock,
        script: Script,
        moments: Moments,
        order: Order,
        calls: list[Call],
        awaited: Callable[[str], list[str]],
    ) -> None:
        self._engine = engine
        self._known = known
        self._middlewares = middlewares
        self._clock = clock
        self._script = script
        self._moments = moments
        self._order = order
        self._calls = calls
        self._awaited = awaited
        self._open: list[_Task] = []
        self._started = 0
        self._ended: set[str] = set()  # names of activities that have ended, as an order may give them

    begins = True
    accepts = None

    @property
    def free(self) -> int:
        """As many as there are tasks: every activity has a worker."""
        return 1

    def accepts_ahead(self, waiting: int) -> bool:
        """False: no task waits for a worker."""
        return False

    def send_ahead(self, task: ActivityTask) -> None:
        """Never called, since ``accepts_ahead`` is False."""
        raise NotImplementedError

    def may_block(self, task: ActivityTask) -> bool:
        """True: earlier events are kept first, so that a crash can come between."""
        return True

    def start(self, task: ActivityTask) -> None:
        """Perform a task; its outcome is reported when its time has passed."""
        given = quick(task, self._known)
        if given is not None:
            do_quickly(self._engine, task, given, self._known, self._middlewares)
            return
        if not is_about_marks(task.name):
            self._calls.append(call_of(task))
        outcome, line = self._script.perform(task, self._code)
        seconds = self._drawn(task) if line.seconds is None else line.seconds
        names = names_of(task.activity_id, task.name)
        self._started += 1
        self._open.append(_Task(task, outcome, self._clock() + seconds, self._started, line.silent, names))

    def _code(self, task: ActivityTask) -> Outcome:
        return perform(task, self._known, self._middlewares, imports=NOTHING)

    def _drawn(self, task: ActivityTask) -> float:
        """The seconds of a task for which the script gives none: random in a random order, within its time-outs."""
        if not isinstance(self._order, random.Random):
            return 0.0
        scheduled = self._engine.runs[task.run_id].history.activities[task.activity_id].scheduled
        limits = map(timeout, (scheduled.start_to_close_timeout, scheduled.schedule_to_close_timeout))
        most = min((limit for limit in limits if limit is not None), default=math.inf)
        return min(self._order.expovariate(1.0), most / 2)

    def wait(self, seconds: float) -> bool:
        """Let the next thing happen. Returns True."""
        if seconds == 0:  # a deadline has come
            self._beat()
            while (task := self._next()) is not None and task.end <= self._clock():
                self._end(task)
            return True
        self._engine.flush()
        if self._moments.answer(self._engine, self._awaited):
            return True
        task, moment, due = self._next(), self._moments.next_time(), self._engine.next_deadline()
        ends = math.inf if task is None else task.end
        at = math.inf if moment is None else moment
        if task is not None and ends <= min(at, math.inf if due is None else due) and ends < math.inf:
            self._clock.advance_to(ends)
            self._end(task)
        elif moment is not None and at <= (math.inf if due is None else due):
            self._clock.advance_to(at)
            self._moments.happen(self._engine, at)
        elif due is not None and not self._is_stuck(due):
            self._clock.advance_to(due)
        elif not self._beat():
            raise AssertionError(self._why_stuck())
        return True

    def _next(self) -> _Task | None:
        """The task that ends next; None if there is none."""
        self.reap()
        candidates = self._open
        if self._order is not None and not isinstance(self._order, random.Random):
            candidates = [each for each in candidates if not self._is_held(each)]
        return min(candidates, key=lambda each: (each.end, each.number), default=None)

    def _is_held(self, task: _Task) -> bool:
        """True if something has to end before it, as the order says."""
        assert self._order is not None
        assert not isinstance(self._order, random.Random)
        for name in self._order:
            if name in task.names:
                return False
            if name not in self._ended and any(other in task.names for other in self._order):
                return True
        return False

    def _end(self, task: _Task) -> None:
        self._open.remove(task)
        self._ended.update(task.names)
        respond(self._engine, task.task.token, task.outcome)
        if not is_about_marks(task.task.name):
            self._moments.ended(self._engine, task.names)

    def _beat(self) -> bool:
        """Send the heartbeats of the tasks; end those that are to be cancelled. Returns True if there was one."""
        ended = False
        for task in list(self._open):
            if task.silent:
                continue
            try:
                cancels = self._engine.record_activity_task_heartbeat(task.task.token)
            except UnknownResource:
                self._open.remove(task)
                continue
            if cancels:
                self._open.remove(task)
                respond(self._engine, task.task.token, Outcome(canceled=True))
                ended = True
        return ended

    def _is_stuck(self, due: float) -> bool:
        """True if nothing is left but time-outs: that of the whole run, or those of activities that the order holds."""
        held = [each for each in self._open if self._is_held_now(each)]
        if any(each.end < math.inf and each not in held for each in self._open):
            return False
        timers = any(each.open for run in self._engine.runs.values() for each in run.history.timers.values())
        return (bool(held) and not timers) or due - self._clock() > YEAR / 2

    def _is_held_now(self, task: _Task) -> bool:
        return isinstance(self._order, Sequence) and self._is_held(task)

    def _why_stuck(self) -> str:
        held = next((each for each in self._open if self._is_held_now(each)), None)
        if held is not None and isinstance(self._order, Sequence):
            missing = next(name for name in self._order if name not in self._ended)
            return (
                f"the order of activities cannot be kept: {held.names[-1]} waits for the end of {missing!r}, and that "
                "does not come; give another order"
            )
        if self._open:
            names = ", ".join(sorted({each.names[-1] for each in self._open}))
            return f"nothing happens any more: {names} never ends and has no time-out; give the activity one"
        runs = [run for run in self._engine.runs.values() if run.history.open]
        signals = sorted({name for run in runs for name in self._awaited(run.run_id)})
        if signals:
            return (
                f"the run waits for the signal {signals[0]!r}, which the test does not send; add "
                f"workflow_runner.signal({signals[0]!r})"
            )
        return "nothing happens any more: the run waits for something that the test does not provide"

    def reap(self) -> None:
        """Drop the tasks that are not open any longer."""
        self._open = [each for each in self._open if self._engine.is_open(each.task.token)]

    def close(self) -> None:
        """Drop all tasks."""
        self._open = []
