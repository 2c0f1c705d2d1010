"""The pages as HTML: Jinja2 templates with what they show; the browser's code asks the rest from /api."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from ...errors import StudyError
from ..store.records import Assignment
from ..study.study import INSTRUCTIONS_NAME, Study, StudyConfig
from .desk import Desk
from .home import home_shown
from .rendering import PACKAGE, render

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
MAX_OWN_WORDS_BYTES = 64 * 1024
Keys = tuple[tuple[tuple[str, ...], str], ...]


def page_routes(desk: Desk) -> APIRouter:
    """Return the routes of the pages and of the files they are made of."""
    routes = APIRouter(include_in_schema=False)
    parts = _parts()

    def page(name: str, **shown: Any) -> Response:
        return HTMLResponse(render(name, title=desk.study.config.title, **shown))

    @routes.get("/rate/{assignment}")
    def rate(request: Request, assignment: str) -> Response:
        one = desk.assignment(request, assignment)
        return page("rate.html", assignment=desk.told(one)[0], study=desk.study.config)

    @routes.get("/instructions")
    def instructions(request: Request) -> Response:
        owner = desk.identity(request).is_owner
        return page(
            "instructions.html",
            owner=owner,
            read=not owner and desk.store.rater(desk.rater(request)).read_ms is not None,
            own_words=own_words(desk.study),
            dimensions=desk.study.config.dimensions,
            together=desk.study.config.mode == "together",
            rewind=f"{desk.study.config.rewind_s:g}",
            key_table=key_table(desk.study.config),
        )

    @routes.get("/assets/{name}")
    def asset(name: str) -> Response:
        if name not in parts:
            return Response(status_code=404)
        kind = TYPES[name.rsplit(".", 1)[-1]]
        return Response(parts[name], media_type=f"{kind}; charset=utf-8")

    @routes.get("/")
    def home(request: Request) -> Response:
        if desk.identity(request).is_owner:
            return page("study.html", study=desk.study.config)
        rater = desk.store.rater(desk.rater(request))
        todo = desk.assignments_of(request)
        coming = next((one for one in todo if one.state != "complete"), None)
        shown = home_shown(desk.told(*todo), resume_s=None if coming is None else _resume_s(desk, coming))
        return page("home.html", rater=rater, read=rater.read_ms is not None, assignments=todo, **shown)

    return routes


def own_words(study: Study) -> list[tuple[Literal["heading", "text"], str]]:
    """Return the lab's own instructions, as headings (lines that start with "# ") and paragraphs.

    Raises
    ------
    StudyError
        They are too long, no UTF-8, or cannot be read. Without a file there are none.
    """
    path = study.path / INSTRUCTIONS_NAME
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_OWN_WORDS_BYTES:
            raise StudyError(
                f"wanted at most {MAX_OWN_WORDS_BYTES} bytes of instructions, found {len(raw)}: {path.name}"
            )
        text = raw.decode("utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"wanted instructions as UTF-8 text, could not read them ({type(error).__name__}): {path.name}"
        ) from error
    found: list[tuple[Literal["heading", "text"], str]] = []
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        is_heading = line.startswith("# ")
        if lines and (is_heading or not line.strip()):
            found.append(("text", " ".join(lines)))
            lines = []
        if is_heading:
            found.append(("heading", line[2:].strip()))
        elif line.strip():
            lines.append(line.strip())
    return found


def key_table(config: StudyConfig) -> Keys:
    """Return the keys of the rater's page and what they do."""
    together = config.mode == "together"
    moves = ("←", "→", "↑", "↓") if together else ("↑", "↓")
    return (
        (moves, "one step"),
        (("Page up", "Page down"), "three steps up or down" if together else "three steps"),
        (("0", "Home"), "back to the middle"),
        (("Space",), "play, pause"),
        (("B",), f"back {config.rewind_s:g} s, and rate them anew"),
        (("C",), "write a comment"),
    )


def _resume_s(desk: Desk, one: Assignment) -> float | None:
    """Return where a begun take goes on, seconds of film; None where it is not begun or the film is lost."""
    if one.state != "open" or one.take is None:
        return None
    try:
        return desk.replays.of(one.take, desk.film(one.video), one.dimensions).resume_s
    except StudyError:  # said when the rater opens it
        return None


def _parts() -> dict[str, bytes]:
    """Return the files that pages are made of, by name."""
    folder = files(PACKAGE) / "assets"
    return {
        file.name: file.read_bytes() for file in folder.iterdir() if file.name.rsplit(".", 1)[-1] in TYPES
    }
