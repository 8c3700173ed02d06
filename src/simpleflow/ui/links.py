"""The addresses of the pages: ``/run/ID/step/NAME``. Each part is quoted, so an id or a name may hold anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlencode

Query = Mapping[str, str | int | Iterable[str] | None]
"""The values of a query: None and the empty text are left out, of several texts each is given."""


def link(*parts: str | int, query: Query | None = None) -> str:
    """The address of a page on this server, with a query."""
    path = "/" + "/".join(_quoted(str(part)) for part in parts)
    pairs = [(key, str(each)) for key, value in (query or {}).items() for each in _values(value) if each != ""]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def parts_of(raw_path: bytes) -> list[str]:
    """The parts of a path as it came, each unquoted."""
    path = raw_path.decode("ascii", "replace").partition("?")[0]
    return [_unquoted(part) for part in path.split("/")[1:] if part != ""]


def _values(value: str | int | Iterable[str] | None) -> Iterable[str | int]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str | int) else value


_DOT = "%E2%80%A4"  # a browser takes ``.`` and ``..`` out of a path, even if they are quoted


def _quoted(part: str) -> str:
    if part in (".", ".."):
        return part.replace(".", _DOT)
    return quote(part, safe="~", errors="surrogatepass")


def _unquoted(part: str) -> str:
    if part in (_DOT, _DOT * 2):
        return "." * (len(part) // len(_DOT))
    return unquote(part, errors="replace")
