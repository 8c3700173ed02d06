"""The errors of S3 and its client, each translated to one line: the reason and the remedy.

Errors are recognised by the name of their class and by their code, so that this file does not import botocore.
"""

from __future__ import annotations

from typing import Any

from simpleflow.exceptions import StoreError, one_line

_CREDENTIALS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_RIGHTS = "give these credentials s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject on it"
_REGION = "set AWS_DEFAULT_REGION, or write the bucket as s3.REGION.amazonaws.com/bucket"
_ENDPOINT = "check the host and port, and that the server is up"
_LATER = "try again later"

# Code of the answer -> reason, remedy.
_ANSWERS: dict[str, tuple[str, str]] = {
    "NoSuchBucket": ("there is no such bucket", "create it, or correct get_step_bucket()"),
    "AccessDenied": ("access is denied", _RIGHTS),
    "AllAccessDisabled": ("access is disabled", _RIGHTS),
    "InvalidAccessKeyId": ("the access key is not known there", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret key does not match the access key", _CREDENTIALS),
    "ExpiredToken": ("the session token has expired", "renew the credentials"),
    "InvalidToken": ("the session token is not valid", "renew the credentials"),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong", "set it"),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the request was signed for another region", _REGION),
    "IllegalLocationConstraintException": ("the bucket is in another region", _REGION),
    "SlowDown": ("the server is overloaded, also after several tries", _LATER),
    "ServiceUnavailable": ("the server is unavailable, also after several tries", _LATER),
    "InternalError": ("the server failed, also after several tries", _LATER),
    "KeyTooLongError": ("the name is too long for this server", "shorten the step's name"),
    "InvalidBucketName": ("the server does not accept this bucket's name", "correct get_step_bucket()"),
}
# Answers to HEAD and those of gateways may have a status and no code.
_ANSWERS |= {
    "301": _ANSWERS["PermanentRedirect"],
    "403": _ANSWERS["AccessDenied"],
    "404": _ANSWERS["NoSuchBucket"],
    "500": _ANSWERS["InternalError"],
    "503": _ANSWERS["ServiceUnavailable"],
}

_LASTING = frozenset({"KeyTooLongError", "InvalidBucketName"})
"""Codes for which trying again does not help. Credentials, rights and a bucket may come back meanwhile."""

# Class of the client's error -> reason, remedy.
_FAULTS: dict[str, tuple[str, str]] = {
    "NoCredentialsError": ("there are no credentials", _CREDENTIALS),
    "PartialCredentialsError": ("the credentials are incomplete", _CREDENTIALS),
    "CredentialRetrievalError": ("the credentials could not be fetched", _CREDENTIALS),
    "TokenRetrievalError": ("the sign-on has expired", "run: aws sso login"),
    "SSOTokenLoadError": ("the sign-on has expired", "run: aws sso login"),
    "UnauthorizedSSOTokenError": ("the sign-on has expired", "run: aws sso login"),
    "ProfileNotFound": ("the profile does not exist", "correct AWS_PROFILE"),
    "NoRegionError": ("no region is known", _REGION),
    "InvalidRegionError": ("the region's name is not valid", _REGION),
    "EndpointConnectionError": ("nothing answers there", _ENDPOINT),
    "ConnectTimeoutError": ("no connection in time", _ENDPOINT),
    "ReadTimeoutError": ("the server accepted the request but did not answer in time", _ENDPOINT),
    "ConnectionClosedError": ("the server closed the connection without an answer", _ENDPOINT),
    "ProxyConnectionError": ("the proxy cannot be reached", "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"),
    "SSLError": ("there is no trusted TLS there", "for a server without TLS write http://host:port/bucket"),
    "ResponseParserError": ("the server is not an S3 server", _ENDPOINT),
}


def store_error(url: str, action: str, error: BaseException) -> StoreError:
    """Return a StoreError whose one line says why ``action`` on the bucket ``url`` failed with ``error``."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    code = str(answer.get("Error", {}).get("Code", ""))
    status = str(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    known = _ANSWERS.get(code) or _ANSWERS.get(status) if answer else None
    for kind in type(error).__mro__:
        known = known or _FAULTS.get(kind.__name__)
    if known is None:
        return StoreError(f"bucket {url}: cannot {action}: {one_line(error)}; check the bucket and the server")
    reason, advice = known
    text = f"bucket {url}: cannot {action}: {reason} ({code or one_line(error)}); {advice}"
    return StoreError.for_good(text) if code in _LASTING else StoreError(text)
