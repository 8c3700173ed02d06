"""Texts that are too long for a field of SWF: they go into an object store, and a reference into the field.

The reference is ``simpleflow+s3://bucket/key size``; the size is in characters. The store is set by
SIMPLEFLOW_JUMBO_FIELDS_BUCKET: ``bucket``, ``bucket/prefix``, or any other form that ``stores.location`` knows, without
a prefix.
"""

from __future__ import annotations

import re
import uuid
from typing import Any, TypeVar

import msgspec

from simpleflow import settings, stores, values
from simpleflow.constants import JUMBO_SCHEME, MAX_FIELD_LENGTH, MAX_JUMBO_LENGTH, MAX_REASON_LENGTH
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decisions import Decision
from simpleflow.exceptions import InputError, StoreError, SwfError
from simpleflow.stores.location import parse

_MEMBERS = ("input", "result", "details", "control", "reason")
_NEVER_READ = (e.ActivityTaskScheduled, e.StartChildWorkflowExecutionInitiated, e.WorkflowExecutionContinuedAsNew)
"""The texts of these events come from a decider, which does not read them again: they are not fetched."""

_WITH_PREFIX = re.compile(r"(?P<bucket>[A-Za-z0-9_-]+)/(?P<prefix>[^/].*)")  # no dot, no colon: not a host

T = TypeVar("T", bound=msgspec.Struct)


def limit(member: str) -> int:
    """How many characters a member of that name may hold."""
    return MAX_REASON_LENGTH if member == "reason" else MAX_FIELD_LENGTH


def shrink(text: str, member: str, owner: str) -> str:
    """``text`` if it fits into the member; else the text is put into the store, and this returns the reference.

    ``owner`` names the owner of the member in messages. Raises InputError if the text is too long and no store is
    configured, or if it is longer than 5 MiB; SwfError, which may pass, if the store refuses it.
    """
    if len(text) <= limit(member):
        return text
    size = f"the {member} of {owner} has {len(text)} characters"
    if not settings.SIMPLEFLOW_JUMBO_FIELDS_BUCKET:
        raise InputError(
            f"{size}, and SWF takes {limit(member)}: set SIMPLEFLOW_JUMBO_FIELDS_BUCKET to a bucket for such texts, "
            "or store it elsewhere yourself"
        )
    if len(text) > MAX_JUMBO_LENGTH:
        raise InputError(f"{size}; expected at most {MAX_JUMBO_LENGTH}: store it elsewhere yourself")
    bucket, prefix = _configured()
    # The digest lets a decider compare texts that it has not read.
    name = uuid.uuid4().hex + values.digest(text)[:32]
    reference = f"{JUMBO_SCHEME}{bucket}/{prefix + '/' if prefix else ''}{name} {len(text)}"
    if len(reference) > limit(member):
        raise InputError(
            f"{size}; SWF takes {limit(member)}, and its reference {reference!r} does not fit either: "
            "use a bucket or prefix with a shorter name"
        )
    try:
        _store(bucket).put(prefix, name, text.encode())
    except StoreError as error:
        raise SwfError(f"{size}, and cannot be stored: {error}", passing=True) from error
    return reference


def restore(text: str) -> str:
    """The text behind a reference; any other text as it is. Raises SwfError if it cannot be read."""
    if not text.startswith(JUMBO_SCHEME):
        return text
    reference, _, size = text[len(JUMBO_SCHEME) :].rpartition(" ")
    if not reference or not size.isascii() or not size.isdigit():
        return text
    bucket, prefix, name = _split(reference)
    try:
        body = _store(bucket).get(prefix, name)
    except StoreError as error:
        raise SwfError(f"{text}: {error}", passing=True) from error
    if body is None:
        raise SwfError(f"{text}: there is no such object; was the bucket emptied, or is SIMPLEFLOW_S3_HOST another?")
    found = body.decode()
    if len(found) != int(size):
        raise SwfError(f"{text}: the object has {len(found)} characters, not {size}")
    return found


def shrink_decision(decision: Decision) -> Decision:
    """The decision with references in place of texts that are too long. Raises as ``shrink``."""
    long = {
        member: shrink(text, member, _name(decision))
        for member in _MEMBERS
        if isinstance(text := getattr(decision, member, None), str) and len(text) > limit(member)
    }
    return msgspec.structs.replace(decision, **long) if long else decision


def restore_event(event: e.Event) -> e.Event:
    """The event with the texts in place of references, as far as a decider reads them. Raises as ``restore``."""
    attributes: Any = event.attributes
    if isinstance(attributes, _NEVER_READ):
        return event
    found = {
        member: restore(text)
        for member in _MEMBERS
        if isinstance(text := getattr(attributes, member, None), str) and text.startswith(JUMBO_SCHEME)
    }
    return e.Event(event.id, event.time, msgspec.structs.replace(attributes, **found)) if found else event


def _name(decision: Decision) -> str:
    if isinstance(decision, d.ScheduleActivityTask):
        return f"activity {decision.activity_id}"
    if isinstance(decision, d.StartChildWorkflowExecution):
        return f"child workflow {decision.workflow_id}"
    if isinstance(decision, d.RecordMarker):
        return f"marker {decision.marker_name}"
    if isinstance(decision, d.SignalExternalWorkflowExecution):
        return f"signal {decision.signal_name}"
    if isinstance(decision, d.StartTimer):
        return f"timer {decision.timer_id}"
    return (
        "the workflow that continues it" if isinstance(decision, d.ContinueAsNewWorkflowExecution) else "the workflow"
    )


def _configured() -> tuple[str, str]:
    """The bucket as references name it, and the prefix within it."""
    given = settings.SIMPLEFLOW_JUMBO_FIELDS_BUCKET or ""
    found = _WITH_PREFIX.fullmatch(given)
    if found:
        return found["bucket"], found["prefix"].rstrip("/")
    location = parse(given, settings.SIMPLEFLOW_S3_HOST)
    return (location.name if location.kind == "s3" else stores.open_store(given).url), ""


def _store(bucket: str) -> stores.Store:
    """The store of that bucket: the one of the setting if it is that bucket."""
    given = settings.SIMPLEFLOW_JUMBO_FIELDS_BUCKET
    if given and not _WITH_PREFIX.fullmatch(given) and _configured()[0] == bucket:
        return stores.open_store(given)
    return stores.open_store(bucket)


def _split(reference: str) -> tuple[str, str, str]:
    """Bucket, prefix and name of a reference."""
    path, _, name = reference.rpartition("/")
    if path.startswith("/") or "://" in path:
        return path, "", name
    bucket, _, prefix = path.partition("/")
    return bucket, prefix, name
