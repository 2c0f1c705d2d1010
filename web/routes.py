"""The routes that every page to look at has: the page, its parts, the link to it, whether it is alive.

Who may ask is decided before, by the gate; the routes only read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.responses import Response

from ..errors import MavferError
from .plain import onward_page, told_page
from .viewer import Door

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "html": "text/html"}
KEPT = {"cache-control": "private, max-age=3600, immutable"}
"""Of pictures, whose address changes when the file does; all else is asked for anew."""


def read_parts(package: str) -> dict[str, bytes]:
    """Return the files in a package's folder `assets` that pages are made of, by name."""
    folder = files(package) / "assets"
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name.rsplit(".", 1)[-1] in TYPES
    }


def new_app(door: Door, parts: Mapping[str, bytes], page_name: str) -> FastAPI:
    """Return an application with the page `page_name` of the parts, without the routes of what it shows."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(MavferError)
    def unreadable(_: Request, error: MavferError) -> Response:
        return as_json({"error": str(error)}, status=422)

    @app.get("/")
    def page(request: Request) -> Response:
        if not request.scope["state"]["known"]:
            return told_page(
                "This page needs a link",
                "The viewer shows people's faces, so it opens only by the link that was printed in the "
                f"terminal where `{door.command}` runs.",
                "To have a link printed there, press the button.",
                status=401,
                button=("Print a link in the terminal", "/enter"),
            )
        return _part(parts[page_name], "html")

    @app.get("/enter")
    def enter(request: Request, token: str = "") -> Response:
        session = door.access.open_session(token)
        if session is None and request.scope["state"]["known"]:
            return onward_page("the viewer")
        if session is None:
            title = "This link has been used" if token else "A link opens this page once"
            text = "Each link opens the viewer in one browser, once, so that nobody else can look on with it."
            return told_page(title, text, door.how_to_get_a_link(), status=403)
        answer = onward_page("the viewer")
        answer.set_cookie(door.cookie, session, httponly=True, samesite="strict", path="/")
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

    return app


def as_json(table: object, *, status: int = 200) -> Response:
    """Return a table as an answer that is asked for anew each time."""
    content = json.dumps(table, allow_nan=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")


def as_bytes(content: bytes, kind: str = "application/octet-stream") -> Response:
    """Return bytes as an answer that a browser may keep: its address changes when its content does."""
    return Response(content, media_type=kind, headers=KEPT)


def _part(content: bytes, kind: str) -> Response:
    return Response(content, media_type=f"{TYPES[kind]}; charset=utf-8")
