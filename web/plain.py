"""The pages that stand before a page: on to it, or what is wrong with a link; they hold no data."""

from __future__ import annotations

import hashlib
import html
import re
from base64 import b64encode

from fastapi.responses import HTMLResponse

DARK = "background: #131518; color: #e9e7e2;"
DARK_PARTS = "code { background: #262b31; } a { color: #4fb0ea; } .soft { color: #8d949e; }"
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: #fbfaf7; color: #1d2126; font: 18px/1.55 system-ui, sans-serif; }
main { max-width: 34rem; margin: 16vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 2rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 1.2rem; }
code { background: #ece8df; border-radius: 4px; padding: .1em .35em; font-size: .9em; }
a { color: #0072b2; }
.soft { color: #6a6f76; }
.button { display: inline-block; border: 1px solid; border-radius: 8px; padding: .6rem 1rem; font: inherit;
  text-decoration: none; background: none; color: inherit; cursor: pointer; }
.first { background: #0b5d8a; border-color: #0b5d8a; color: #fff; }
"""
BY_SCHEME = f"{STYLE}@media (prefers-color-scheme: dark) {{ body {{ {DARK} }} {DARK_PARTS} }}\n"
ALWAYS_DARK = f"{STYLE}:root {{ color-scheme: dark; }} body {{ {DARK} }} {DARK_PARTS}\n"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>{title}</title>
<style>{style}</style>
</head>
<body><main>{body}</main></body>
</html>
"""


def onward_page(opened: str, *, dark: bool = False) -> HTMLResponse:
    """Return a page that goes on to `opened`, "the viewer", by itself.

    A redirect would not do: after a link in another site's page, the browser counts the whole chain as that
    site's, and keeps a SameSite=Strict cookie back.
    """
    refresh = '<meta http-equiv="refresh" content="0; url=/">\n'
    body = f'<p><a href="/">Open {html.escape(opened)}</a></p>'
    return plain_page(f"Opening {opened}", body, 200, refresh=refresh, dark=dark)


def told_page(
    title: str,
    *told: str,
    status: int,
    button: tuple[str, str] | None = None,
    soft: str = "",
    dark: bool = False,
) -> HTMLResponse:
    """Return a page that says what is wrong and what to do; what stands between backticks is code.

    Parameters
    ----------
    told : paragraphs
    button : what stands on a button, and the address that it leads to
    soft : a last paragraph, of less weight
    dark : whether the page is dark whatever the browser prefers
    """
    body = f"<h1>{html.escape(title)}</h1>" + "".join(f"<p>{inline(text)}</p>" for text in told)
    if button is not None:
        body += f'<p><a class="button" href="{html.escape(button[1])}">{html.escape(button[0])}</a></p>'
    if soft:
        body += f'<p class="soft">{inline(soft)}</p>'
    return plain_page(title, body, status, dark=dark)


def inline(text: str) -> str:
    """Return text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def plain_page(
    title: str, body: str, status: int, *, refresh: str = "", dark: bool = False, form: bool = False
) -> HTMLResponse:
    """Return the page with its policy: its style by its hash, its form if it has one, nothing else."""
    style = ALWAYS_DARK if dark else BY_SCHEME
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'; " + (
        "form-action 'self'" if form else "form-action 'none'"
    )
    content = PAGE.format(refresh=refresh, title=html.escape(title), style=style, body=body)
    return HTMLResponse(content, status, headers={"content-security-policy": policy})
