"""The viewer's routes: the page, its parts, what it lists, and the pixels of one chunk at a time.

Who may ask is decided before, by the monitor's gate; the routes only read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Annotated

import numpy as np
from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from ...capture.streams import Stream
from ...errors import DatasetError
from ...web.access import Access, Hosts
from ...web.gate import Gate
from ...web.plain import onward_page, told_page
from ..dataset.clips import DatasetSession
from ..dataset.record import DEFAULT_SPLIT, Reason
from .catalog import Catalog, catalog_table
from .pictures import chunk_of, color_chunk_png, counts_chunk, row_png, scales
from .rows import crop_landmarks, facts_table
from .worklist import Order, Wanted, Worklist

PACKAGE = __name__.rpartition(".")[0]
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
KEPT = {"cache-control": "private, max-age=3600, immutable"}
"""Of pictures, whose address changes when the file does; all else is asked for anew."""


def build_app(
    catalog: Catalog,
    access: Access,
    hosts: Hosts,
    *,
    cookie: str,
    first: int | None,
    how_to_get_a_link: Callable[[], str],
) -> Gate:
    """Return the application that serves the page.

    Parameters
    ----------
    catalog, access, hosts : what is shown, and to whom
    cookie : name of the session cookie
    first : the session that is shown first; None for the first that can be read
    how_to_get_a_link : called when somebody comes without a valid link; returns what to tell them
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    parts = _read_parts()
    worklist = Worklist(catalog)

    @app.exception_handler(DatasetError)
    def damaged(_: Request, error: DatasetError) -> Response:
        return _json({"error": str(error)}, status=422)

    @app.get("/")
    def page(request: Request) -> Response:
        if not request.scope["state"]["known"]:
            return told_page(
                "This page needs a link",
                "The viewer shows people's faces, so it opens only by the link that was printed in the "
                "terminal where `mavfer dataset view` runs.",
                "To have a link printed there, press the button.",
                status=401,
                button=("Print a link in the terminal", "/enter"),
            )
        return _part(parts["page.html"], "html")

    @app.get("/enter")
    def enter(request: Request, token: str = "") -> Response:
        session = access.open_session(token)
        if session is None and request.scope["state"]["known"]:
            return onward_page("the viewer")
        if session is None:
            title = "This link has been used" if token else "A link opens this page once"
            text = "Each link opens the viewer in one browser, once, so that nobody else can look on with it."
            return told_page(title, text, how_to_get_a_link(), status=403)
        answer = onward_page("the viewer")
        answer.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
        return answer

    @app.get("/assets/{name}")
    def part(name: str) -> Response:
        found = parts.get(name)
        if found is None or name.endswith(".html"):
            return Response(status_code=404)
        return _part(found, name.rsplit(".", 1)[-1])

    @app.get("/alive")
    def alive() -> Response:
        return Response(status_code=204)

    @app.get("/catalog")
    def listed() -> Response:
        return _json({**catalog_table(catalog), "first": first})

    @app.get("/frames")
    def frames(
        order: Order = "time",
        reason: Annotated[int | None, Query(ge=0, le=max(Reason))] = None,
        stream: Stream | None = None,
        scheme: str = DEFAULT_SPLIT,
        split: str | None = None,
        subject: str | None = None,
    ) -> Response:
        asked = None if reason is None else Reason(reason)
        wanted = Wanted(order, asked, stream, scheme, split, subject)
        return _json(worklist.table(wanted))

    @app.get("/session/{number}/facts")
    def facts(number: int) -> Response:
        session = catalog.session(number)
        table = facts_table(worklist.facts(number))
        return _json({**table, "version": catalog.version(number), "size_px": _side_px(session)})

    @app.get("/session/{number}/scales")
    def colors(number: int) -> Response:
        return _json(scales(catalog.session(number)))

    @app.get("/session/{number}/landmarks/{chunk}")
    def landmarks(number: int, chunk: int) -> Response:
        session = catalog.session(number)
        points = crop_landmarks(session, *chunk_of(session, chunk))
        return _bytes(points.astype("<f4").tobytes())

    @app.get("/session/{number}/color/{chunk}")
    def color(number: int, chunk: int) -> Response:
        return _bytes(color_chunk_png(catalog.session(number), chunk), "image/png")

    @app.get("/session/{number}/row/{row}")
    def row(number: int, row: int) -> Response:
        return _bytes(row_png(catalog.session(number), row), "image/png")

    @app.get("/session/{number}/{stream}/{chunk}")
    def counts(number: int, stream: Stream, chunk: int) -> Response:
        return _bytes(counts_chunk(catalog.session(number), stream, chunk))

    return Gate(app, access, hosts, cookie=cookie)


def _side_px(session: DatasetSession) -> int:
    """Return the side of the session's pictures, pixels."""
    return int(np.shape(session.read(Stream.COLOR.value, 0, min(1, session.n_frames)))[1])


def _read_parts() -> dict[str, bytes]:
    """Return the page's files by name."""
    folder = files(PACKAGE) / "assets"
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name.rsplit(".", 1)[-1] in TYPES
    }


def _part(content: bytes, kind: str) -> Response:
    return Response(content, media_type=f"{TYPES[kind]}; charset=utf-8")


def _json(table: object, *, status: int = 200) -> Response:
    content = json.dumps(table, allow_nan=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")


def _bytes(content: bytes, kind: str = "application/octet-stream") -> Response:
    return Response(content, media_type=kind, headers=KEPT)
