"""One boto3 client for each endpoint, region, set of credentials and process, since building one takes 30 ms."""

from __future__ import annotations

import os
from typing import Any

from simpleflow.constants import AWS_VARIABLES, INSTALL_BOTO3
from simpleflow.exceptions import StoreError

CONNECT_TIMEOUT = 4  # seconds
READ_TIMEOUT = 4  # seconds without a byte; S3 answers such small requests within 0.2 s, and advises to try again then
TRIES = 3  # with pauses of at most 3 s in total: after 15 s at the latest, a host that hangs is an error
READERS = 16  # marks that are read at the same time

_VARIABLES = (*AWS_VARIABLES, "AWS_ENDPOINT_URL_S3")

# Two threads may build the same client at once; setdefault keeps one of the two. A lock would not do: a fork could copy
# it while it is held. Entries of a parent process stay unused in its children.
_clients: dict[tuple[object, ...], Any] = {}


def client(endpoint: str | None, region: str | None) -> Any:
    """Return the client for ``endpoint`` (None: Amazon's, or AWS_ENDPOINT_URL) and ``region`` (None: as configured).

    Raises StoreError if boto3 is not installed, and botocore's errors for a profile that does not exist or an endpoint
    that is not valid.
    """
    key = (os.getpid(), endpoint, region, *map(os.environ.get, _VARIABLES))
    found = _clients.get(key)
    return found if found is not None else _clients.setdefault(key, _build(endpoint, region))


def _build(endpoint: str | None, region: str | None) -> Any:
    try:
        import boto3.session
        from botocore.config import Config
    except ImportError as error:
        raise StoreError.for_good(
            f"a bucket of S3 needs boto3, which is not installed: {INSTALL_BOTO3}, or use a folder such as ./marks"
        ) from error
    session = boto3.session.Session()
    options: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "retries": {"mode": "standard", "total_max_attempts": TRIES},
        "max_pool_connections": READERS,
        "tcp_keepalive": True,  # hours may pass between two marks: a dropped connection must be noticed
    }
    if endpoint is not None:
        options["s3"] = {"addressing_style": "path"}
        # Other servers than Amazon's may not support the newer checksums. boto3 before 1.36 lacks these options.
        for name in ("request_checksum_calculation", "response_checksum_validation"):
            if name in Config.OPTION_DEFAULTS:
                options[name] = "when_required"
    return session.client(
        "s3",
        endpoint_url=endpoint,
        # boto3 does not read AWS_REGION. If no region is configured, us-east-1 serves: servers without regions accept
        # its signature, and Amazon answers there with the region of the bucket, which botocore then uses.
        region_name=region or os.environ.get("AWS_REGION") or session.region_name or "us-east-1",
        config=Config(**options),
    )
