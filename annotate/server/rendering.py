"""Templates as HTML: Jinja2 with everything escaped and nothing left undefined."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

PACKAGE = __name__.rpartition(".")[0]


def render(name: str, **shown: Any) -> str:
    """Return a template of `templates/` filled in."""
    return _environment().get_template(name).render(**shown)


def told_page(
    heading: str, told: str, *, title: str, status: int, onward: tuple[str, str] | None = None
) -> HTMLResponse:
    """Return a page that says what is wrong and what to do.

    Parameters
    ----------
    title : of the study
    onward : an address to go on to, and what stands on its button
    """
    address, named = onward or ("", "")
    page = render(
        "told.html", title=title, heading=heading, told=told, onward=address, onward_name=named or None
    )
    return HTMLResponse(page, status)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_template),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> str | None:
    file = files(PACKAGE) / "templates" / name
    return file.read_text(encoding="utf-8") if file.is_file() else None
