"""The gate before a page: every request is checked here, and every answer gets its headers here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Protocol

from .access import Hosts, cookie_of, is_same_origin, one_value
from .body import DEFAULT_MAX_BYTES, TOO_SLOW_S, Body, Gone

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Refusal = Callable[[int, str, str], tuple[str, bytes]]

OPEN_PATHS = ("/", "/enter")
"""Where somebody without a session is answered in words, by the page's own routes; elsewhere with nothing."""
READING = ("GET", "HEAD", "OPTIONS")
FIXED_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Unavailable(Exception):
    """What is served cannot be reached now; answered with 503 and these words."""


class Sessions(Protocol):
    """Who may ask: `Access`, or the logins of a study."""

    def knows(self, session: str | None) -> object:
        """Return who a session is, or an awaitable of it; nothing that is true for nobody.

        Raises
        ------
        Unavailable
            That cannot be said now.
        """
        ...


def no_content(status: int, path: str, told: str) -> tuple[str, bytes]:
    """Return the media type and the content of an answer that says nothing."""
    del status, path, told
    return "", b""


def content_policy(host: str) -> str:
    """Return the content security policy of a page asked for as `host`: all from here, nothing inline.

    The WebSocket is named because Safari before 15.4 does not count it as 'self'.
    """
    return _policy(f"connect-src 'self' ws://{host}", "form-action 'none'")


def media_policy(host: str) -> str:
    """Return the content security policy of a page with films and forms, without a WebSocket."""
    del host
    return _policy("media-src 'self'", "connect-src 'self'", "form-action 'self'")


class Gate:
    """An ASGI application that lets through to another one only what somebody known asks, from its own pages.

    Parameters
    ----------
    app : what is behind the gate; finds `scope["state"]["known"]`, who asks, and false for nobody
    sessions, hosts : who and what is let in
    cookie : name of the session cookie
    scheme : of the page's address; what an Origin header begins with
    origins : further Origin headers that are the page's own, those of a proxy before it
    open_paths : where somebody without a session comes through; one that ends in / with all below it
    policy : returns the content security policy for a Host header
    headers : of every answer that does not say otherwise
    refusal : returns media type and content of the answer for a status, a path and one line of what is wrong
    max_body_bytes : of any request; more is refused with 413, unread
    body_s : time in which a request's body must be there; refused with 408 after it
    """

    def __init__(
        self,
        app: App,
        sessions: Sessions,
        hosts: Hosts,
        *,
        cookie: str,
        scheme: str = "http",
        origins: Collection[str] = (),
        open_paths: Collection[str] = OPEN_PATHS,
        policy: Callable[[str], str] = content_policy,
        headers: Mapping[str, str] = FIXED_HEADERS,
        refusal: Refusal = no_content,
        max_body_bytes: int = DEFAULT_MAX_BYTES,
        body_s: float = TOO_SLOW_S,
    ) -> None:
        self.app, self._sessions, self._hosts, self._cookie = app, sessions, hosts, cookie
        self._scheme, self._origins, self._open = scheme, frozenset(origins), tuple(open_paths)
        self._policy, self._headers, self._refusal = policy, headers, refusal
        self._max_body_bytes, self._body_s = max_body_bytes, body_s
        self.failures: list[str] = []
        """What went wrong behind the gate; empty unless there is a defect."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or one WebSocket from its handshake to its end."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = one_value(scope["headers"], b"host") or ""
        begun = False

        async def send_with_headers(event: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if event["type"] == "http.response.start":
                self._add_headers(event, host)
            begun = True
            await send(event)

        body = Body(scope, receive, max_bytes=self._max_body_bytes)
        try:
            refused = await self._refused(scope, host)
            if refused is None and scope["type"] == "http":
                refused = await body.read(at_most_s=self._body_s)
            if refused is None:
                await self.app(scope, body.receive, send_with_headers)
        except asyncio.CancelledError:
            raise
        except Gone:
            return
        except Unavailable as error:
            refused = 503, str(error)
        except Exception as error:  # a defect behind the gate must reach neither the program nor the terminal
            self.failures.append(f"{scope['path']}: {error!r}")
            del self.failures[:-20]
            refused = 500, "something went wrong on the server"
        if refused is not None and not begun:
            await self._refuse(scope, receive, send, host, *refused)

    async def _refused(self, scope: Scope, host: str) -> tuple[int, str] | None:
        """Return what a request is refused with, None for one that may pass; notes in the scope who asks."""
        if not self._hosts.allow(host):
            return 403, "this page is not served under that name"
        origins = [value.decode("latin-1") for key, value in scope["headers"] if key == b"origin"]
        if any(not self._is_own(origin, host) for origin in origins):
            return 403, "only this page's own requests are answered"
        if scope["type"] == "websocket" and not origins:
            return 403, "only this page's own requests are answered"
        known = None
        if not self._is_part(scope["path"]):
            known = self._sessions.knows(self._session(scope))
            if inspect.isawaitable(known):
                known = await known
        scope.setdefault("state", {})["known"] = known
        if not known and not (scope["type"] == "http" and self._is_open(scope["path"])):
            return (401 if scope["type"] == "http" else 403), "log in by your link"
        if scope["type"] == "http" and scope["method"] not in READING and not origins:
            return 403, "only this page's own requests are answered; an Origin header is wanted"
        return None

    def _is_open(self, path: str) -> bool:
        return path in self._open or self._is_part(path)

    def _is_part(self, path: str) -> bool:
        """Return whether a path is in an open folder: parts of pages, the same for everybody."""
        return any(len(one) > 1 and one[-1] == "/" and path.startswith(one) for one in self._open)

    def _is_own(self, origin: str, host: str) -> bool:
        return is_same_origin(origin, host, scheme=self._scheme) or origin.lower() in self._origins

    def _session(self, scope: Scope) -> str | None:
        """Return the session that a request shows."""
        return cookie_of(one_value(scope["headers"], b"cookie") or "", self._cookie)

    def _add_headers(self, event: MutableMapping[str, Any], host: str) -> None:
        headers = list(event.get("headers", ()))
        names = {key.lower() for key, _ in headers}
        wanted = {"content-security-policy": self._policy(host), **self._headers}
        headers += [
            (key.encode(), value.encode()) for key, value in wanted.items() if key.encode() not in names
        ]
        event["headers"] = headers

    async def _refuse(
        self, scope: Scope, receive: Receive, send: Send, host: str, status: int, told: str
    ) -> None:
        """Answer with a status and what the page says about it; a WebSocket's handshake with 403."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        kind, content = self._refusal(status, scope["path"], told)
        headers = {"content-length": str(len(content)), **self._headers}
        if kind:
            headers |= {"content-type": kind, "content-security-policy": self._policy(host)}
        if status in (408, 413):
            headers["connection"] = "close"  # what is left of the body is not read
        if scope["method"] == "HEAD":
            content = b""
        pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})


def _policy(*parts: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            *parts,
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
