"""The bodies of the processes of ``decider.start``, ``worker.start`` and ``standalone``."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from simpleflow import metrics
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decisions import Decision
from simpleflow.engines.base import ActivitySource, ActivityTask, DecisionSource, DecisionTask
from simpleflow.engines.swf.decisions import SwfDecisionSource, limits
from simpleflow.exceptions import InputError, SimpleflowError
from simpleflow.worker import log_fields
from simpleflow.worker.child import Child
from simpleflow.worker.deadly_runs import DeadlyRuns
from simpleflow.worker.decision_limit import DecisionLimit, seconds_for
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.identity import identity
from simpleflow.worker.imports import ANY, Imports, use
from simpleflow.worker.on_closed import OnClosed
from simpleflow.worker.performer import Former, Performer
from simpleflow.worker.poller import serve
from simpleflow.worker.pollers import Pollers
from simpleflow.worker.run_pauses import RunPauses
from simpleflow.worker.stop_limit import StopLimit
from simpleflow.worker.stopping import Stopping
from simpleflow.worker.supervisor import POINTLESS, Body, Kind
from simpleflow.workflow import Workflow

log = logging.getLogger(__name__)

KEPT_EXECUTIONS = 500
"""How many executions a decider process keeps alive. Others are evaluated afresh for each decision."""


class OneList:
    """A DecisionSource that sends all activities, children and continuations to one task list.

    Args:
        source: where the tasks come from, and where answers go.
        task_list: in place of the task lists of the decisions.
    """

    def __init__(self, source: DecisionSource, task_list: str) -> None:
        self._source = source
        self._task_list = e.TaskList(task_list)

    def poll_for_decision_task(self, identity: str | None = None) -> DecisionTask | None:
        """See DecisionSource."""
        return self._source.poll_for_decision_task(identity)

    def respond_decision_task_completed(
        self, token: str, decisions: Sequence[Decision], execution_context: str | None = None
    ) -> None:
        """See DecisionSource."""
        moved = [
            msgspec.structs.replace(each, task_list=self._task_list) if isinstance(each, _WITH_LIST) else each
            for each in decisions
        ]
        self._source.respond_decision_task_completed(token, moved, execution_context)


_WITH_LIST = (d.ScheduleActivityTask, d.StartChildWorkflowExecution, d.ContinueAsNewWorkflowExecution)


def deciders(
    connect: Callable[[], SwfDecisionSource],
    workflow_classes: Mapping[str, type[Workflow]],
    domain: str,
    on_closed: OnClosed,
    task_list_of_all: str | None = None,
    imports: Imports = ANY,
    count: int = 1,
) -> Kind:
    """Processes that answer decision tasks.

    Once it notices that other processes answer for the same executions, it also polls a task list that only it uses;
    see ``engines.swf.decisions``.

    Args:
        connect: gives the source; called in the new process, so that no connection is shared.
        workflow_classes: by the name of the workflow type; others are imported when a task names them.
        domain: of the executions.
        on_closed: see ``DecisionWorker``.
        task_list_of_all: the task list to which all decisions send their tasks; None: each to its own.
        imports: the modules that may be imported to find a workflow class.
        count: how many processes.

    Raises InputError as ``identity``.
    """
    identity()
    deadly = DeadlyRuns()

    def body(owner: int) -> None:
        stopping = _stoppable(owner)
        deadly.enter()
        limit = DecisionLimit(deadly.stacks_file())
        about: tuple[str, str, dict[str, Any] | None] = ("", "", None)  # the task that is answered, see ``begins``

        @contextmanager
        def running() -> Iterator[None]:
            """A block that runs code of a workflow, which may end this process. The answer is sent outside of it: a
            process that is killed then says nothing about the execution."""
            if limit.is_running:
                yield
                return
            deadly.begins(*about, limit.seconds)
            try:
                with limit.running():
                    yield
            finally:
                deadly.ends(about[0])

        own_identity = identity()
        source = connect()
        answers = source if task_list_of_all is None else OneList(source, task_list_of_all)
        worker = DecisionWorker(
            answers,
            dict(workflow_classes),
            domain,
            limits=limits(),
            kept=KEPT_EXECUTIONS,
            on_closed=on_closed,
            refuses_other_versions=True,
            imports=imports,
            tells_waits=True,
            limited=running,
        )
        pollers: Pollers[DecisionTask] = Pollers(stopping)
        pollers.add(partial(source.poll_for_decision_task, own_identity))
        pauses = RunPauses()
        alone = True

        def decide(task: DecisionTask) -> None:
            with log_fields.about(task):
                answer(task)

        def answer(task: DecisionTask) -> None:
            nonlocal alone, about
            if alone and source.wants_own_list:
                alone = False
                pollers.add(partial(source.poll_own_list, own_identity), is_vital=False)
            began = time.monotonic()
            label = f"decision {task.started_event_id} of {task.name} (workflow {task.workflow_id}, run {task.run_id})"
            if (left := max(pauses.left(task.run_id), deadly.left(task.run_id))) > 0:
                log.info("%s is left to its time-out: the one before failed; not decided for %.1f s", label, left)
                return
            log.debug("%s begins", label)
            limit.seconds = seconds_for(task)
            about = task.run_id, label, log_fields.of_decision(task)
            try:
                worker.decide(task)
            except (Exception, SystemExit, KeyboardInterrupt) as error:  # of this library, or of imported modules
                seconds = pauses.failed(task.run_id)
                plain = isinstance(error, InputError) and error.__cause__ is None  # a traceback would say nothing more
                left_to = "left to its time-out, this run is not decided for %.1f s, others go on"
                metrics.done("decision", task.name, "failed", time.monotonic() - began)
                log.error(f"%s failed; {left_to}%s", label, seconds, f": {error}" if plain else "", exc_info=not plain)
                return
            pauses.succeeded(task.run_id)
            seconds = time.monotonic() - began
            log.info("%s was answered after %.3f s", label, seconds)
            metrics.done("decision", task.name, "answered", seconds)

        with _pointless_ends():
            pollers.serve(decide)

    return Kind("decider", count, body, deadly.was_deciding)


def worker_body(
    connect: Callable[[Callable[[], float]], ActivitySource],
    domain: str,
    heartbeat: float,
    middlewares: Middlewares = Middlewares(),
    one_task: bool = False,
    given: ActivityTask | None = None,
    former: Mapping[str, Former] | None = None,
    imports: Imports = ANY,
    stop_after: float | None = None,
) -> Body:
    """The body of a process that performs activity tasks, in a child process.

    Args:
        connect: gives the source; called in the new process, so that no connection is shared, with a function that says
            for how many seconds this process may go on.
        heartbeat: seconds between two heartbeats, at most.
        one_task: end after one task.
        given: perform that task, and end.
        former: see Performer.
        imports: the modules that may be imported to find an activity.
        stop_after: so many seconds after a stop was requested, the current task is failed; None: it is finished.

    Raises InputError as ``identity``.
    """
    identity()

    def body(owner: int) -> None:
        stopping = _stoppable(owner)
        use(imports)
        child = Child(middlewares, domain)
        child.open()  # before there are connections, which it would inherit
        try:
            limit = StopLimit(stopping, stop_after)
            source = connect(lambda: limit.left)
            performer = Performer(source, child, heartbeat, former, limit)
            if given is not None:
                performer.perform(given)
            else:
                with _pointless_ends():
                    serve(partial(source.poll_for_activity_task, identity()), performer.perform, stopping, one_task)
        finally:
            child.close()

    return body


def _stoppable(owner: int) -> Stopping:
    stopping = Stopping(owner)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    return stopping


@contextmanager
def _pointless_ends() -> Iterator[None]:
    """A block in which an error of this library ends all processes: one that replaced this one would meet it, too."""
    try:
        yield
    except SimpleflowError as error:
        log.error("%s", error)
        raise SystemExit(POINTLESS) from error
