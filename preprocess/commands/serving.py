"""A page that a command serves until Ctrl-C, and which options of such a command go together."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ...errors import UsageError

if TYPE_CHECKING:
    from ...web.gate import Gate
    from ...web.viewer import Door


def require_together(*, rerun: bool, save: Path | None, overwrite: bool, port: int) -> None:
    """Raise UsageError where an option was given without the one that it belongs to."""
    if save is not None and not rerun:
        raise UsageError(f"wanted --save with --rerun, found it alone; add --rerun: {save}")
    if overwrite and save is None:
        raise UsageError("wanted --overwrite with --save FILE.rrd, found it alone; nothing else is written")
    if rerun and port:
        raise UsageError(f"wanted --port for the page in a browser, found {port} with --rerun; leave one out")


def serve_page(build: Callable[[Door], Gate], *, command: str, port: int, browser: bool) -> None:
    """Serve the page that `build` returns until Ctrl-C; `command` is what people call what serves it."""
    from ...capture.commands.operating import terminate_like_ctrl_c
    from ...web.viewer import PageViewer

    def tell(link: str) -> None:
        print(link, flush=True)

    with terminate_like_ctrl_c():
        try:
            with PageViewer(build, command=command, port=port, tell=tell) as viewer:
                tell(viewer.url)
                if not browser or not _has_screen() or not webbrowser.open(viewer.url):
                    typer.echo("open this link in a browser on this machine; Ctrl-C ends the page", err=True)
                else:
                    typer.echo("opened in the browser; Ctrl-C ends the page", err=True)
                viewer.wait()
        except KeyboardInterrupt:  # the way to end it
            typer.echo("the page is closed", err=True)


def _has_screen() -> bool:
    """Return whether a window can open here; elsewhere `webbrowser` would start a browser in the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
