"""The end of a run: which tasks are over. The engine does not learn it, since another process may own the run now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simpleflow.cluster import batch as b
from simpleflow.cluster import connection as c
from simpleflow.cluster.members import Given

_KINDS = (b.ENDED, b.LARGE, b.STOPPED, b.RETURNED)


def tokens_over(message: Any, where: Mapping[str, Given]) -> list[str]:
    """The tokens of the tasks that are over by a message; ``where``: the batches of those that are not, by token."""
    over: list[str] = []
    if isinstance(message, c.Events):
        over = [event[1] for event in message.events if event[0] in _KINDS]
    elif isinstance(message, c.Workers):
        over = [token for token, given in where.items() if given.lane.member.address not in message.found]
    elif isinstance(message, c.Finished):
        over = [token for token, given in where.items() if given.id == message.batch]
    return [token for token in over if token in where]
