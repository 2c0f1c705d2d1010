"""The routes of a session's page: what is known of it, and the pixels of one tick at a time."""

from __future__ import annotations

import numpy as np
from fastapi.responses import Response

from ..capture.preview import scale_colors
from ..capture.streams import Stream
from ..errors import SessionError
from ..web.gate import Gate
from ..web.routes import as_bytes, as_json, new_app
from ..web.viewer import Door
from .landmarks import Landmarks
from .overlay import Overlay
from .parts import page_parts
from .session_view import SessionView


def session_app(
    view: SessionView, door: Door, *, overlay: Overlay | None = None, landmarks: Landmarks | None = None
) -> Gate:
    """Return the application that serves a session's page.

    Parameters
    ----------
    overlay : what is laid over color; None: nothing
    landmarks : what tells the landmarks of a tick; None: they are not shown
    """
    app = new_app(door, page_parts(), "session.html")

    @app.get("/session")
    def facts() -> Response:
        extra = {
            "overlays": [] if overlay is None else [stream.value for stream in overlay.streams],
            "overlay_px": None if overlay is None else overlay.size_px,
            "landmarks": None if landmarks is None else landmarks.said,
        }
        return as_json(view.table() | extra)

    @app.get("/scale/{stream}")
    def scale(stream: Stream) -> Response:
        marks = view.coloring(_counted(stream)).scale
        return as_json({"colors": scale_colors(stream, 24), "marks": marks})

    @app.get("/colors/{stream}")
    def colors(stream: Stream) -> Response:
        return as_bytes(view.color_table(_counted(stream)))

    @app.get("/celsius/{stream}")
    def celsius(stream: Stream) -> Response:
        return as_bytes(view.celsius_table(_counted(stream)))

    @app.get("/landmarks/{tick}")
    def points(tick: int) -> Response:
        found = None
        if landmarks is not None and 0 <= tick < view.n_ticks:
            found = landmarks.at(tick)
        return as_bytes(b"" if found is None else np.asarray(found, "<f4").tobytes())

    @app.get("/laid/{stream}/{tick}")
    def laid(stream: Stream, tick: int) -> Response:
        if overlay is None:
            raise SessionError("nothing is laid over color; start with --calibration")
        return as_bytes(overlay.counts(stream, tick))

    @app.get("/color/{tick}")
    def color(tick: int) -> Response:
        return as_bytes(view.color_jpeg(tick), "image/jpeg")

    @app.get("/counts/{stream}/{tick}")
    def counts(stream: Stream, tick: int) -> Response:
        return as_bytes(view.counts(_counted(stream), tick))

    return Gate(app, door.access, door.hosts, cookie=door.cookie)


def _counted(stream: Stream) -> Stream:
    """Return a stream that is stored as counts; raises SessionError for color."""
    if stream is Stream.COLOR:
        raise SessionError("color is colored already")
    return stream
