"""The requests that the page accepts, and the content that it tells browsers to refuse.

Theory of operation
-------------------
A run's names, inputs and logs are private, and any program on the machine or page in a browser may try to read them.

- *Other machines*: the server listens on loopback. On any other address a viewer needs a token. The printed link holds
  it once; then it is a cookie that scripts cannot read and other sites cannot send.
- *Other sites in the same browser*: a name of theirs may be made to point at this machine (DNS rebinding), so the name
  that a browser asks for has to be one of this server, or an address. Requests from other sites are refused, unless
  they open a page.
- *Text that would be a program*: all text is escaped, and the Content-Security-Policy lets a browser run and load only
  the two files of this server, and send nothing elsewhere.
- *Change*: there is none; the only method is GET.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from markupsafe import escape
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""The headers of each answer."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = "token"


def is_loopback(host: str) -> bool:
    """True if a server on this host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Lets allowed requests through, and adds the headers to every answer.

    Args:
        app: gets the allowed requests.
        hosts: the names of this server.
        token: that a viewer needs; None: no token, and only names of loopback.
        cookie: the name of the cookie that holds it. Cookies are shared by all ports of a host, so it names the port.
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str] = (), token: str | None = None, cookie: str = "token"
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # there are no web sockets
            return

        async def safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refusal(scope)
        await (self._app if refused is None else refused)(scope, receive, safe)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let through; None if it is."""
        headers = Headers(scope=scope)
        if scope["method"] != "GET":
            return PlainTextResponse("This server only reads: use GET.\n", 405, {"Allow": "GET"})
        if not self._is_ours(headers.get("host", "")):
            return PlainTextResponse("This server has another name: open the address that it has printed.\n", 421)
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("Another site may not read this page.\n", 403)
        return None if self._token is None else self._unknown(scope, headers)

    def _is_ours(self, host: str) -> bool:
        name = _name_of(host)
        if name in self._hosts:
            return True
        if self._token is None:
            return False
        try:
            ipaddress.ip_address(name)  # an address cannot be made to point elsewhere
        except ValueError:
            return False
        return True

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a viewer who has not shown the token before; None for one who has."""
        token = self._token or ""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get(_TOKEN)
        if given is not None and _same(given, token):
            rest = urlencode([(key, value) for key, value in query if key != _TOKEN])
            address = _own_path(scope["raw_path"].decode("ascii", "replace")) + (f"?{rest}" if rest else "")
            # Not a redirect: a browser that follows a link from elsewhere would not send a strict cookie after it.
            answer = HTMLResponse(
                f'<!doctype html><html lang="en"><meta http-equiv="refresh" content="0;url={escape(address)}">'
                f'<title>simpleflow</title><a href="{escape(address)}">Go on</a></html>'
            )
            answer.set_cookie(self._cookie, token, httponly=True, samesite="strict", path="/")
            return answer
        if _same(_cookie(headers, self._cookie), token):
            return None
        return PlainTextResponse("Open the link that simpleflow ui has printed: it holds the token.\n", 401)


def _own_path(path: str) -> str:
    """The path, so that no browser takes it for the name of another host."""
    return "/" + path.partition("?")[0].lstrip("/\\")


def _name_of(host: str) -> str:
    """The name in a ``Host`` header, without the port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) else host


def _cookie(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="surrogateescape"), other.encode())
