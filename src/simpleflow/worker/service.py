"""What the processes of ``decider.start``, ``worker.start`` and ``standalone`` do."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decisions import Decision
from simpleflow.engines.base import ActivitySource, ActivityTask, DecisionSource, DecisionTask
from simpleflow.engines.swf.decisions import SwfDecisionSource, limits
from simpleflow.exceptions import SimpleflowError
from simpleflow.worker.child import Child
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.identity import identity
from simpleflow.worker.on_closed import OnClosed
from simpleflow.worker.performer import Former, Performer
from simpleflow.worker.poller import Pause, serve
from simpleflow.worker.pollers import Pollers
from simpleflow.worker.stopping import Stopping
from simpleflow.worker.supervisor import POINTLESS, Body
from simpleflow.workflow import Workflow

log = logging.getLogger(__name__)

KEPT_EXECUTIONS = 500
"""How many executions a decider process keeps alive: others are evaluated afresh when their turn comes."""


class OneList:
    """A DecisionSource whose activities, children and continuations all go to one task list."""

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


def decider_body(
    connect: Callable[[], SwfDecisionSource],
    workflow_classes: Mapping[str, type[Workflow]],
    domain: str,
    on_closed: OnClosed,
    task_list_of_all: str | None = None,
) -> Body:
    """A process that answers decision tasks.

    Once it sees that other processes answer for the same executions, it asks for their next tasks to come to a list of
    its own, and polls that too.

    Args:
        connect: gives the source; called in the new process, so that no connection is shared.
        workflow_classes: by type name; others are imported when they are met.
        domain: of the executions.
        on_closed: see ``DecisionWorker``.
        task_list_of_all: where to send all that is asked for; None: where the workflow says.

    Raises InputError as ``identity``.
    """
    identity()

    def body(owner: int) -> None:
        stopping = _stoppable(owner)
        me = identity()
        source = connect()
        answers = source if task_list_of_all is None else OneList(source, task_list_of_all)
        worker = DecisionWorker(
            answers, dict(workflow_classes), domain, limits=limits(), kept=KEPT_EXECUTIONS, on_closed=on_closed
        )
        pollers: Pollers[DecisionTask] = Pollers(stopping)
        pollers.add(partial(source.poll_for_decision_task, me))
        pause = Pause()
        alone = True

        def decide(task: DecisionTask) -> None:
            nonlocal alone
            if alone and source.wants_own_list:
                alone = False
                pollers.add(partial(source.poll_own_list, me), is_vital=False)
            began = time.monotonic()
            what = f"decision {task.started_event_id} of {task.name} (workflow {task.workflow_id}, run {task.run_id})"
            log.debug("%s begins", what)
            try:
                worker.decide(task)
            except (Exception, SystemExit):  # a fault of ours, or of a module that is imported
                seconds = pause.next()
                log.exception("%s failed; left to its time-out, the next one begins in %.1f s", what, seconds)
                stopping.nap(seconds)
                return
            pause.reset()
            log.info("%s was answered after %.3f s", what, time.monotonic() - began)

        with _pointless_ends():
            pollers.serve(decide)

    return body


def worker_body(
    connect: Callable[[], ActivitySource],
    domain: str,
    heartbeat: float,
    middlewares: Middlewares = Middlewares(),
    one_task: bool = False,
    given: ActivityTask | None = None,
    former: Mapping[str, Former] | None = None,
) -> Body:
    """A process that does activity tasks, in a child process of its own.

    Args:
        connect: gives the source; called in the new process, so that no connection is shared.
        heartbeat: seconds between two signs of life, at most.
        one_task: end after one.
        given: do that task, and end.
        former: see Performer.

    Raises InputError as ``identity``.
    """
    identity()

    def body(owner: int) -> None:
        stopping = _stoppable(owner)
        child = Child(middlewares, domain)
        child.open()  # before there is any connection that it would hold too
        try:
            source = connect()
            performer = Performer(source, child, heartbeat, former)
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
    """An error that would meet the next process too ends all of them."""
    try:
        yield
    except SimpleflowError as error:
        log.error("%s", error)
        raise SystemExit(POINTLESS) from error
