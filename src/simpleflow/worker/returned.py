"""Runs that have returned, while only children that wait for signals keep them open.

Nothing in the history of such a run says that its children only wait: it could stay open for ever. The process that
waits for its end finds that out, and sends it RETURN_SIGNAL. Then it completes, and leaves its children to themselves.

On a service, the decider of the run says in the execution context that ``run`` has returned (``in_context``).
"""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow import values
from simpleflow.constants import RETURN_SIGNAL
from simpleflow.core import transitions
from simpleflow.core.history import History

_KEY = "returned"


def in_context(context: str, returned: bool) -> str:
    """The execution context, which says whether ``run`` has returned and the execution goes on."""
    if not returned and f'"{_KEY}"' not in context:
        return context
    content = dict(values.decode(context))
    content.pop(_KEY, None)
    return values.encode(content | ({_KEY: True} if returned else {}), "execution context")


def has_returned(context: str | None) -> bool:
    """True if an execution context says so."""
    content = values.decode(context)
    return isinstance(content, dict) and content.get(_KEY) is True


def only_waits(history: History, family: Iterable[History]) -> bool:
    """True if nothing happens in a run and the executions below it before a signal comes."""
    if not history.open or RETURN_SIGNAL in history.signals or not any(each.open for each in history.children.values()):
        return False
    return all(map(_is_idle, family))


def _is_idle(history: History) -> bool:
    """True if an execution has ended, or waits for its children and for signals alone."""
    if not history.open:
        return True
    children = [each for each in history.children.values() if each.open]
    if history.decision != transitions.IDLE or len(children) != history.under_way:
        return False
    return all(each.state == transitions.STARTED for each in children)
