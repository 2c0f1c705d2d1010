"""What the routes share: the study, its store, and who asks for what."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from ..store.records import Assignment, Conflict, Identity, Unknown
from ..store.store import Store
from ..study.films import Film, read_film
from ..study.study import Study
from ..takes.replays import Replays

Result = TypeVar("Result")


class NotAllowed(Exception):
    """Whoever asks may not; answered with 403."""


class Desk:
    """The study, its store and its films, and the rights of whoever asks; used from any thread."""

    def __init__(self, study: Study, store: Store) -> None:
        self.study, self.store = study, store
        self.film = lru_cache(maxsize=64)(self._read_film)
        self.replays = Replays(store)

    def identity(self, request: Request) -> Identity:
        """Return who asks; the gate let nobody else through."""
        found = request.scope["state"]["known"]
        if not isinstance(found, Identity):
            raise NotAllowed("log in by your link")
        return found

    def rater(self, request: Request) -> str:
        """Return the id of the rater who asks; raises NotAllowed for the owner."""
        found = self.identity(request)
        if found.rater is None:
            raise NotAllowed("wanted a rater's login, found the owner's; raters come by links of their own")
        return found.rater

    def require_owner(self, request: Request) -> None:
        """Raise NotAllowed unless the study's owner asks."""
        if not self.identity(request).is_owner:
            raise NotAllowed("only the study's owner sees this")

    def assignments_of(self, request: Request) -> tuple[Assignment, ...]:
        """Return what the rater who asks has to rate, in order."""
        return self.store.assignments(rater=self.rater(request))

    def assignment(self, request: Request, assignment: str) -> Assignment:
        """Return an assignment of the rater who asks; another rater's is Unknown, as if it were not there."""
        return self.store.assignment(assignment, rater=self.rater(request))

    def take(self, request: Request, take: str) -> Assignment:
        """Return the assignment of a take of the rater who asks; raises Unknown."""
        return self.store.assignment_of_take(take, rater=self.rater(request))

    def require_turn(self, request: Request, one: Assignment) -> None:
        """Raise Conflict unless all that comes before an assignment is complete and the instructions read."""
        if self.store.rater(one.rater).read_ms is None:
            raise Conflict("read the instructions first")
        before = next((other for other in self.assignments_of(request) if other.state != "complete"), None)
        if before is not None and before.position < one.position:
            raise Conflict("another video comes first")

    def require_video(self, request: Request, video: str) -> None:
        """Raise Unknown unless whoever asks may see a video."""
        if self.identity(request).is_owner:
            known = any(one.id == video for one in self.store.videos())
        else:
            known = any(one.video == video for one in self.assignments_of(request))
        if not known:
            raise Unknown("there is no such video")

    def told(self, *assignments: Assignment) -> list[dict[str, Any]]:
        """Return what a rater is told of assignments; not whose sessions they are."""
        videos = {one.id: one for one in self.store.videos()}
        return [
            {
                "id": one.id,
                "video": one.video,
                "practice": videos[one.video].practice,
                "duration_s": videos[one.video].duration_s,
                "dimension": one.dimension,
                "position": one.position,
                "state": one.state,
            }
            for one in assignments
        ]

    async def in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return what a function returns that waits for the disk, without holding up the others."""
        return await run_in_threadpool(function, *arguments)

    def _read_film(self, video: str) -> Film:
        return read_film(self.study.videos / f"{video}.json")
