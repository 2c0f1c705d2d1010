"""The pages that stand before the viewer: on to it, or what is wrong with a link; they hold no data."""

from __future__ import annotations

import hashlib
import html
import re
from base64 import b64encode

from fastapi.responses import HTMLResponse

STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: #fbfaf7; color: #1d2126; font: 18px/1.55 system-ui, sans-serif; }
main { max-width: 34rem; margin: 16vh auto 0; padding: 0 1.5rem; }
h1 { font-size: 2rem; line-height: 1.15; letter-spacing: -.02em; margin: 0 0 1.2rem; }
code { background: #ece8df; border-radius: 4px; padding: .1em .35em; font-size: .9em; }
a { color: #0072b2; }
.button { display: inline-block; border: 1px solid; border-radius: 8px; padding: .6rem 1rem;
  text-decoration: none; }
@media (prefers-color-scheme: dark) {
  body { background: #131518; color: #e9e7e2; }
  code { background: #262b31; }
  a { color: #4fb0ea; }
}
"""
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


def onward_page() -> HTMLResponse:
    """Return a page that goes on to the viewer by itself.

    A redirect would not do: after a link in another site's page, the browser counts the whole chain as that
    site's, and keeps a SameSite=Strict cookie back.
    """
    refresh = '<meta http-equiv="refresh" content="0; url=/">\n'
    return _page("Opening the viewer", '<p><a href="/">Open the viewer</a></p>', 200, refresh=refresh)


def told_page(title: str, text: str, what_to_do: str, status: int, *, button: bool = False) -> HTMLResponse:
    """Return a page that says what is wrong and what to do; what stands between backticks is code."""
    body = f"<h1>{html.escape(title)}</h1><p>{_inline(text)}</p><p>{_inline(what_to_do)}</p>"
    if button:
        body += '<p><a class="button" href="/enter">Print a link in the terminal</a></p>'
    return _page(title, body, status)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _page(title: str, body: str, status: int, *, refresh: str = "") -> HTMLResponse:
    """Return the page with its policy: its own style by its hash, and nothing else."""
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'; "
        "form-action 'none'"
    )
    content = PAGE.format(refresh=refresh, title=html.escape(title), style=STYLE, body=body)
    return HTMLResponse(content, status, headers={"content-security-policy": policy})
