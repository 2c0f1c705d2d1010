"""The application that a study serves: its routes behind the gate, and errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from ...web.access import Hosts
from ...web.gate import FIXED_HEADERS, Gate, Unavailable, media_policy
from ..agreement.of_study import StudyAgreement
from ..store.records import Identity
from ..store.records import Unavailable as DatabaseUnavailable
from ..store.store import Store, now_ms
from ..study.study import STUDY_NAME, Study
from .agreement import agreement_page_routes, agreement_routes
from .answers import RESPONSES, add_error_answers, refusal
from .desk import Desk
from .download import download_routes
from .login import Entrance, login_routes
from .overview import overview_routes
from .pages import page_routes
from .rating import media_routes, rating_routes

if TYPE_CHECKING:
    from fastapi import APIRouter

OPEN_PATHS = ("/enter", "/assets/")
HEADERS = {**FIXED_HEADERS, "referrer-policy": "same-origin"}
"""With no-referrer, browsers send `Origin: null` with a page's own forms and beacons."""
MAX_BODY_BYTES = 128 * 1024


class Logins:
    """The logins of a study, as the gate asks for them."""

    def __init__(self, study: Study, store: Store) -> None:
        self._study, self._store = study, store

    async def knows(self, session: str | None) -> Identity | None:
        """Return who a login is; None for nobody.

        Raises
        ------
        Unavailable
            The study's folder or its database is gone.
        """
        if not session:
            return None
        return await run_in_threadpool(self._identify, session)

    def _identify(self, session: str) -> Identity | None:
        if not (self._study.path / STUDY_NAME).is_file():
            raise Unavailable(
                "the study's folder is not where it was when mavfer annotate was started; bring it back, or "
                "start mavfer annotate again with the folder's new place"
            )
        try:
            return self._store.access.identify(session, now_ms=now_ms())
        except DatabaseUnavailable as error:
            raise Unavailable(error.told) from error


def build_app(
    study: Study,
    store: Store,
    hosts: Hosts,
    *,
    cookie: str,
    how_to_get_a_link: Callable[[], str],
    scheme: str = "http",
    secure: bool = False,
    origins: Collection[str] = (),
) -> Gate:
    """Return the application; `.app` of the gate is the FastAPI application behind it.

    Parameters
    ----------
    hosts : the names that it may be asked for by
    cookie : name of the login's cookie
    how_to_get_a_link : called when somebody comes without a valid link
    scheme : of the address that this server itself answers to
    secure : whether raters come over https
    origins : of the proxy before the server, empty for none
    """
    title = study.config.title
    app = FastAPI(
        title="mavfer study", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    add_error_answers(app, title=title, folder=study.path)
    desk = Desk(study, store)
    agreement = StudyAgreement(store, desk.film)
    entrance = Entrance(store, title, cookie, secure, bool(origins), how_to_get_a_link)
    described: tuple[APIRouter, ...] = (
        rating_routes(desk),
        overview_routes(desk),
        agreement_routes(desk, agreement),
        download_routes(desk),
        media_routes(desk),
    )
    for routes in described:
        app.include_router(routes, responses=RESPONSES)
    for routes in (page_routes(desk), agreement_page_routes(desk, agreement), login_routes(entrance)):
        app.include_router(routes)
    return Gate(
        app,
        Logins(study, store),
        hosts,
        cookie=cookie,
        scheme=scheme,
        origins=origins,
        open_paths=OPEN_PATHS,
        policy=media_policy,
        headers=HEADERS,
        refusal=partial(refusal, title),
        max_body_bytes=MAX_BODY_BYTES,
    )
