"""The ``workflow.start`` command that does what ``workflow.restart`` does, and that can be given again to go on.

The same restart given again would end what this one has begun, and force again what it has forced.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from simpleflow import parameters, values
from simpleflow.cli import step_names
from simpleflow.constants import KEEP_GOING
from simpleflow.step.request import REQUEST

_VALUES = ("--workflow", "--state")  # options of a restart with a value that this command gives in another form


def steering(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the options of a start that an input holds beside the arguments; None if it holds more than these."""
    request = given.get(REQUEST, {})
    known = {*step_names.OPTIONS, "changed"}
    if not given.keys() <= {"args", "kwargs", REQUEST, KEEP_GOING, parameters.TYPED}:  # of a child workflow
        return None
    if not isinstance(request, dict) or not request.keys() <= known:  # of a plan, or of a run that continues another
        return None
    found: dict[str, Any] = {name: list(request.get(name, ())) for name in step_names.OPTIONS}
    return found | {"changed": request.get("changed") is True, "keep_going": given.get(KEEP_GOING) is True}


def arguments(
    reference: str,
    workflow_id: str,
    state: str,
    given: Mapping[str, Any],
    options: Mapping[str, Any],
    ids: Sequence[str],
) -> list[str] | None:
    """Return the arguments of the command; None if no command line can say the same.

    Args:
        reference: the workflow.
        workflow_id: of the run.
        state: the state folder.
        given: the input.
        options: from ``steering``.
        ids: those in the command line of the restart.
    """
    kwargs = dict(given["kwargs"])
    names = values.text_tuple(given.get(parameters.TYPED))
    if not kwargs.keys() >= set(names):
        return None
    texts = [f"{name}={value if isinstance(value := kwargs.pop(name), str) else _json(value)}" for name in names]
    words = ["workflow.start", reference, "--workflow-id", workflow_id, "--state", state]
    if given["args"] or kwargs:
        words += ["--input", _json({"args": given["args"], "kwargs": kwargs} if kwargs else given["args"])]
    for text in texts:
        words += ["-p", text]
    for name in step_names.OPTIONS:
        if options[name]:
            words += [f"--{name}", step_names.joined(options[name])]
    words += [f"--{name.replace('_', '-')}" for name in ("changed", "keep_going") if options[name]]
    return [*words, *_others(ids)]


def _others(ids: Sequence[str]) -> list[str]:
    """Return the other options of this command line: those about workers and about what is shown."""
    found = []
    left, is_value = list(ids), False
    for word in sys.argv[1:]:
        if is_value:
            is_value = False
        elif word in _VALUES:
            is_value = True
        elif word in left:
            left.remove(word)
        elif word not in ("workflow.restart", "--local") and not word.startswith(tuple(f"{each}=" for each in _VALUES)):
            found.append(word)
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
