"""What the study's page asks for: how far everyone is; raters added, invited, let go, asked to rate again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from ..store.access import DAY_MS, LINK_DAYS
from ..store.records import Rated, State
from ..store.store import now_ms
from ..study.progress import progress
from ..study.setup import add_rater, require_here
from ..study.setup import leave as let_go
from .desk import Desk

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
NAME = r"^[A-Za-z0-9_-]{1,40}$"


class NewRater(BaseModel):
    """A rater to be added: a pseudonym, and a team from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(pattern=NAME)]
    team: Annotated[int, Field(ge=1, le=20)]


class RaterRow(BaseModel):
    """One rater and how far the rater is; times are milliseconds since 1970, UTC; practice is not counted."""

    id: str
    name: str
    team: int
    active: bool
    read: bool
    n_total: int
    n_done: int
    n_open: int
    n_videos_left: int
    minutes_left: float
    minutes_done: float
    last_seen_ms: int | None
    clock_ahead_ms: int | None
    clock_wrong: bool
    reminder: str


class VideoRow(BaseModel):
    """One film and how far it is."""

    id: str
    session: str
    practice: bool
    duration_s: float
    n_total: int
    n_done: int


class AssignmentRow(BaseModel):
    """One film to be rated by one rater in one pass."""

    id: str
    rater: str
    video: str
    dimension: Rated
    state: State
    finished_ms: int | None


class StudyShown(BaseModel):
    """All that the study's page shows; `n_done` and `n_total` count passes without practice."""

    server_ms: int
    teams: int
    dimensions: list[Rated]
    n_total: int
    n_done: int
    raters: list[RaterRow]
    videos: list[VideoRow]
    assignments: list[AssignmentRow]


class RaterAdded(BaseModel):
    """A rater who was added, and how many passes the rater has to rate."""

    id: str
    name: str
    team: int
    n_assigned: int


class Link(BaseModel):
    """A one-time link: /enter?token=... on the study's address; shown once, kept nowhere."""

    token: str
    expires_ms: int


class Done(BaseModel):
    """What was asked is done; `n_assigned` passes, practice not counted, were handed out by it."""

    done: bool
    n_assigned: int = 0


def overview_routes(desk: Desk) -> APIRouter:
    """Return the routes of the study's owner."""
    routes = APIRouter(prefix="/api/study")

    @routes.get("")
    def study(request: Request) -> StudyShown:
        desk.require_owner(request)
        return _shown(desk)

    @routes.post("/raters")
    def add(request: Request, new: NewRater) -> RaterAdded:
        desk.require_owner(request)
        rater, _ = add_rater(desk.study, desk.store, new.name, team=new.team)
        n_assigned = len(desk.store.assignments(rater=rater.id))
        return RaterAdded(id=rater.id, name=rater.name, team=rater.team, n_assigned=n_assigned)

    @routes.post("/raters/{rater}/link")
    def link(request: Request, rater: Id) -> Link:
        desk.require_owner(request)
        require_here(desk.store.rater(rater))
        at_ms = now_ms()
        token = desk.store.access.new_link(rater, now_ms=at_ms)
        return Link(token=token, expires_ms=at_ms + LINK_DAYS * DAY_MS)

    @routes.post("/raters/{rater}/leave")
    def leave(request: Request, rater: Id) -> Done:
        """End a rater's part: logins and links are void, what is rated stays, the rest goes to others."""
        desk.require_owner(request)
        one = desk.store.rater(rater)
        if not one.active:
            return Done(done=True)
        return Done(done=True, n_assigned=let_go(desk.study, desk.store, one.name).n_passes)

    @routes.post("/raters/{rater}/return")
    def come_back(request: Request, rater: Id) -> Done:
        desk.require_owner(request)
        one = desk.store.rater(rater)
        if one.active:
            return Done(done=True)
        _, changed = add_rater(desk.study, desk.store, one.name, team=one.team)
        return Done(done=True, n_assigned=changed.n_passes)

    @routes.post("/assignments/{assignment}/again")
    def again(request: Request, assignment: Id) -> Done:
        """Let a rater rate a film anew; the take that was there counts no more, and stays stored."""
        desk.require_owner(request)
        require_here(desk.store.rater(desk.store.assignment(assignment).rater))
        desk.store.takes.reopen(assignment)
        return Done(done=True)

    return routes


def _shown(desk: Desk) -> StudyShown:
    """Return what the study's page shows now."""
    store, at_ms = desk.store, now_ms()
    assignments = store.assignments()
    found = progress(
        store.raters(), store.videos(), assignments, at_ms, last_seen_ms=store.takes.last_seen_ms()
    )
    together = any(one.dimension == "both" for one in assignments) or desk.study.config.mode == "together"
    return StudyShown(
        server_ms=at_ms,
        teams=desk.study.config.teams,
        dimensions=["both"] if together else list(desk.study.config.dimensions),
        n_total=found.n_total,
        n_done=found.n_done,
        raters=[
            RaterRow(
                id=one.rater.id,
                name=one.rater.name,
                team=one.rater.team,
                active=one.rater.active,
                read=one.rater.read_ms is not None,
                n_total=one.n_total,
                n_done=one.n_done,
                n_open=one.n_open,
                n_videos_left=one.n_videos_left,
                minutes_left=one.minutes_left,
                minutes_done=one.minutes_done,
                last_seen_ms=one.last_seen_ms,
                clock_ahead_ms=one.clock_ahead_ms,
                clock_wrong=one.clock_wrong,
                reminder=one.reminder,
            )
            for one in found.raters
        ],
        videos=[
            VideoRow(
                id=one.video.id,
                session=one.video.session,
                practice=one.video.practice,
                duration_s=one.video.duration_s,
                n_total=one.n_total,
                n_done=one.n_done,
            )
            for one in found.videos
        ],
        assignments=[
            AssignmentRow(
                id=one.id,
                rater=one.rater,
                video=one.video,
                dimension=one.dimension,
                state=one.state,
                finished_ms=one.finished_ms,
            )
            for one in assignments
        ],
    )
