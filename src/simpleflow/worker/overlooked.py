"""Failures that no code has asked about, for those who watch an execution on a service from another process.

The decider alone knows them, when it completes the execution. It says their names in the execution context of that
answer: the history keeps it, and it is no event that another decider would have to understand.
"""

from __future__ import annotations

from collections.abc import Sequence

from simpleflow import values

_KEY = "overlooked"
_MOST = 20  # names that are said: the context has to fit into a field


def in_context(context: str, names: Sequence[str]) -> str:
    """The execution context with the names of failed tasks in it."""
    content = values.decode(context)
    content = dict(content) if isinstance(content, dict) else {}
    return values.encode(content | {_KEY: list(names[:_MOST])}, "execution context")


def read(context: str | None) -> list[str]:
    """The names in an execution context; none if it says none."""
    content = values.decode(context)
    found = content.get(_KEY) if isinstance(content, dict) else None
    return [str(each) for each in found] if isinstance(found, list) else []
