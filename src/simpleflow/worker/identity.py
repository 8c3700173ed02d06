"""The identity of a process that polls. It is recorded in the history with each task that the process takes."""

from __future__ import annotations

import getpass
import json
import os
import socket
from typing import Any

from simpleflow import settings
from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError


def identity() -> str:
    """User, host and process id of this process, and the members of SIMPLEFLOW_IDENTITY. JSON, at most 256 characters.

    A member of SIMPLEFLOW_IDENTITY takes the place of one of that name; null removes it. Any other JSON than an object
    is the identity as it is. Raises InputError if the setting is not JSON, or the identity is longer.
    """
    given = settings.SIMPLEFLOW_IDENTITY
    if given is None:
        return _text(_facts())
    try:
        found = json.loads(given)
    except ValueError as error:
        raise InputError(
            f'SIMPLEFLOW_IDENTITY is {given[:100]!r}: expected JSON, such as {{"host": "a"}} ({error})'
        ) from error
    facts: dict[str, Any] = {}
    if isinstance(found, dict):
        facts = {name: value for name, value in _facts().items() if name not in found}
        found = facts | {name: value for name, value in found.items() if value is not None}
    text = _text(found)
    if len(text) > MAX_ID_LENGTH:
        with_facts = f" with {', '.join(facts)}, which null leaves out" if facts else ""
        raise InputError(
            f"SIMPLEFLOW_IDENTITY has {len(text)} characters{with_facts}; expected at most {MAX_ID_LENGTH}"
        )
    return text


def _facts() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user id without a name
        user = str(os.getuid())
    return {"user": user[:32], "host": socket.gethostname()[:64], "pid": os.getpid()}


def _text(identity: Any) -> str:
    return json.dumps(identity, ensure_ascii=False, separators=(",", ":"))
