"""The step of an activity, as its activity id says it. See ``simpleflow.taskids`` for the form of ids."""

from __future__ import annotations

import re

_STEP = r".*[-.]step\.(?P<name>.+?)(?:~\d+)?\.(?=[-.])"
_ESCAPED = r"%([0-9A-F]{2})"


def step_of(activity_id: str) -> str | None:
    """The name of the innermost step that an activity was submitted in; None outside of steps.

    None too where the id does not hold it: that of an idempotent activity does not, nor one that was cut.
    """
    if "step." not in activity_id:  # as of all activities of a workflow without steps
        return None
    found = re.match(_STEP, activity_id, re.DOTALL)
    return None if found is None else re.sub(_ESCAPED, lambda code: chr(int(code[1], 16)), found["name"])


def title(activity_id: str, name: str) -> str:
    """The title of an activity for people: its step, else the name of its activity type."""
    return step_of(activity_id) or f"activity {name}"
