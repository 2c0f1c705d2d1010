"""The gate before the page: every request is checked here, and every answer gets its headers here."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from .access import Access, Hosts, is_same_origin, one_value

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/", "/enter")
"""Where somebody without a session is answered in words, by the page's own routes; elsewhere with nothing."""
FIXED_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Gate:
    """An ASGI application that lets through to another one only what this operator's browser asks.

    Parameters
    ----------
    app : what is behind the gate; finds `scope["state"]["known"]`, whether the request has a session
    access, hosts : who and what is let in
    cookie : name of the session cookie
    """

    def __init__(self, app: App, access: Access, hosts: Hosts, *, cookie: str) -> None:
        self._app, self._access, self._hosts, self._cookie = app, access, hosts, cookie
        self.failures: list[str] = []
        """What went wrong behind the gate; empty unless there is a defect."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one WebSocket from its handshake to its end."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = one_value(scope["headers"], b"host") or ""
        known = self._access.knows(self._session(scope))
        code = self._refusal(scope, host, known=known)
        scope.setdefault("state", {})["known"] = known
        if code is not None:
            await _refuse(scope, receive, send, code)
            return
        begun = False

        async def send_with_headers(event: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if event["type"] == "http.response.start":
                _add_headers(event, host)
            begun = True
            await send(event)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a defect behind the gate must reach neither the take nor the terminal
            self.failures.append(f"{scope['path']}: {error!r}")
            del self.failures[:-20]
            if not begun:
                await _refuse(scope, receive, send, 500)

    def _refusal(self, scope: Scope, host: str, *, known: bool) -> int | None:
        """Return the status to refuse a request with, None for one that may pass."""
        if not self._hosts.allow(host):
            return 403
        origins = [value for key, value in scope["headers"] if key == b"origin"]
        if any(not is_same_origin(origin.decode("latin-1"), host) for origin in origins):
            return 403
        if scope["type"] == "websocket" and not origins:
            return 403
        if known or (scope["type"] == "http" and scope["path"] in OPEN_PATHS):
            return None
        return 401 if scope["type"] == "http" else 403

    def _session(self, scope: Scope) -> str | None:
        """Return the session that a request shows."""
        header = one_value(scope["headers"], b"cookie")
        try:
            found = SimpleCookie(header).get(self._cookie) if header else None
        except CookieError:
            return None
        return found.value if found else None


def content_policy(host: str) -> str:
    """Return the content security policy of a page asked for as `host`: all from here, nothing inline.

    The WebSocket is named because Safari before 15.4 does not count it as 'self'.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' ws://{host}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _add_headers(event: MutableMapping[str, Any], host: str) -> None:
    headers = list(event.get("headers", ()))
    names = {key.lower() for key, _ in headers}
    wanted = {"content-security-policy": content_policy(host), **FIXED_HEADERS}
    headers += [(key.encode(), value.encode()) for key, value in wanted.items() if key.encode() not in names]
    event["headers"] = headers


async def _refuse(scope: Scope, receive: Receive, send: Send, code: int) -> None:
    """Answer with a status and no content; a WebSocket's handshake is refused with 403."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-length", b"0"), *((k.encode(), v.encode()) for k, v in FIXED_HEADERS.items())]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
