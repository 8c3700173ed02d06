"""Access to Amazon SWF for the commands: the domain, the engine, and the sources of decision and activity tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow import settings
from simpleflow.checks import check_name
from simpleflow.cli.number import Number
from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.engines.swf.activities import SwfActivitySource
    from simpleflow.engines.swf.decisions import SwfDecisionSource
    from simpleflow.engines.swf.engine import SwfEngine
    from simpleflow.worker.on_closed import OnClosed

_OWN_LIST_PREFIX_LENGTH = MAX_ID_LENGTH - 13
"""How many characters of a task list's name go into the name of a process's own list, which adds 13 more."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def domain_option(command: _Command) -> _Command:
    """Add ``--domain``."""
    return click.option("--domain", "-d", metavar="NAME", help="Amazon SWF domain. Default: SWF_DOMAIN.")(command)


def heartbeat_option(command: _Command) -> _Command:
    """Add ``--heartbeat``."""
    return click.option(
        "--heartbeat",
        type=Number(),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Longest time between two heartbeats of an activity; never more than half of its heartbeat time-out. 0: "
        "only as often as that time-out requires.",
    )(command)


def swf_domain(given: str | None, hint: str = "") -> str:
    """Return the domain to use. Raises InputError, with ``hint`` at its end, if no domain is given or configured."""
    domain = given or settings.SWF_DOMAIN
    if not domain:
        raise InputError(f"no Amazon SWF domain is given: use --domain NAME or set SWF_DOMAIN in the environment{hint}")
    return check_name(domain, "--domain")


def swf_engine(domain: str) -> SwfEngine:
    """Return an engine that uses the domain."""
    from simpleflow.engines.swf.engine import SwfEngine

    return SwfEngine(domain)


def decision_source(domain: str, task_list: str) -> SwfDecisionSource:
    """Return the source of the decision tasks of a task list.

    Call this in the process that polls: the process also gets a task list that only it polls.
    """
    import secrets

    from simpleflow.engines.swf.decisions import SwfDecisionSource

    return SwfDecisionSource(
        domain, task_list, own_list=f"{task_list[:_OWN_LIST_PREFIX_LENGTH]}.{secrets.token_hex(6)}"
    )


def on_closed(domain: str) -> OnClosed:
    """Return what a decider calls with an execution that has closed: its claims are given up, its trace is recorded."""
    import logging

    from simpleflow import tracing
    from simpleflow.step import run_claims

    def closed(run: Any) -> None:
        run_claims.closed(run)
        if not tracing.is_active():
            return
        workflow_id, run_id = run.execution.workflow_id, run.execution.run_id
        try:
            tracing.record(workflow_id, run_id, swf_engine(domain).history(workflow_id, run_id))
        except Exception as error:  # noqa: BLE001 (a trace that is lost must not hold up the decider)
            logging.getLogger(__name__).warning("workflow %s, run %s has no trace: %s", workflow_id, run_id, error)

    return closed


def activity_source(domain: str, task_list: str, left: Callable[[], float]) -> SwfActivitySource:
    """Return the source of the activity tasks of a task list. Call this in the process that polls.

    ``left``: says for how many seconds that process may go on.
    """
    from simpleflow.engines.swf.activities import SwfActivitySource

    return SwfActivitySource(domain, task_list, left=left)
