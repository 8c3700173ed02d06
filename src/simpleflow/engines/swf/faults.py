"""The errors of SWF and of its client, each translated into one line: the fault, and the remedy.

An error is recognised by its code and by the name of its class, so that this file does not import botocore.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from simpleflow.exceptions import InputError, RunBusy, SimpleflowError, SwfError, UnknownResource, one_line

log = logging.getLogger(__name__)

Result = TypeVar("Result")

INSIST_SECONDS = 120.0
"""For how long an answer that carries finished work is retried while SWF throttles or cannot be reached."""

_LONGEST_PAUSE = 15.0  # seconds
_LOOK_SECONDS = 0.5  # between two looks, in a pause, at the time that is left

_CREDENTIALS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_RIGHTS = "give these credentials swf:{action} on the domain"
_ENDPOINT = "check AWS_ENDPOINT_URL_SWF and the network"
_REGION = "set AWS_DEFAULT_REGION"
_LATER = "try again later"

# Code of the answer -> what is wrong, what to do, True if it may pass.
_ANSWERS: dict[str, tuple[str, str, bool]] = {
    "OperationNotPermittedFault": ("the operation is not permitted", _RIGHTS, False),
    "AccessDeniedException": ("access is denied", _RIGHTS, False),
    "AccessDenied": ("access is denied", _RIGHTS, False),
    "UnrecognizedClientException": ("the access key is not known there", _CREDENTIALS, False),
    "InvalidClientTokenId": ("the access key is not known there", _CREDENTIALS, False),
    "InvalidSignatureException": ("the secret key does not match, or this clock is wrong", _CREDENTIALS, False),
    "SignatureDoesNotMatch": ("the secret key does not match the access key", _CREDENTIALS, False),
    "IncompleteSignature": ("the request was not signed", _CREDENTIALS, False),
    "MissingAuthenticationTokenException": ("the request was not signed", _CREDENTIALS, False),
    "ExpiredTokenException": ("the session token has expired", "renew the credentials", False),
    "DomainDeprecatedFault": ("the domain is deprecated", "use another domain", False),
    "TypeDeprecatedFault": ("the type is deprecated", "use another version, or undeprecate it", False),
    "DefaultUndefinedFault": ("the type was registered without a default that is needed", "use another version", False),
    "LimitExceededFault": ("a limit of the account is reached", _LATER, True),
    "ThrottlingException": ("there are too many requests", _LATER, True),
    "Throttling": ("there are too many requests", _LATER, True),
    "RequestLimitExceeded": ("there are too many requests", _LATER, True),
    "TooManyRequestsException": ("there are too many requests", _LATER, True),
    "InternalFailure": ("the service failed", _LATER, True),
    "InternalServerError": ("the service failed", _LATER, True),
    "ServiceUnavailable": ("the service is unavailable", _LATER, True),
    "RequestExpired": ("the request was too old when it arrived", "set this machine's clock", True),
}

# Class of the client's error -> the same.
_FAULTS: dict[str, tuple[str, str, bool]] = {
    "NoCredentialsError": ("there are no credentials", _CREDENTIALS, False),
    "PartialCredentialsError": ("the credentials are incomplete", _CREDENTIALS, False),
    "CredentialRetrievalError": ("the credentials could not be fetched", _CREDENTIALS, True),
    "TokenRetrievalError": ("the sign-on has expired", "run: aws sso login", False),
    "SSOTokenLoadError": ("the sign-on has expired", "run: aws sso login", False),
    "UnauthorizedSSOTokenError": ("the sign-on has expired", "run: aws sso login", False),
    "ProfileNotFound": ("the profile does not exist", "correct AWS_PROFILE", False),
    "NoRegionError": ("no region is known", _REGION, False),
    "InvalidRegionError": ("the region's name is not valid", _REGION, False),
    "InvalidEndpointURLError": ("the endpoint is not a URL", _ENDPOINT, False),
    "EndpointConnectionError": ("nothing answers there", _ENDPOINT, True),
    "ConnectTimeoutError": ("no connection in time", _ENDPOINT, True),
    "ReadTimeoutError": ("there was no answer in time", _ENDPOINT, True),
    "ConnectionClosedError": ("the connection was closed without an answer", _ENDPOINT, True),
    "ProxyConnectionError": ("the proxy cannot be reached", "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY", True),
    "SSLError": ("there is no trusted TLS there", _ENDPOINT, False),
    "HTTPClientError": ("the connection failed", _ENDPOINT, True),
    "ResponseParserError": ("the server there is not SWF", _ENDPOINT, False),
}


def code(error: BaseException) -> str:
    """The code of an answer that is an error; "" for any other error."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", "")).rpartition("#")[2]


def was_retried(error: BaseException | None) -> bool:
    """True if the client had sent the request more than once when it got this answer."""
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    return bool(answer.get("ResponseMetadata", {}).get("RetryAttempts"))


def translate(error: BaseException, action: str) -> SimpleflowError | None:
    """The error of this library that ``error`` means for the operation ``action``.

    UnknownResource for a token, an execution or a type that is unknown or no longer open; RunBusy for a workflow id in
    use; InputError for a request that is not valid; SwfError for anything else. None if ``error`` is not an error of
    SWF or its client.
    """
    answer: dict[str, Any] = getattr(error, "response", None) or {}
    known = code(error)
    message = " ".join(str(answer.get("Error", {}).get("Message", "")).split())
    if known == "UnknownResourceFault":
        if message.lower().startswith("unknown domain"):
            advice = "correct the domain or AWS_DEFAULT_REGION, or register it"
            return SwfError(f"SWF: cannot {action}: {message}; {advice}")
        return UnknownResource(message or f"{action}: unknown, or no longer open")
    if known == "WorkflowExecutionAlreadyStartedFault":
        return RunBusy(message or "the workflow id has an open execution")
    if known == "ValidationException" and message == "Invalid token" and action.startswith(("Respond", "Record")):
        return UnknownResource(f"{action}: {message}: it names no task")
    if known in ("ValidationException", "SerializationException"):
        return InputError(f"SWF: cannot {action}: {message}")
    if type(error).__name__ == "ParamValidationError":
        return InputError(f"SWF: cannot {action}: {one_line(error)}")
    found = _ANSWERS.get(known)
    for kind in type(error).__mro__:
        found = found or _FAULTS.get(kind.__name__)
    if found is not None:
        problem, advice, passing = found
        original = message or one_line(error)
        return SwfError(
            f"SWF: cannot {action}: {problem} ({original}); {advice.format(action=action)}", passing=passing
        )
    if answer:
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return SwfError(f"SWF: cannot {action}: {known or status}: {message}", passing=status >= 500)
    if any(kind.__name__ in ("BotoCoreError", "Boto3Error") for kind in type(error).__mro__):
        return SwfError(f"SWF: cannot {action}: {one_line(error)}")
    if type(error) is ValueError and str(error).startswith("Invalid endpoint"):  # from botocore
        return SwfError(f"SWF: cannot {action}: {error}; expected http://HOST or https://HOST: {_ENDPOINT}")
    return None


@contextmanager
def translated(action: str) -> Iterator[None]:
    """A block in which errors of SWF and its client become errors of this library; see ``translate``."""
    try:
        yield
    except Exception as error:
        found = translate(error, action)
        if found is None:
            raise
        raise found from error


def insist(
    action: str,
    call: Callable[[], Result],
    seconds: float = INSIST_SECONDS,
    left: Callable[[], float] = lambda: math.inf,
) -> Result:
    """Make a call, and retry it for so many seconds while its error may pass. Raises as ``translated``.

    The pauses grow, and are random, so that many clients that were refused do not come back at once. ``left`` says for
    how many seconds this process may go on, which may change meanwhile; the call is made once in any case.
    """
    deadline = time.monotonic() + seconds
    pause = 0.5
    while True:
        try:
            with translated(action):
                return call()
        except SwfError as error:
            wait = random.uniform(pause / 2, pause)
            if not error.passing or time.monotonic() + wait > deadline or left() <= 0:
                raise
            log.warning("%s; next try in %.1f s", error, wait)
            next_try = time.monotonic() + wait
            while (rest := min(next_try - time.monotonic(), left())) > 0:
                time.sleep(min(rest, _LOOK_SECONDS))
            pause = min(2 * pause, _LONGEST_PAUSE)


def is_throttling(code: str) -> bool:
    """True if an answer with that code says that there are too many requests."""
    return _ANSWERS.get(code, ("", "", False))[0] == "there are too many requests"
