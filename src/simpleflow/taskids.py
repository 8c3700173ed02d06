"""Task ids: the position of a task in the structure of its workflow, in the characters that SWF allows.

Theory of operation
-------------------
A decider evaluates ``run`` again for every decision, and pairs each submission with the task that an earlier evaluation
scheduled. The id of the task is the key of that pairing, so two evaluations must give a submission the same id. Two
submissions of one execution must never share an id.

A counter over the whole run would not do. Members of a group and code inside steps go on as results arrive, and results
arrive in any order: with one counter, the same submission would get number 7 in one evaluation and 8 in the next.

So ids are structural. Each container opens a scope (``scopes.Scope``), whose path says which container of which parent
it is. Within a scope the code runs in a fixed order, and a count for each name numbers the submissions:
``activity-<name>-<path>-<number>``. An idempotent activity has a digest of its arguments instead of path and number:
equal arguments mean the same task, wherever it is submitted.

Histories hold these ids. If a new version formed them differently, runs that are open would schedule tasks again.
"""

from __future__ import annotations

import re
from typing import Any

from simpleflow import values
from simpleflow.constants import MAX_ID_LENGTH, RETRY_TIMER, STORE_TIMER
from simpleflow.scopes import Scope

_ESCAPED = r"%([0-9A-F]{2})"
_BY_POSITION = re.compile(r"(?:.+-)?[0-9]+")
_WHOLE = re.compile(r".+?\.(?=\.|-[0-9]+\Z)")
_FORBIDDEN = re.compile(r"[%:/|\x00-\x1f\x7f-\x9f]")


def task_id(prefix: str, name: str, suffix: str) -> str:
    """Return the id ``prefix-name-suffix``, with forbidden characters escaped, of at most 256 characters."""
    return fit(clean(f"{prefix}-{name}-{suffix}"))


def clean(text: str) -> str:
    """Return the text with each character that SWF forbids in ids written as ``%`` and two hex digits.

    These are ``:``, ``/``, ``|`` and control characters. ``%`` is escaped too, so that different texts stay different.
    """
    return _FORBIDDEN.sub(lambda found: f"%{ord(found[0]):02X}", text)


def unclean(text: str) -> str:
    """Return the text that ``clean`` was given."""
    return re.sub(_ESCAPED, lambda found: chr(int(found[1], 16)), text) if "%" in text else text


def fit(id: str) -> str:
    """Return the id; if it is longer than SWF allows, its first 223 characters and a digest of the whole."""
    if len(id) <= MAX_ID_LENGTH:
        return id
    return f"{id[:223]}-{_digest(id)}"


def retry_timer(failures: int, task_id: str) -> str:
    """Return the id of the timer before the next try of a task that has failed so often."""
    return fit(f"{RETRY_TIMER}{failures}_{task_id}")


def whole_of(activity_id: str, name: str) -> str | None:
    """Return the scope of the step that an activity is a part of; "" outside of all steps; None if its id hides that.

    The label of a step's scope ends with a dot, and no other label does.
    """
    suffix = activity_id.removeprefix(clean(f"activity-{name}-"))
    if suffix == activity_id or not _BY_POSITION.fullmatch(suffix):
        return None
    found = _WHOLE.match(suffix)
    return found[0] if found is not None else ""


def store_timer(tries: int, activity_id: str) -> str:
    """Return the id of the timer before the next try of an activity about marks that has had so many tries."""
    return fit(f"{STORE_TIMER}{tries}_{activity_id}")


def position_suffix(scope: Scope, name: str) -> str:
    """Count one more submission of ``name`` in ``scope``; return the scope's path and its number, ``path-number``."""
    number = scope.count(name)
    return f"{scope.path}-{number}" if scope.path else str(number)


def arguments_suffix(args: list[Any], kwargs: dict[str, Any], label: str) -> str:
    """Return a digest of the arguments; it does not depend on the order of dict keys and set members."""
    return _digest(values.canonical({"args": args, "kwargs": kwargs}, label))


def _digest(text: str) -> str:
    import hashlib  # slow to load, and most ids need none

    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
