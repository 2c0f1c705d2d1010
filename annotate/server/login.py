"""How somebody comes in and leaves: a link's page, its button that uses the link up, and the way out.

What only looks at a link (a mail program's preview, a scanner) asks by GET, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from ...web.limit import RateLimit
from ...web.plain import onward_page
from ..store.access import LOGIN_DAYS
from ..store.records import Identity
from ..store.store import Store, now_ms
from .rendering import render, told_page

PER_CLIENT, IN_ALL, WINDOW_S = 10, 300, 60.0
FORM = "application/x-www-form-urlencoded"
ASK = "Ask the study's owner for a new link."


@dataclass(frozen=True, slots=True)
class Entrance:
    """What coming in needs to know.

    Attributes
    ----------
    title : of the study
    cookie : name of the login's cookie
    secure : whether the browser may send it over https alone
    proxied : whether a proxy stands before the server and says whom it asks for
    how_to_get_a_link : called when somebody comes without a valid link
    """

    store: Store
    title: str
    cookie: str
    secure: bool
    proxied: bool
    how_to_get_a_link: Callable[[], str]


def login_routes(entrance: Entrance) -> APIRouter:
    """Return the routes that are open to everybody, and the way out."""
    routes = APIRouter(include_in_schema=False)
    access = entrance.store.access
    limit = RateLimit(per_client=PER_CLIENT, in_all=IN_ALL, window_s=WINDOW_S)

    def refused(request: Request) -> Response | None:
        wait_s = ceil(limit.wait_s(_client(request, proxied=entrance.proxied)))
        if wait_s == 0:
            return None
        told = f"Too many links that do not fit were tried. Try again in {wait_s} seconds."
        answer = told_page("Please wait", told, title=entrance.title, status=429)
        answer.headers["retry-after"] = str(wait_s)
        return answer

    def void(request: Request, token: str) -> Response:
        """Answer a link that opens nothing (any more)."""
        if request.scope["state"]["known"]:
            return onward_page("the study")
        if token:
            limit.miss(_client(request, proxied=entrance.proxied))
            entrance.how_to_get_a_link()
        return told_page(
            "This link cannot be used any more" if token else "A link opens this study once",
            f"Each link opens the study in one browser, once, and for some days only. {ASK} If you have "
            "opened the study in this browser before, simply go on.",
            title=entrance.title,
            status=403,
            onward=("/", "Go on"),
        )

    @routes.get("/enter")
    def look(request: Request, token: str = "") -> Response:
        wait = refused(request)
        if wait is not None:
            return wait
        found = access.link_of(token, now_ms=now_ms()) if token else None
        if found is None:
            return void(request, token)
        known = request.scope["state"]["known"]
        if known == found:
            return onward_page("the study")
        page = render(
            "enter.html",
            title=entrance.title,
            token=token,
            owner=found.is_owner,
            rater=_name_of(entrance.store, found),
            onward=bool(known),
        )
        return HTMLResponse(page)

    def redeem(request: Request, token: str) -> Response:
        wait = refused(request)
        if wait is not None:
            return wait
        secret = access.redeem(token, now_ms=now_ms()) if token else None
        if secret is None:
            return void(request, token)
        before = request.cookies.get(entrance.cookie)
        if before:
            access.delete_login(before)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            entrance.cookie,
            secret,
            httponly=True,
            secure=entrance.secure,
            samesite="strict",
            path="/",
            max_age=LOGIN_DAYS * 24 * 3600,
        )
        return answer

    @routes.post("/enter")
    async def enter(request: Request) -> Response:
        return await run_in_threadpool(redeem, request, _token(request, await request.body()))

    @routes.post("/leave")
    def leave(request: Request) -> Response:
        secret = request.cookies.get(entrance.cookie)
        if secret:
            access.delete_login(secret)
        answer = RedirectResponse("/enter", 303)
        answer.delete_cookie(
            entrance.cookie, path="/", httponly=True, secure=entrance.secure, samesite="strict"
        )
        return answer

    return routes


def _token(request: Request, body: bytes) -> str:
    """Return the token in a form; "" for anything else."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return ""
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        return ""
    tokens = [value for name, value in pairs if name == "token"]
    return tokens[0] if len(tokens) == 1 else ""


def _client(request: Request, *, proxied: bool) -> str:
    """Return the address of whoever asks; behind a proxy, what the proxy itself has written down last."""
    forwarded = request.headers.getlist("x-forwarded-for") if proxied else []
    if forwarded:
        return forwarded[-1].rpartition(",")[2].strip()
    return request.client.host if request.client is not None else ""


def _name_of(store: Store, found: Identity) -> str:
    return "" if found.rater is None else store.rater(found.rater).name
