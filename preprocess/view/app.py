"""The routes of a dataset's page: what it lists, and the pixels of one chunk at a time."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import Query
from fastapi.responses import Response

from ...capture.streams import Stream
from ...web.gate import Gate
from ...web.routes import as_bytes, as_json, new_app, read_parts
from ...web.viewer import Door
from ..dataset.clips import DatasetSession
from ..dataset.record import DEFAULT_SPLIT, Reason
from .catalog import Catalog, catalog_table
from .pictures import chunk_of, color_chunk_png, counts_chunk, row_png, scales
from .rows import crop_landmarks, facts_table
from .worklist import Order, Wanted, Worklist

PACKAGE = __name__.rpartition(".")[0]


def dataset_app(catalog: Catalog, door: Door, *, first: int | None = None) -> Gate:
    """Return the application that serves a dataset's page.

    Parameters
    ----------
    first : the session that is shown first; None for the first that can be read
    """
    app = new_app(door, read_parts(PACKAGE), "page.html")
    worklist = Worklist(catalog)

    @app.get("/catalog")
    def listed() -> Response:
        return as_json({**catalog_table(catalog), "first": first, "command": door.command})

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
        return as_json(worklist.table(wanted))

    @app.get("/session/{number}/facts")
    def facts(number: int) -> Response:
        session = catalog.session(number)
        table = facts_table(worklist.facts(number))
        return as_json({**table, "version": catalog.version(number), "size_px": _side_px(session)})

    @app.get("/session/{number}/scales")
    def colors(number: int) -> Response:
        return as_json(scales(catalog.session(number)))

    @app.get("/session/{number}/landmarks/{chunk}")
    def landmarks(number: int, chunk: int) -> Response:
        session = catalog.session(number)
        points = crop_landmarks(session, *chunk_of(session, chunk))
        return as_bytes(points.astype("<f4").tobytes())

    @app.get("/session/{number}/color/{chunk}")
    def color(number: int, chunk: int) -> Response:
        return as_bytes(color_chunk_png(catalog.session(number), chunk), "image/png")

    @app.get("/session/{number}/row/{row}")
    def row(number: int, row: int) -> Response:
        return as_bytes(row_png(catalog.session(number), row), "image/png")

    @app.get("/session/{number}/{stream}/{chunk}")
    def counts(number: int, stream: Stream, chunk: int) -> Response:
        return as_bytes(counts_chunk(catalog.session(number), stream, chunk))

    return Gate(app, door.access, door.hosts, cookie=door.cookie)


def _side_px(session: DatasetSession) -> int:
    """Return the side of the session's pictures, pixels."""
    return int(np.shape(session.read(Stream.COLOR.value, 0, min(1, session.n_frames)))[1])
