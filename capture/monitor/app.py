"""The page's routes: the page itself, its parts, the link that opens it, and its live connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.resources import files

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import Response

from ...web.access import Access, Hosts
from ...web.gate import Gate
from ...web.plain import onward_page, told_page
from ..desk import Desk
from ..streams import Stream
from .feed import Feed, hello_message
from .live import CLOSE_LATER, Page

MAX_PAGES = 8
SOFT = "Recording does not depend on this page."
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
            return told_page(
                "This page needs a link",
                "The monitor shows a person's face, so it opens only by the link that was printed in the "
                "terminal where `mavfer record` runs.",
                "To have a link printed there, press the button.",
                status=401,
                button=("Print a link in the terminal", "/enter"),
                soft=SOFT,
                dark=True,
            )
        return _part(parts["page.html"], "html")

    @app.get("/enter")
    async def enter(request: Request, token: str = "") -> Response:
        session = access.open_session(token)
        if session is None and request.scope["state"]["known"]:
            return onward_page("the monitor", dark=True)
        if session is None:
            title = "This link has been used" if token else "A link opens this page once"
            text = (
                "Each link opens the monitor in one browser, once, so that nobody else can look on with it."
            )
            return told_page(title, text, how_to_get_a_link(), status=403, soft=SOFT, dark=True)
        answer = onward_page("the monitor", dark=True)
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
