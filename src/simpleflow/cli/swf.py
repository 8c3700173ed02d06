"""What the commands for Amazon SWF have in common: the domain, the engine, logging."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow import settings
from simpleflow.base import check_name
from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.engines.swf.activities import SwfActivitySource
    from simpleflow.engines.swf.decisions import SwfDecisionSource
    from simpleflow.engines.swf.engine import SwfEngine

_OWN_LIST_PREFIX_LENGTH = MAX_ID_LENGTH - 13
"""Characters that there may be of a task list's name in that of a process's own list."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def domain_option(command: _Command) -> _Command:
    """Add ``--domain``."""
    return click.option("--domain", "-d", metavar="NAME", help="Amazon SWF domain. Default: SWF_DOMAIN.")(command)


def heartbeat_option(command: _Command) -> _Command:
    """Add ``--heartbeat``."""
    return click.option(
        "--heartbeat",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Between two signs of life of an activity, at most; never more than half of its heartbeat time-out.",
    )(command)


def swf_domain(given: str | None, hint: str = "") -> str:
    """The domain to use. Raises InputError if none is given or configured; ``hint``: what else there is to do."""
    found = given or settings.SWF_DOMAIN
    if not found:
        expected = "expected --domain NAME, or SWF_DOMAIN in the environment"
        raise InputError(f"no Amazon SWF domain is given; {expected}{hint}")
    return check_name(found, "--domain")


def swf_engine(domain: str) -> SwfEngine:
    """The engine of a domain."""
    from simpleflow.engines.swf.engine import SwfEngine

    return SwfEngine(domain)


def decision_source(domain: str, task_list: str) -> SwfDecisionSource:
    """The decision tasks of a task list; to be called in the process that polls, which gets a list of its own."""
    import secrets

    from simpleflow.engines.swf.decisions import SwfDecisionSource

    return SwfDecisionSource(
        domain, task_list, own_list=f"{task_list[:_OWN_LIST_PREFIX_LENGTH]}.{secrets.token_hex(6)}"
    )


def activity_source(domain: str, task_list: str) -> SwfActivitySource:
    """The activity tasks of a task list; to be called in the process that polls."""
    from simpleflow.engines.swf.activities import SwfActivitySource

    return SwfActivitySource(domain, task_list)
