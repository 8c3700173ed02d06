"""A recorded result belongs to the call that it was made for.

Theory of operation. A submission is paired with a recorded task by its id, and an id says where the submission stands,
not what it asks for. If somebody edits the code or the list that a run goes through and takes the run up again, the
task recorded under that id may be another call: another activity, or other arguments. Its result must not be used.

So each recorded call is compared with the submission, by name and arguments. If they differ, the call is made anew
under a fresh id, and a marker ``changed`` records both.

``run`` may also be nondeterministic: an argument such as ``now()`` differs each time ``run`` is evaluated. To make such
calls anew each time would never end. So it matters in which context the recorded call was decided. Each decision task's
answer carries an execution context: a digest of the workflow's code and, where one process drives the run, how often
the run has been taken up. A call that was decided in the current context stands, although it differs, and the marker
says that ``run`` is not deterministic. A call that was decided in another context is made anew. Since the new call is
decided in the current context, that happens at most once for each start of the run and each edit of the code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.code_names import SCRIPT
from simpleflow.constants import FAULT_MARKER, JUMBO_SCHEME, NOTICE_MARKER
from simpleflow.core import awaited
from simpleflow.core.history import History
from simpleflow.core.records import Record
from simpleflow.exceptions import InputError

CHANGED = "changed"
"""Name of the marker."""

TOLD = frozenset({CHANGED, FAULT_MARKER, NOTICE_MARKER})
"""Names of the markers that are told while the run goes on; ``describe`` makes a line of their details."""

_LONGEST = 1_000  # characters of an input in a marker


def is_same(record: Record, name: str, text: str) -> bool:
    """True if the task was recorded for this activity or workflow type and for these arguments (JSON text).

    ``on_task_failure`` may change the arguments of the next try, so those of the first one count, too. Earlier releases
    recorded an activity ``flow.load`` of a script as ``__main__.load``.
    """
    if record.type_name != name and record.type_name != f"{SCRIPT}.{name.rpartition('.')[2]}":
        return False
    if _same_input(record.scheduled.input, text):
        return True
    first: Any = record.first_scheduled
    return first is not None and _same_input(getattr(first, "input", None), text)


def made_in(history: History, records: Sequence[Record], context: str | None) -> bool:
    """True if one of these tasks was decided in that execution context."""
    return any(
        awaited.without(history.context_of(record.scheduled.decision_task_completed_event_id)) == context
        for record in records
        if record.scheduled is not None
    )


def details(record: Record, name: str, text: str, fresh_id: str | None) -> str:
    """The details of the marker, as JSON text.

    Args:
        record: the call that is recorded.
        name, text: activity or workflow type, and input, of the call that is made now.
        fresh_id: its id; None if the recorded call stands, since ``run`` is not deterministic.
    """
    recorded = {"name": record.type_name, "input": _short(record.scheduled.input)}
    said: dict[str, Any] = {"id": record.id, "recorded": recorded}
    if fresh_id is not None:
        # What a nondeterministic ``run`` asks for differs each time: it would make another marker each time.
        said |= {"as": fresh_id, "now": {"name": name, "input": _short(text)}}
    return values.encode(said, "details of marker 'changed'")


def describe(text: str | None) -> str:
    """The details of a marker of ``TOLD``, in one line for people."""
    said = values.decode(text)
    if isinstance(said, dict) and isinstance(fault := said.get("text"), str):
        return fault
    if not isinstance(said, dict) or not isinstance(recorded := said.get("recorded"), dict):
        return f"a recorded call differs: {text}"
    was = f"{recorded.get('name')}{_arguments(recorded.get('input'))}"
    now = said.get("now")
    if not isinstance(now, dict):
        return (
            f"run() is not deterministic: it now calls {said.get('id')} with other arguments; the recorded call "
            f"{was} stands"
        )
    return (
        f"{now.get('name')}{_arguments(now.get('input'))} is not the recorded call {was}: it runs anew, as "
        f"{said.get('as')}"
    )


def _arguments(text: Any) -> str:
    """The arguments of an input, as one would write them in a call."""
    try:
        args, kwargs = values.arguments(values.decode(text))
    except (ValueError, TypeError, InputError):
        return str(text)  # it was cut
    return "(" + ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]) + ")"


def _same_input(recorded: str | None, text: str) -> bool:
    if recorded == text:
        return True
    if recorded is not None and recorded.startswith(JUMBO_SCHEME):
        # The text is in an object store. The object's name ends with its digest; of older ones only the size is known.
        location, _, size = recorded.rpartition(" ")
        digest = location.rpartition("/")[2][32:]
        return size == str(len(text)) and digest in ("", values.digest(text)[:32])
    try:
        return _canonical(recorded) == _canonical(text)
    except (ValueError, RecursionError):
        return False


def _canonical(text: str | None) -> str:
    """The arguments alone, with sorted keys; reserved keys are left out, since they say only how to run the task."""
    args, kwargs = values.arguments(values.decode(text))
    return json.dumps([args, kwargs], sort_keys=True)


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
