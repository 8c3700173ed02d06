"""Parts of an execution that failed: a child hands their names up to its parent, beside its result.

Theory of operation. A workflow may consist of named parts and complete although one of them failed. The parent sees
only the child's result. So a parent that has to know *requests* the failed parts, with the key ``PARTS`` in the child's
input. Requests are handed down, so they reach the children of children. A child with such a request whose parts failed
wraps its result: ``{RESULT: result, PARTS: {"failed": [[workflow id, name], ...]}}``. ``ChildHandle`` unwraps it. A
child without failed parts, and one without a request, completes with its bare result.

An execution that continues as new carries the failed parts so far in its own request. A part of the same workflow id
and name that has completed since is no longer among them.

A child may stop before its end, since it has reached what it was to reach (``stopping``). Its result then tells that:
``{STOPPED: {"until": [...], ...}}``. A child that has gone on to its end tells what it has reached beside its result:
``{RESULT: result, REACHED: {"names": [...], "all": true}}``.

A child with the request also hands up the parts that depend on something outside of it, under the key "inside" beside
"failed", as the workflow describes them (``parts_inside``). The part of the parent around the child is done only while
these are.

A workflow class has parts if it has the method ``parts_failed``: a dict of the names of its parts, with True for each
that failed. A child that ended badly and whose class has parts counts as one failed part with an empty name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simpleflow import values
from simpleflow.constants import RESERVED
from simpleflow.named_tuple import NamedTuple

PARTS = RESERVED + "parts"
RESULT = RESERVED + "result"
REACHED = RESERVED + "reached"
STOPPED = RESERVED + "stopped"

_MOST = 5  # failed parts that are named: a result has to fit into a field


class Part(NamedTuple):
    """A part of an execution."""

    workflow_id: str
    name: str  # "" for the execution as a whole; OVERLOOKED for what failed and nobody asked about


def is_requested(reserved: Mapping[str, Any]) -> bool:
    """True if the parent of the execution with this input has to know of failed parts."""
    return PARTS in reserved


def has_parts(workflow_class: type[Any]) -> bool:
    """True if executions of this class consist of parts."""
    return hasattr(workflow_class, "parts_failed")


def parts_of(workflow: Any) -> dict[str, bool]:
    """The names of the parts of a workflow that is being evaluated, with True for each that failed."""
    return workflow.parts_failed() if has_parts(type(workflow)) else {}


def failed_in(content: Any) -> tuple[Part, ...]:
    """The failed parts in the value of the key ``PARTS``."""
    found = content.get("failed") if isinstance(content, dict) else None
    pairs = found if isinstance(found, list) else ()
    return tuple(Part(*map(str, pair)) for pair in pairs if isinstance(pair, list) and len(pair) == 2)


def inside_in(content: Any) -> list[Any]:
    """The parts that depend on something outside, in the value of the key ``PARTS``."""
    found = content.get("inside") if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def content(failed: Iterable[Part], inside: Sequence[Any] = ()) -> dict[str, Any]:
    """The value of the key ``PARTS``."""
    named = sorted(set(failed))[:_MOST]
    found: dict[str, Any] = {"failed": [list(part) for part in named]} if named else {}
    return found | ({"inside": list(inside)} if inside else {})


def wrap(
    result: str | None, failed: Iterable[Part], reached: Mapping[str, Any] = {}, inside: Sequence[Any] = ()
) -> str | None:
    """The result (JSON text) with what is handed up beside it; the bare result if there is nothing."""
    said: dict[str, Any] = {PARTS: found} if (found := content(failed, inside)) else {}
    if reached:
        said[REACHED] = reached
    if not said:
        return result
    return f'{{"{RESULT}":{result or "null"},{values.encode(said, "failed parts")[1:]}'


class Unwrapped(NamedTuple):
    """The decoded result of a child, and what it hands up beside it."""

    result: Any
    failed: tuple[Part, ...] = ()
    inside: Sequence[Any] = ()


def unwrap(value: Any) -> Unwrapped:
    """Take the decoded result of a child apart."""
    if isinstance(value, dict) and RESULT in value and value.keys() <= {RESULT, PARTS, REACHED}:
        return Unwrapped(value[RESULT], failed_in(value.get(PARTS)), inside_in(value.get(PARTS)))
    return Unwrapped(value)


class Reached(NamedTuple):
    """The steps that a child has reached."""

    names: list[str]
    all: bool  # it was to reach nothing else
    stopped: bool  # it has stopped before its end, and has no result


def reached_in(value: Any) -> Reached | None:
    """The steps that a child has reached, from its decoded result; None if the result does not name them."""
    if stopped := stopped_in(value):
        return Reached(_texts(stopped.get("until")), True, True)
    said = value.get(REACHED) if isinstance(value, dict) and RESULT in value else None
    return Reached(_texts(said.get("names")), said.get("all") is True, False) if isinstance(said, dict) else None


def stopped_in(value: Any) -> dict[str, Any]:
    """The content of the decoded result of a run that has stopped before its end; empty if it has not stopped so."""
    found = value.get(STOPPED) if isinstance(value, dict) and value.keys() == {STOPPED} else None
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
