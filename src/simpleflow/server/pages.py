"""Page tokens of long answers. A token says where the next page begins; clients cannot read it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from simpleflow.server import faults

LIFETIME_SECONDS = 24 * 3600.0
"""Age at which a token is refused."""


def token(now: float, *position: Any) -> str:
    """Return a token for the page that begins at that position, which is made of strings and numbers."""
    return base64.urlsafe_b64encode(msgspec.json.encode([now, *position])).decode()


def position(text: str, now: float, *kinds: type) -> list[Any]:
    """Return the position in a token, of values of these types. Raises Fault for a foreign or old token."""
    issued: float = 0.0
    found: list[Any] = []
    try:
        issued, *found = msgspec.json.decode(base64.urlsafe_b64decode(text.encode()))
        right = len(found) == len(kinds) and all(map(isinstance, found, kinds)) and isinstance(issued, float)
    except (ValueError, TypeError, binascii.Error, msgspec.DecodeError):
        right = False
    if not right:
        raise faults.refused("Invalid token")
    if now - issued > LIFETIME_SECONDS:
        raise faults.refused("Specified token has exceeded its maximum lifetime")
    return found
