"""What a rater's page asks for: what is to be rated, a take opened, its chunks taken, its end judged."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import StudyError
from ..store.records import Assignment
from ..store.store import now_ms
from ..study.films import Film
from ..takes.curve import curve
from ..takes.events import MAX_CHUNK_BYTES, MAX_CHUNKS, Chunk
from ..takes.replay import Replay
from .desk import Desk

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
MAX_RUNS = 10_000


class Opening(BaseModel):
    """What a page says when it opens a take; `wall_ms` is its `Date.now()`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    wall_ms: Annotated[float, Field(ge=0, le=1e14, allow_inf_nan=False)]


def rating_routes(desk: Desk) -> APIRouter:
    """Return the routes of a rater; each answers only for the rater whose login asks."""
    routes = APIRouter(prefix="/api")

    @routes.get("/assignments")
    def assignments(request: Request) -> list[dict[str, Any]]:
        return desk.told(*desk.assignments_of(request))

    @routes.post("/instructions")
    def read(request: Request) -> dict[str, bool]:
        desk.store.confirm_instructions(desk.rater(request))
        return {"read": True}

    @routes.post("/assignments/{assignment}/open")
    def open_take(request: Request, assignment: Id, opening: Opening) -> dict[str, Any]:
        one = desk.assignment(request, assignment)
        desk.require_turn(request, one)
        at_ms = now_ms()
        take, run = desk.store.takes.open_run(
            one.id,
            now_ms=at_ms,
            clock_ahead_ms=round(opening.wall_ms) - at_ms,
            browser=request.headers.get("user-agent", ""),
        )
        desk.store.note_clock(one.rater, round(opening.wall_ms) - at_ms)
        film = desk.film(one.video)
        found = desk.replays.of(take, film, one.dimensions)
        return {
            "take": take,
            "run": run,
            "clock_ahead_ms": round(opening.wall_ms) - at_ms,
            "server_ms": at_ms,
            **_progress(found, film, one),
        }

    @routes.post("/takes/{take}/runs/{run}/chunks/{number}")
    async def chunk(
        request: Request,
        take: Id,
        run: Annotated[int, Path(ge=0, lt=MAX_RUNS)],
        number: Annotated[int, Path(ge=0, lt=MAX_CHUNKS)],
    ) -> dict[str, int]:
        body = await request.body()
        if len(body) > MAX_CHUNK_BYTES:
            raise StudyError(f"wanted a chunk of at most {MAX_CHUNK_BYTES} bytes, found {len(body)}")
        return await desk.in_thread(_append, desk, request, take, run, number, body)

    @routes.post("/takes/{take}/finish")
    def finish(request: Request, take: Id) -> dict[str, Any]:
        one = desk.take(request, take)
        film = desk.film(one.video)
        found = desk.replays.of(take, film, one.dimensions)
        if found.complete:
            desk.store.takes.finish(take, now_ms=now_ms())
        return {"complete": found.complete, **_progress(found, film, one)}

    @routes.post("/takes/{take}/discard")
    def discard(request: Request, take: Id) -> dict[str, bool]:
        desk.take(request, take)
        desk.store.takes.discard(take)
        return {"discarded": True}

    return routes


def media_routes(desk: Desk) -> APIRouter:
    """Return the route of the films: by id, for those who have them to rate."""
    routes = APIRouter()

    @routes.get("/media/{video}", response_class=FileResponse)
    def media(request: Request, video: Id) -> Response:
        desk.require_video(request, video)
        path = desk.study.videos / f"{video}.mp4"
        if not path.is_file():
            raise StudyError("the film is not where it was prepared; tell the study's owner")
        return FileResponse(path, media_type="video/mp4")

    return routes


def _append(desk: Desk, request: Request, take: str, run: int, number: int, body: bytes) -> dict[str, int]:
    desk.take(request, take)
    try:
        Chunk.model_validate_json(body)
    except ValidationError as error:
        raise StudyError(f"wanted a chunk of events, found {error.error_count()} misfits") from error
    newest = desk.store.takes.append(take, run, number, body, now_ms=now_ms())
    return {"acknowledged": number, "newest_run": newest}


def _progress(found: Replay, film: Film, one: Assignment) -> dict[str, Any]:
    """Return what the page needs to go on: where, with which value, and what is rated so far.

    `curve` holds per dimension pairs of media time and value where there is one, `missing` the stretches
    without, `comments` pairs of media time and text.
    """
    return {
        "dimensions": list(one.dimensions),
        "resume_s": found.resume_s,
        "value": dict(found.last_value),
        "missing": [list(stretch) for stretch in found.missing],
        "curve": curve(found, film),
        "comments": [list(comment) for comment in found.comments],
        "n_skipped": int(found.skipped.sum()),
        "duration_s": film.end_s,
        "n_frames": film.n_frames,
    }
