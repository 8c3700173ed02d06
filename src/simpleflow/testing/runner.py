"""``WorkflowRunner``: runs workflows in memory, with activities that do what the test says, on a virtual clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from simpleflow.activity import Activity
from simpleflow.core import events as e
from simpleflow.exceptions import InputError
from simpleflow.runs import failure_notes, run_outcome
from simpleflow.steering import plan as plans
from simpleflow.step import planned
from simpleflow.testing.clock import VirtualClock
from simpleflow.testing.crash_point import CrashAfter, crash_point
from simpleflow.testing.executor import Parts, ScriptedExecutor
from simpleflow.testing.finished import FinishedRun
from simpleflow.testing.journal import Crash, MemoryJournal
from simpleflow.testing.moments import Moments
from simpleflow.testing.script import NOT_GIVEN, Call, Script
from simpleflow.testing.step_store import StepStore
from simpleflow.testing.worker import Order
from simpleflow.workflow import Workflow


class WorkflowRunner:
    """Runs workflows in memory. Runs of one runner share their done marks, as runs of one folder do.

    Activities do what their code says and take no time, unless ``on`` says otherwise. Time is virtual: timers,
    time-outs and pauses before retries pass at once. Each activity has its own worker.

    Args:
        store: the marks. None: a new StepStore.
        order: in which order activities end. None: as they began, if they take the same time. A list of names (of
            steps, activities or activity ids): each of them ends only when those before it have. A ``random.Random``:
            activities for which ``on`` gives no time take a random time, a second on average.

    Attributes:
        store: the marks.
        clock: the virtual clock; ``clock()`` is the time in epoch seconds.
        last_run: the latest run.
    """

    def __init__(self, *, store: StepStore | None = None, order: Order = None) -> None:
        if isinstance(order, str):
            raise InputError(f"order is {order!r}; expected a list of names, or a random.Random")
        self.store = StepStore() if store is None else store
        self.clock = VirtualClock()
        self.last_run: FinishedRun | None = None
        self._order = order
        self._script = Script()
        self._moments = Moments()
        self._journal = MemoryJournal(self.store.change)

    # The script, before the run

    def on(
        self,
        activity: Activity | str,
        *,
        returns: Any = NOT_GIVEN,
        raises: BaseException | type[BaseException] | None = None,
        call: Callable[..., Any] | None = None,
        takes: float | None = None,
        hangs: bool = False,
        step: str | None = None,
        times: int | None = None,
    ) -> WorkflowRunner:
        """Set the outcome of the tries of an activity. A later call comes before an earlier one. Returns the runner.

        Args:
            activity: the activity, or its name.
            returns: the result.
            raises: the error that it raises.
            call: a function that is called with the arguments, instead of the activity.
            takes: seconds until it ends, on the virtual clock.
            hangs: it never ends and sends no heartbeats, so that only a time-out ends it.
            step: only in the steps that this pattern covers, such as ``load`` for ``load`` and ``load.users``.
            times: only for so many tries; then the earlier calls count again.

        Raises InputError for arguments that are not valid.
        """
        self._script.add(activity, returns, raises, call, takes, hangs, step, times)
        return self

    def signal(
        self,
        name: str,
        value: Any = None,
        *,
        workflow_id: str | None = None,
        at: float | None = None,
        after: str | None = None,
    ) -> WorkflowRunner:
        """Send a signal to the next run: as soon as it waits for it, unless a moment is given. Returns the runner.

        Args:
            name, value: of the signal.
            workflow_id: of the execution that gets it. None: the one that waits for it; with a moment, the run itself.
            at: the moment, in seconds after the start of the run.
            after: the moment at which an activity of that name, or of a step that this pattern covers, has ended.

        Raises InputError for arguments that are not valid.
        """
        self._moments.add("signal", name, value, workflow_id, at, after)
        return self

    def cancel(
        self, *, workflow_id: str | None = None, at: float | None = None, after: str | None = None
    ) -> WorkflowRunner:
        """Request that the next run is cancelled: when nothing else happens, or at a moment; see ``signal``."""
        self._moments.add("cancel", "", None, workflow_id, at, after)
        return self

    def terminate(
        self, *, workflow_id: str | None = None, at: float | None = None, after: str | None = None
    ) -> WorkflowRunner:
        """Terminate the next run: when nothing else happens, or at a moment; see ``signal``."""
        self._moments.add("terminate", "", None, workflow_id, at, after)
        return self

    # Runs

    def run(
        self,
        workflow: type[Workflow],
        input: Any = None,
        *,
        workflow_id: str | None = None,
        fails: bool = False,
        crash_after: CrashAfter = None,
        **options: Any,
    ) -> FinishedRun:
        """Run a workflow to its end; go on with a run of the same workflow id that has crashed. Returns the run.

        Args:
            workflow, input, workflow_id: as for ``local.Executor``.
            fails: the run is expected to end with an error, which the attribute ``error`` of the run holds.
            crash_after: the process dies, as far as the run is concerned, and the run stays open. A number: once so
                many events are kept. The name of an activity or a step: after the end of a try of it. The name of a
                type of events, such as ``TimerStarted``: after the first one. A function: after the first event for
                which it returns true.
            options: others of ``local.Executor``: ``force_steps``, ``skip_steps``, ``only_steps``, ``until_steps``,
                ``changed``, ``keep_going``, ``tag_list``, ``middlewares``, ``overrides``, ``fresh``.

        Raises the error of the workflow, unless ``fails``. Raises AssertionError if it does not fail, if it ends before
        the crash, or if it waits for something that the test does not provide; InputError for a bad argument.
        """
        run = self._run(workflow, input, workflow_id, crash_after, options)
        if crash_after is not None and not run.crashed:
            raise AssertionError(
                f"the run ended before the crash after {crash_after!r}: it has {len(run.events)} events"
            )
        if fails and run.error is None and not run.crashed:
            raise AssertionError(f"the run did not fail; its result is {run.result!r}")
        if run.error is not None and not fails:
            raise run.error
        return run

    def _run(
        self,
        workflow: type[Workflow],
        input: Any,
        workflow_id: str | None,
        crash_after: CrashAfter,
        options: dict[str, Any],
    ) -> FinishedRun:
        calls: list[Call] = []
        parts = Parts(self.store, self.clock, self._journal, self._script, self._moments, self._order, calls)
        executor = ScriptedExecutor(parts, workflow, workflow_id=workflow_id, **options)
        self._journal.crash, self._journal.crashed = crash_point(crash_after), False
        with self.store.in_use():
            run, failure = None, None
            try:
                run, failure = executor.execute(input)
            except Crash:
                pass
            finally:
                self._journal.crash = None
        root_id = executor.root_id
        result, error, state = None, None, "crashed"
        if run is not None:
            state = run.history.state
            try:
                result = run_outcome.outcome(run, failure)
            except Exception as raised:  # noqa: BLE001 (the test looks at it)
                failure_notes.add_notes(raised, executor._runs)
                error = raised
        histories = [(each.workflow_id, self._journal.load(each.run_id)) for each in self._journal.family(root_id)]
        run_id = root_id if run is None else run.run_id
        self.last_run = FinishedRun(str(executor.workflow_id), run_id, state, result, error, histories, calls)
        return self.last_run

    # Plans

    def plan(self, workflow: type[Workflow], input: Any = None, **options: Any) -> plans.Plan:
        """Plan a run: which steps it would run, and why. Nothing is run. For ``options`` see ``steering.plan.plan``."""
        with self.store.in_use():
            return plans.plan(workflow, input=input, default_bucket=self.store.bucket, past=self._past, **options)

    def assert_plan(
        self,
        workflow: type[Workflow],
        input: Any = None,
        *,
        run: Iterable[str],
        skip: Iterable[str] | None = None,
        **options: Any,
    ) -> None:
        """Assert which steps a run would run, and which it would skip if that is given; see ``plan``."""
        found = self.plan(workflow, input, **options)
        for expected, verdict in ((run, planned.RUN), (skip, planned.SKIP)):
            names = {each.step for each in found.steps if each.verdict == verdict}
            if expected is not None and names != set(expected):
                rows = [f"{each.step}: {each.verdict} ({', '.join(each.reasons)})" for each in found.steps]
                raise AssertionError(
                    f"the plan would {verdict} {', '.join(sorted(names)) or 'no step'}; expected "
                    f"{', '.join(sorted(expected)) or 'no step'}; the plan is {'; '.join(rows)}"
                )

    def _past(self, workflow_id: str) -> Iterable[tuple[str, list[e.Event]]]:
        for each in reversed(self._journal.runs):
            if each.workflow_id == workflow_id:
                yield each.run_id, self._journal.load(each.run_id)

    # Many runs

    def fresh(self, order: Order = None) -> WorkflowRunner:
        """Another runner with the same script, messages and done marks, and without any run."""
        found = WorkflowRunner(store=self.store.copy(), order=self._order if order is None else order)
        found._script = self._script.copy()
        found._moments = Moments(self._moments.waiting)
        return found

    def check_orders(
        self,
        workflow: type[Workflow],
        check: Callable[[FinishedRun], object],
        input: Any = None,
        *,
        times: int = 50,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Run a workflow in random orders of its activities, each time from the same marks; ``check`` each run.

        Args:
            times: how many orders. Order number n has the seed ``seed + n``.
            options: as for ``run``.

        Raises what a run or ``check`` raises, with a note that says how to repeat that order alone.
        """
        for number in range(seed, seed + times):
            try:
                check(self.fresh(random.Random(number)).run(workflow, input, **options))
            except BaseException as error:
                error.add_note(f"in a random order; to repeat it alone: check_orders(..., times=1, seed={number})")
                raise

    def check_crashes(
        self, workflow: type[Workflow], check: Callable[[FinishedRun], object], input: Any = None, **options: Any
    ) -> int:
        """Run a workflow with a crash after each event, one at a time, and go on; ``check`` the run that went on.

        Returns how many crashes there were. For ``options`` see ``run``. Raises what a run or ``check`` raises, with a
        note that says where the crash was.
        """
        crashes, kept = 0, 0
        while True:
            runner = self.fresh()
            # An order that is random is the same one for each crash.
            workflow_id = options.get("workflow_id")
            others = {name: value for name, value in options.items() if name not in ("workflow_id", "fails")}
            crashed = runner._run(workflow, input, workflow_id, kept + 1, others)
            if not crashed.crashed or not runner._journal.history(crashed.run_id).open:
                return crashes
            crashes, kept = crashes + 1, runner._journal.kept
            try:
                check(runner.run(workflow, input, **options))
            except BaseException as error:
                last = crashed.events[-1].type if crashed.events else "nothing"
                error.add_note(
                    f"after a crash at the event {kept} ({last}); to repeat it: run(..., crash_after={kept})"
                )
                raise
