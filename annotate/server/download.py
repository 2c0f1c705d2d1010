"""The traces of a study as one ZIP file for its owner: made in a temporary folder, sent, and removed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from threading import Lock
from zipfile import ZIP_DEFLATED, ZipFile

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from ..exchange.export import export_traces
from ..store.records import Conflict
from ..store.store import Store
from ..study.study import Study
from .desk import Desk

NAME = "traces.zip"


def download_routes(desk: Desk) -> APIRouter:
    """Return the route of the traces; the study's owner alone is answered."""
    routes = APIRouter(prefix="/api/study")
    one_at_a_time = Lock()

    @routes.get(
        "/traces.zip",
        response_class=FileResponse,
        responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def traces(request: Request) -> Response:
        desk.require_owner(request)
        folder = Path(tempfile.mkdtemp(prefix="mavfer-traces-"))
        try:
            with one_at_a_time:
                path = zip_traces(desk.study, desk.store, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        remove = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return FileResponse(path, media_type="application/zip", filename=NAME, background=remove)

    return routes


def zip_traces(study: Study, store: Store, folder: Path) -> Path:
    """Write the complete ratings of a study into a ZIP file in `folder` and return its path.

    It holds a folder `traces` as `mavfer traces export` writes it. A take of ten minutes needs some tenths of
    a second, so a large study needs a minute.

    Raises
    ------
    Conflict
        Nothing is complete yet.
    StudyError
        A film is missing or another than was rated.
    """
    out = folder / "traces"
    out.mkdir()
    for _ in export_traces(study, store, out):
        pass
    files = sorted(out.iterdir())
    if not files:
        raise Conflict("nothing is complete yet, so there are no traces")
    path = folder / NAME
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"traces/{file.name}")
    return path
