"""Answers that are not what was asked for: one line, as JSON under /api and /media, as a page elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from ...errors import StudyError
from ..store.records import Conflict, Unavailable, Unknown
from .desk import NotAllowed
from .rendering import told_page

STATUS = {Unknown: 404, Conflict: 409, NotAllowed: 403, Unavailable: 503, StudyError: 422}
ADVICE = {
    401: "Open your link. If it was used up, ask the study's owner for a new one; the owner presses Enter "
    "in the terminal where mavfer annotate runs.",
    404: "The address is not quite right, or what was there is gone.",
    500: "Something went wrong on the server. What you have rated so far is kept; tell the study's owner.",
}
HEADINGS = {
    401: "This study opens by a link",
    403: "This is not for you",
    404: "There is no such page",
    409: "Not now",
    503: "The study cannot be reached",
    500: "That did not work",
}
MAX_LINE = 300


class Told(BaseModel):
    """What is wrong, in one line."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    error: str


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Told, "description": described}
    for status, described in {
        400: "Not a request that can be read",
        401: "Nobody is logged in",
        403: "Not for whoever asks",
        404: "There is no such thing, or it is another rater's",
        405: "Not by this method",
        408: "The request came too slowly",
        409: "Contradicts what is stored",
        413: "Too large",
        422: "Does not fit",
        503: "The study's folder or its database cannot be reached",
    }.items()
}
"""What every route of /api may answer besides what it is for."""


def refusal(title: str, status: int, path: str, told: str) -> tuple[str, bytes]:
    """Return media type and content of an answer with a status and one line, as it fits to the path."""
    answer = _answer(title, status, path, told)
    return answer.headers["content-type"], bytes(answer.body)


def add_error_answers(app: FastAPI, *, title: str, folder: Path) -> None:
    """Let an application answer its errors in one line; what is no error of ours shows nothing of itself.

    Parameters
    ----------
    folder : of the study; paths are told as they lie in it
    """

    def known(request: Request, error: Exception) -> Response:
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        told = error.told if isinstance(error, Unavailable) else str(error)
        return _answer(title, status, request.url.path, told.replace(f"{folder}{os.sep}", ""))

    def database(request: Request, _: Exception) -> Response:
        return _answer(
            title, 503, request.url.path, "the study's database cannot be reached; try again later"
        )

    def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        answer = _answer(title, status, request.url.path, HTTPStatus(status).phrase.lower())
        answer.headers.update(headers or {})
        return answer

    def misfit(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else ()
        if any(one["loc"][0] == "path" for one in found):
            return _answer(title, 404, request.url.path, "there is no such thing")
        return _answer(title, 422, request.url.path, _misfits(found))

    def defect(request: Request, _: Exception) -> Response:
        return _answer(title, 500, request.url.path, ADVICE[500])

    for kind in STATUS:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(SQLAlchemyError, database)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, misfit)
    app.add_exception_handler(Exception, defect)


def _misfits(found: Sequence[Any]) -> str:
    """Return the first complaint about a request, and how many there are; never what was sent."""
    if not found:
        return "wanted a request that fits, found another"
    place = ".".join(str(part) for part in found[0]["loc"] if part != "body")[:80]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place or 'the request'}: {found[0]['msg']}{more}"


def _answer(title: str, status: int, path: str, told: str) -> Response:
    line = " ".join(told.split())[:MAX_LINE]
    if path.startswith(("/api/", "/media/")):
        return JSONResponse({"error": line}, status)
    if status == 401:
        return told_page(HEADINGS[401], ADVICE[401], title=title, status=401)
    text = ADVICE.get(status) or f"{line[:1].upper()}{line[1:]}."
    onward = ("/", "Go back to the beginning") if status != 503 else ("/", "Try again")
    return told_page(
        HEADINGS.get(status, "That did not work"), text, title=title, status=status, onward=onward
    )
