"""The head of a request, read without Python's parser of e-mails, which takes a third of the server's time for one.

Only what clients of Amazon SWF send is read here: ``http.server`` reads everything else, as it always does.
"""

from __future__ import annotations

import io

_MOST_LINES = 100  # as http.server


class Headers:
    """The headers of a request. Their names are compared without case."""

    def __init__(self, found: dict[str, list[str]]) -> None:
        self._found = found

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of a header."""
        found = self._found.get(name.lower())
        return found[0] if found else default

    def get_all(self, name: str, default: object = None) -> object:
        """All values of a header."""
        return self._found.get(name.lower(), default)


def read(stream: io.BufferedIOBase) -> Headers | None:
    """Read the headers of a request, of which the first line was read.

    None, and nothing is read, if they have not arrived yet, or are not of the plain form that nearly all are of.
    """
    head, separator, _ = stream.peek().partition(b"\r\n\r\n")  # type: ignore[attr-defined]
    if not separator or b"\0" in head:
        return None
    lines = head.decode("latin-1").split("\r\n")
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if (
            not colon
            or not name
            or not name.isascii()
            or not name.isprintable()
            or " " in name
            or "\n" in value
            or "\r" in value
        ):
            return None
        found.setdefault(name.lower(), []).append(value.lstrip(" \t"))
    if len(lines) > _MOST_LINES or "expect" in found:
        return None
    stream.read(len(head) + len(separator))
    return Headers(found)
