"""The identity of a process that polls. It is recorded in the history with each task that the process takes."""

from __future__ import annotations

import getpass
import json
import os
import socket

from simpleflow import settings
from simpleflow.constants import MAX_ID_LENGTH
from simpleflow.exceptions import InputError


def identity() -> str:
    """SIMPLEFLOW_IDENTITY if it is set; else user, host and process id of this process. JSON, at most 256 characters.

    Raises InputError if the setting is not JSON, or longer.
    """
    given = settings.SIMPLEFLOW_IDENTITY
    if given is None:
        return _facts()
    try:
        found = json.dumps(json.loads(given), ensure_ascii=False, separators=(",", ":"))
    except ValueError as error:
        raise InputError(
            f'SIMPLEFLOW_IDENTITY is {given[:100]!r}: expected JSON, such as {{"host": "a"}} ({error})'
        ) from error
    if len(found) > MAX_ID_LENGTH:
        raise InputError(f"SIMPLEFLOW_IDENTITY has {len(found)} characters; expected at most {MAX_ID_LENGTH}")
    return found


def _facts() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user id without a name
        user = str(os.getuid())
    members = {"user": user[:32], "host": socket.gethostname()[:64], "pid": os.getpid()}
    return json.dumps(members, separators=(",", ":"))
