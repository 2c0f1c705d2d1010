"""The page's routes: the page itself, its parts, the link that opens it, and its live connection."""

import asyncio
import contextlib
import hashlib
import html
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.resources import files

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse, Response

from ..desk import Desk
from ..streams import Stream
from .access import Access, Hosts
from .feed import Feed, hello_message
from .gate import Gate
from .live import CLOSE_LATER, Page

MAX_PAGES = 8
PACKAGE = __name__.rpartition(".")[0]
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}


def build_app(
    desk: Desk,
    access: Access,
    hosts: Hosts,
    *,
    cookie: str,
    streams: Sequence[Stream],
    labels: Sequence[str],
    warning: str,
    how_to_get_a_link: Callable[[], str],
) -> Gate:
    """Return the application that serves the page.

    Parameters
    ----------
    desk, access, hosts : what is shown, and to whom
    cookie : name of the session cookie
    streams : those that have a place on the page
    labels : what the keys 1 to 9 mark
    warning : shown on the page; "" for none
    how_to_get_a_link : called when somebody comes without a valid link; returns what to tell them
    """
    feed = Feed(desk, streams)
    hello = hello_message(streams, labels, warning)
    n_pages = 0

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(feed.run())
        yield
        looking.cancel()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    parts = _read_parts()

    @app.get("/")
    async def page(request: Request) -> Response:
        if not request.scope["state"]["known"]:
            return _told(
                "This page needs a link",
                "The monitor shows a person's face, so it opens only by the link that was printed in the "
                "terminal where `mavfer record` runs.",
                "To have a link printed there, press the button.",
                401,
                button=True,
            )
        return _part(parts["page.html"], "html")

    @app.get("/enter")
    async def enter(request: Request, token: str = "") -> Response:
        session = access.open_session(token)
        if session is None and request.scope["state"]["known"]:
            return _onward()
        if session is None:
            title = "This link has been used" if token else "A link opens this page once"
            text = (
                "Each link opens the monitor in one browser, once, so that nobody else can look on with it."
            )
            return _told(title, text, how_to_get_a_link(), 403)
        answer = _onward()
        answer.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/assets/{name}")
    async def part(name: str) -> Response:
        found = parts.get(name)
        if found is None or name.endswith(".html"):
            return Response(status_code=404)
        return _part(found, name.rsplit(".", 1)[-1])

    @app.websocket("/live")
    async def live(socket: WebSocket) -> None:
        nonlocal n_pages
        await socket.accept()
        if n_pages >= MAX_PAGES:
            await socket.close(CLOSE_LATER, f"{MAX_PAGES} pages are open already; close one")
            return
        n_pages += 1
        try:
            await Page(socket, feed, desk).run(hello)
        finally:
            n_pages -= 1

    return Gate(app, access, hosts, cookie=cookie)


def _read_parts() -> dict[str, bytes]:
    """Return the page's files by name."""
    folder = files(PACKAGE) / "assets"
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name.rsplit(".", 1)[-1] in TYPES
    }


def _part(content: bytes, kind: str) -> Response:
    return Response(content, media_type=f"{TYPES[kind]}; charset=utf-8")


def _onward() -> Response:
    """Return a page that goes on to the page by itself.

    A redirect would not do: after a link in another site's page, the browser counts the whole chain as that
    site's, and keeps a SameSite=Strict cookie back.
    """
    page = _plain("Opening the monitor", '<p><a href="/">Open the monitor</a></p>', onward=True)
    return HTMLResponse(page, headers=_plain_headers(page))


def _told(title: str, text: str, what_to_do: str, status: int, *, button: bool = False) -> Response:
    """Return a page that says what is wrong and what to do; it holds nothing of the take."""
    lines = f"<p>{_inline(text)}</p><p>{_inline(what_to_do)}</p>"
    if button:
        lines += '<p><a class="button" href="/enter">Print a link in the terminal</a></p>'
    lines += "<p class=soft>Recording does not depend on this page.</p>"
    page = _plain(title, f"<h1>{html.escape(title)}</h1>{lines}")
    return HTMLResponse(page, status, headers=_plain_headers(page))


def _inline(text: str) -> str:
    """Return text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _plain(title: str, body: str, *, onward: bool = False) -> str:
    folder = files(PACKAGE) / "assets"
    page = (folder / "plain.html").read_text(encoding="utf-8")
    refresh = '<meta http-equiv="refresh" content="0; url=/">' if onward else ""
    return (
        page.replace("{{refresh}}", refresh)
        .replace("{{title}}", html.escape(title))
        .replace("{{body}}", body)
    )


def _plain_headers(page: str) -> dict[str, str]:
    """Return the policy of a plain page: its own style by its hash, and nothing else."""
    found = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256((found[1] if found else "").encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    return {"content-security-policy": f"{policy}; form-action 'none'"}
