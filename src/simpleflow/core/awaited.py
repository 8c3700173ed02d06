"""The signals that an execution waits for, in the execution context of the answers to its decision tasks.

No event says which signals the code of a workflow waits for. The decider knows, and says it with its answer: the
history keeps it, so that other processes can read it, and it is no event that another decider would have to understand.
An execution that waits for no signal has the same context as ever.

The names stand at the end of the context, so that what stands before them is found again as it was: it says by which
code a decision was made.
"""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow import values

_KEY = "awaits"
_MARK = f',"{_KEY}":'  # inside of a text JSON escapes the quotes
_MOST = 20  # names that are said: the context has to fit into a field


def in_context(context: str, names: Iterable[str]) -> str:
    """The execution context, a JSON object that is not empty, with the names of these signals at its end."""
    found = sorted(set(names))[:_MOST]
    return f"{context[:-1]}{_MARK}{values.encode(found, 'names of signals')}}}" if found else context


def read(context: str | None) -> list[str]:
    """The names in an execution context; none if it says none."""
    if context is None or _MARK not in context:
        return []
    content = values.decode(context)
    found = content.get(_KEY) if isinstance(content, dict) else None
    return [str(each) for each in found] if isinstance(found, list) else []


def without(context: str | None) -> str | None:
    """The execution context as it was before the names were added."""
    if context is None or _MARK not in context:
        return context
    return context.partition(_MARK)[0] + "}"
