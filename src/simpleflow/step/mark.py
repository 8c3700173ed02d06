"""The content of a done mark: JSON that says when and how the step ran.

A step is done if its mark exists. The content is for people, for results that are kept, for fingerprints, for
dependents (``origins``), and to tell whether the inputs of the step have changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from simpleflow import values
from simpleflow.constants import UNKNOWN
from simpleflow.core.events import milliseconds
from simpleflow.exceptions import NotEncodable
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.made_with import MAX_MARKER_ARGUMENTS, MadeWith, parse
from simpleflow.values import text_or_none, text_tuple

MAX_RESULT = 30_000
"""Characters of JSON that a kept result may have: with the rest of the mark it has to fit into a field of SWF."""

MAX_INTERVALS = 8
"""Times of work that a mark tells apart; the shortest gaps between more of them count as work."""

_MAX_DETAILS = 31_000  # characters of JSON; the rest of a field is for the task's other arguments
_MAX_FINGERPRINT = 200  # characters; longer fingerprints are replaced by their digests


class Mark(NamedTuple):
    """A done mark. A field is None if the mark does not say."""

    step: str
    time: float | None = None  # when it was written, in epoch seconds
    workflow_id: str | None = None  # of the run that wrote it
    run_id: str | None = None
    seconds: float | None = None  # how long its activities worked
    forced: bool | None = None  # the run of the step was forced
    reasons: tuple[str, ...] = ()  # why it ran
    fingerprint: str | None = None
    by_hand: bool = False  # somebody wrote the mark without running the step
    kept: bool = False  # ``result`` is what the work returned
    result: Any = None
    not_kept: str | None = None  # why the result is not kept, though the step asks for that
    problem: str | None = None  # why the mark could not be read
    owner: tuple[str, ...] = ()  # run ids: of the run that had claimed the step, then those above it
    after: Mapping[str, str] | None = None  # versions of the origins that it was made with, see ``origins``
    made_with: MadeWith | None = None  # the inputs of the work
    parts: Mapping[str, tuple[str, ...]] = {}  # the steps inside, and the patterns of those that each depends on
    worked: tuple[tuple[float, float], ...] | None = None  # begins and ends of the times in which its activities worked
    children: Any = None  # the steps of children inside, see ``parts_in_children``


class Times(msgspec.Struct):
    """When a step ran, as its mark says."""

    worked: tuple[tuple[float, float], ...] | None = None  # begins and ends of the times in which its activities worked
    by_hand: bool = False  # it did not run


_TIMES = msgspec.json.Decoder(Times)
_quick_encode = msgspec.json.Encoder().encode


def encode(context: Mapping[str, Any], time: float, details: Mapping[str, Any]) -> bytes:
    """The content of a mark written at ``time`` by an activity with that context; ``details``: further keys."""
    body = {key: context.get(key, "unknown") for key in ("run_id", "workflow_id", "version")}
    return values.encode(body | {"time": milliseconds(time)} | dict(details), "done mark").encode()


def encode_read(context: Mapping[str, Any], time: float, details: Mapping[str, Any]) -> bytes:
    """The same for details that were read from JSON, and a whole context.

    A walk that finds out if any encoder will do would take longer than this.
    """
    try:
        return _quick_encode({**context, "time": milliseconds(time), **details})
    except (ValueError, OverflowError):  # half of a surrogate pair, a large number
        return encode(context, time, details)


def read(step: str, body: bytes, modified: float | None = None) -> Mark:
    """The mark of ``step`` with this content; ``modified``: when it was written, in case the content does not say."""
    try:
        found = json.loads(body, parse_constant=lambda constant: None)
    except (ValueError, RecursionError):
        return Mark(step, modified, problem="its mark cannot be read: it is not JSON")
    if not isinstance(found, dict):
        return Mark(step, modified, problem="its mark cannot be read: it is not a JSON object")
    get = found.get
    forced = get("forced")
    kept = keep(get("result"), step) if "result" in found else {}  # JSON such as 1e999 can be read but not written
    return Mark(
        step,
        _number(get("time"), modified),
        text_or_none(get("workflow_id")),
        text_or_none(get("run_id")),
        _number(get("seconds"), None),
        forced if isinstance(forced, bool) else None,
        text_tuple(get("reasons")),
        text_or_none(get("fingerprint")),
        get("by_hand") is True,
        "result" in kept,
        kept.get("result"),
        kept.get("not_kept") or text_or_none(get("not_kept")),
        owner=text_tuple(get("owner")),
        after=_texts(get("after")),
        made_with=parse(get("made_with")),
        parts=parts(get("parts")),
        worked=_intervals(get("worked")),
        children=get("children"),
    )


def times(body: bytes) -> Times:
    """The times of a mark, read without the rest of the mark: that is three times as quick."""
    try:
        return _TIMES.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return Times()


def parts(content: object) -> dict[str, tuple[str, ...]]:
    """The steps inside, as a mark tells of them."""
    return {name: text_tuple(after) for name, after in content.items()} if isinstance(content, dict) else {}


def fingerprint(value: Any, what: str) -> str:
    """A short text that differs for different values: their JSON, or its digest if that is long.

    Raises NotEncodable, naming ``what``.
    """
    text = values.canonical(value, what)
    if len(text) <= _MAX_FINGERPRINT or UNKNOWN in text:  # a plan must find what it does not know in it
        return text
    return "sha256:" + values.digest(text)


def keep(result: Any, step: str) -> dict[str, Any]:
    """The part of a mark about the result of its step: ``result``, or ``not_kept`` with the reason."""
    try:
        text = values.encode(result, f"the result of step {step!r}")
    except NotEncodable as error:
        return {"not_kept": str(error)}
    if len(text) > MAX_RESULT:
        return {
            "not_kept": f"the result of step {step!r} has {len(text):,} characters as JSON; expected {MAX_RESULT:,} at "
            "most: write it somewhere and return where"
        }
    return {"result": result}


def with_result(details: dict[str, Any], result: Any, step: str) -> dict[str, Any]:
    """The details of a mark with the result that it keeps, see ``keep``; without long arguments if both do not fit."""
    kept = keep(result, step)
    inputs = parse(details.get("made_with"))
    if inputs is not None and "result" in kept and len(values.encode(details | kept, "done mark")) > _MAX_DETAILS:
        kept["made_with"] = inputs.to_json(MAX_MARKER_ARGUMENTS)
    if "result" in kept and "children" in details and len(values.encode(details | kept, "done mark")) > _MAX_DETAILS:
        del kept["result"]
        kept["not_kept"] = f"the result of step {step!r} does not fit into a mark beside the steps of its children"
    return details | kept


def are_alike(body: bytes | None, other: bytes) -> bool:
    """True if two marks are equal except for their times and owners."""
    if body is None:
        return False
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    but = {"time": 0, "owner": []}
    return isinstance(found, dict) and found | but == json.loads(other) | but


def _texts(value: object) -> dict[str, str] | None:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        return None
    return value


def _intervals(value: object) -> tuple[tuple[float, float], ...] | None:
    """Begins and ends in epoch seconds; None if the mark does not say them, as marks of earlier releases."""
    if not isinstance(value, list):
        return None
    found = []
    for each in value:
        begin, end = (
            (_number(time, None) for time in each) if isinstance(each, list) and len(each) == 2 else (None, None)
        )
        if begin is None or end is None or end < begin:
            return None
        found.append((begin, end))
    return tuple(found)


def _number(value: object, default: float | None) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    try:
        found = float(value)
    except OverflowError:
        return default
    return found if isfinite(found) else default
