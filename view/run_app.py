"""The routes of a run's page: its scores, a session's curves, faces of a chunk, attention over a clip."""

from __future__ import annotations

import numpy as np
from fastapi.responses import Response

from ..capture.streams import Stream
from ..errors import ModelError
from ..preprocess.view.pictures import chunk_of, color_chunk_png, counts_chunk, encode_png, scales
from ..preprocess.view.rows import crop_landmarks
from ..report import colored
from ..web.gate import Gate
from ..web.routes import as_bytes, as_json, new_app
from ..web.viewer import Door
from .parts import page_parts
from .run_view import RunView


def run_app(view: RunView, door: Door, *, first: int = 0) -> Gate:
    """Return the application that serves a run's page; `first` is the session that is shown first."""
    app = new_app(door, page_parts(), "run.html")

    @app.get("/run")
    def run() -> Response:
        return as_json(view.table() | {"first": first, "heat": _heat()})

    @app.get("/session/{number}/facts")
    def facts(number: int) -> Response:
        return as_json(view.facts(number))

    @app.get("/session/{number}/scales")
    def colors(number: int) -> Response:
        return as_json(scales(view.face(number)))

    @app.get("/session/{number}/attention/{start}")
    def attention(number: int, start: int) -> Response:
        if view.attention is None:
            raise ModelError(view.no_attention or f"there is no attention to show: {view.path}")
        pictures = view.attention.pictures(view.face(number), start)
        return as_bytes(encode_png(pictures.reshape(-1, *pictures.shape[2:])), "image/png")

    @app.get("/session/{number}/landmarks/{chunk}")
    def landmarks(number: int, chunk: int) -> Response:
        session = view.face(number)
        return as_bytes(crop_landmarks(session, *chunk_of(session, chunk)).astype("<f4").tobytes())

    @app.get("/session/{number}/color/{chunk}")
    def color(number: int, chunk: int) -> Response:
        return as_bytes(color_chunk_png(view.face(number), chunk), "image/png")

    @app.get("/session/{number}/{stream}/{chunk}")
    def counts(number: int, stream: Stream, chunk: int) -> Response:
        return as_bytes(counts_chunk(view.face(number), stream, chunk))

    return Gate(app, door.access, door.hosts, cookie=door.cookie)


def _heat() -> list[str]:
    """Return the colors of attention from none to the brightest."""
    from ..model.explain.overlay import HEAT

    rows = colored(np.linspace(0, 1, 16), colormap=HEAT, low=0, high=1)
    return ["#" + bytes(row).hex() for row in rows]
