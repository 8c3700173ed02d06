"""Signs the requests of a boto3 client: the same signature as boto3's own (version 4), with less work for each.

Theory of operation
-------------------
boto3 signs every header of a request, which it holds as those of an e-mail, and derives the key each time. That takes a
third of the time of a short request. Here a request is signed with the headers that the service requires: its host,
type, target and date, and the session token. The key is derived once a day. boto3 asks handlers of its events which
signature a request gets (``choose-signer``), and lets them change it before that (``before-sign``).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote, urlsplit

from botocore import UNSIGNED

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = ("Content-Type", "X-Amz-Target")  # as far as the request has them
_PORTS = {"http": 80, "https": 443}


def install(client: Any, credentials: Any) -> None:
    """Let the requests of a client be signed by a ``Signer``, if its configuration asks for nothing special.

    ``credentials``: those of its session; None leaves the client as it is, and it says that there are none.
    """
    config = client.meta.config
    if credentials is None or config.signature_version != "v4" or getattr(config, "auth_scheme_preference", None):
        return
    client.meta.events.register("choose-signer.swf", lambda **given: UNSIGNED)
    client.meta.events.register("before-sign.swf", Signer(credentials).sign)


class Signer:
    """Signs requests.

    Args:
        credentials: of botocore; they may change.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials
        self._key: tuple[tuple[str, ...], bytes] = ((), b"")  # what it was derived from, and the key

    def sign(self, request: Any, signing_name: str, region_name: str, **given: Any) -> None:
        """Add the headers of the signature to a request of botocore that is not prepared yet.

        Raises botocore's errors if the credentials cannot be fetched.
        """
        found = self._credentials.get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = request.headers
        for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
            del headers[name]  # of an earlier try
        values = {name.lower(): headers[name] for name in _SIGNED if name in headers}
        headers["X-Amz-Date"] = values["x-amz-date"] = now
        if found.token:
            headers["X-Amz-Security-Token"] = values["x-amz-security-token"] = found.token
        values["host"] = _host(request.url)
        names = sorted(values)
        lines = [f"{name}:{' '.join(_text(values[name]).split())}\n" for name in names]
        signed = ";".join(names)
        body = request.data or b""
        digest = hashlib.sha256(body.encode() if isinstance(body, str) else body).hexdigest()
        path = quote(urlsplit(request.url).path or "/", safe="/~")
        canonical = f"{request.method}\n{path}\n\n{''.join(lines)}\n{signed}\n{digest}"
        scope = f"{now[:8]}/{region_name}/{signing_name}/aws4_request"
        text = f"{_ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = self._key_for(found.secret_key, now[:8], region_name, signing_name)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{_ALGORITHM} Credential={found.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        )

    def _key_for(self, secret: str, *parts: str) -> bytes:
        known, key = self._key
        if known != (secret, *parts):
            key = f"AWS4{secret}".encode()
            for part in (*parts, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (secret, *parts), key
        return key


def _host(url: str) -> str:
    """The header Host, as ``transport`` and boto3 send it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.rpartition(":")[0] if parts.port == _PORTS.get(parts.scheme) else host


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
