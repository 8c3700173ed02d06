"""The errors of Google's and Azure's services, each translated to one line: the reason and the remedy."""

from __future__ import annotations

import re

from simpleflow.constants import INSTALL_OBSTORE
from simpleflow.exceptions import StoreError

_CREDENTIALS = {
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to a file of credentials, or run: gcloud auth application-default login",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or another credential that obstore reads",
}
_RIGHTS = {
    "gs": "give these credentials the role Storage Object User on it",
    "az": "give these credentials the role Storage Blob Data Contributor on it",
}
_BUCKET = "create it, or correct get_step_bucket()"
_ENDPOINT = "check the network, and GOOGLE_BASE_URL or AZURE_STORAGE_ENDPOINT if one is set"
_LATER = "try again later"

# A part of obstore's text -> reason, remedy (by kind). The first one that applies.
_KNOWN: tuple[tuple[str, str, str | dict[str, str]], ...] = (
    (r"No module named .obstore", "it needs obstore, which is not installed", INSTALL_OBSTORE),
    (r"NoSuchBucket|ContainerNotFound|container does not exist|bucket does not exist", "it does not exist", _BUCKET),
    (r"(?i)account must be specified|missing account", "no storage account is named", _CREDENTIALS),
    (r"(?i)token request|metadata\.google|instance metadata|MSI|oauth", "there are no credentials", _CREDENTIALS),
    (r"(?i)(open|decode) service account|private key|base64", "the credentials cannot be read", _CREDENTIALS),
    (r"\b401\b|Unauthenticated", "the credentials are not accepted", _CREDENTIALS),
    (r"\b403\b|PermissionDenied|Authori[sz]ation", "access is denied", _RIGHTS),
    (r"\b429\b|ServerBusy", "the service is overloaded, also after several tries", _LATER),
    (r"status code: 5\d\d", "the service failed, also after several tries", _LATER),
    (r"URL scheme is not allowed|BadScheme", "the address has http where https is needed", _ENDPOINT),
    (r"(?i)timed out|timeout", "the service did not answer in time", _ENDPOINT),
    (r"(?i)dns error|connect|error sending request|HTTP error", "nothing answers there", _ENDPOINT),
    (r"helper process", "the process that talks to the service has ended", _LATER),
)
_LASTING = INSTALL_OBSTORE
"""The remedy of the one error for which trying again does not help. Rights and a bucket may come back meanwhile."""


def store_error(url: str, kind: str, action: str, name: str, text: str) -> StoreError:
    """Return a StoreError whose one line says why ``action`` on the bucket ``url`` failed.

    Args:
        kind: ``gs`` or ``az``.
        name, text: the class of obstore's error, and its text, in several lines.
    """
    searched = f"{name} {text}".replace("retry_timeout", "")
    for pattern, reason, advice in _KNOWN:
        if re.search(pattern, searched):
            remedy = advice[kind] if isinstance(advice, dict) else advice
            message = f"bucket {url}: cannot {action}: {reason} ({_short(name, text)}); {remedy}"
            return StoreError.for_good(message) if remedy == _LASTING else StoreError(message)
    return StoreError(f"bucket {url}: cannot {action}: {_short(name, text)}; check the bucket and the service")


def _short(name: str, text: str) -> str:
    """The service's code, else the beginning of the first line of obstore's text."""
    if code := re.search(r"<Code>(\w+)</Code>", text):
        return code[1]
    if status := re.search(r"status code: (\d{3} \w[\w ]*\w)", text):
        return status[1]
    line = " ".join(re.split(r" +- ", text.partition("\n")[0])[-1].split()) or name
    return line if len(line) <= 160 else f"{line[:150]}..."
