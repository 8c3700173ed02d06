"""Signatures of requests, the same as those of boto3 (version 4), with less work for each.

Theory of operation
-------------------
boto3 signs every header of a request, which it holds as those of an e-mail, and derives the key each time. Here a
request is signed with the headers that the service requires: its host, type, target and date, and the session token.
The key is derived once a day.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = ("Content-Type", "X-Amz-Target")


class Signer:
    """Signs requests of one client.

    Args:
        credentials: of botocore; they may change.
        service, region: as signatures name them.
    """

    def __init__(self, credentials: Any, service: str, region: str) -> None:
        self._credentials = credentials
        self._service = service
        self._region = region
        self._key: tuple[tuple[str, str], bytes] = (("", ""), b"")  # what it was derived from, and the key

    def headers(self, host: str, path: str, given: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers that a POST request needs to be signed.

        ``host``: as the header has it. ``path``: not quoted. ``given``: the other headers.

        Raises botocore's errors if the credentials cannot be fetched.
        """
        found = self._credentials.get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        added = {"X-Amz-Date": now}
        if found.token:
            added["X-Amz-Security-Token"] = found.token
        values = {name.lower(): value for name, value in added.items()}
        values |= {name.lower(): given[name] for name in _SIGNED}
        values["host"] = host
        names = sorted(values)
        lines = "".join([f"{name}:{' '.join(values[name].split())}\n" for name in names])
        signed = ";".join(names)
        canonical = f"POST\n{quote(path, safe='/~')}\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{now[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key_for(found.secret_key, now[:8]), text.encode(), "sha256").hex()
        added["Authorization"] = (
            f"{_ALGORITHM} Credential={found.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )
        return added

    def _key_for(self, secret: str, day: str) -> bytes:
        known, key = self._key
        if known != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (secret, day), key
        return key
