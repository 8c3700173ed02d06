"""Downloads: values that are too long for a page, and logs. A browser keeps them as files, and never shows them."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from simpleflow.named_tuple import NamedTuple

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 100  # characters of a name


class Download(NamedTuple):
    """A text or a file to be kept."""

    name: str  # of the file; any text
    text: str | None = None
    path: str | None = None  # of a file, instead of the text
    kind: str = "text/plain"

    def response(self) -> Response:
        """The answer with it."""
        name = file_name(self.name)
        headers = {
            "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if self.path is not None:
            return FileResponse(self.path, media_type=f"{self.kind}; charset=utf-8", headers=headers)
        content = (self.text or "").encode(errors="backslashreplace")
        return Response(content, media_type=f"{self.kind}; charset=utf-8", headers=headers)


def file_name(text: str) -> str:
    """A name for a file that is harmless everywhere: ASCII letters, digits, dots inside, dashes."""
    stem, dot, ending = text.rpartition(".")
    stem, ending = (stem, ending) if dot and re.fullmatch(r"[a-z]{1,5}", ending) else (text, "txt")
    plain = _UNSAFE.sub("-", stem)[-_LONGEST:].strip(".-") or "file"
    return f"{plain}.{ending}"
