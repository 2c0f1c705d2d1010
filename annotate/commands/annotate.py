"""`mavfer annotate`: a study served to its raters, and to its owner."""

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from .which_study import Database, Folder

if TYPE_CHECKING:
    from ...web.server import Tls
    from ..server.server import PublicAddress, StudyServer

PORT = 8765


def annotate(
    study: Folder,
    host: Annotated[str, typer.Option(help="Where the page is served.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 takes a free one.")] = PORT,
    database: Database = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate (PEM), to serve https.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its key (PEM).")] = None,
    unencrypted: Annotated[
        bool, typer.Option("--unencrypted", help="Serve other machines without TLS all the same.")
    ] = False,
    address: Annotated[
        str | None, typer.Option(metavar="URL", help="How raters reach it, where a proxy stands before it.")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the owner's page, or only print its link.")
    ] = True,
) -> None:
    """Serve a study: raters rate in their browsers, its owner sees how far everyone is.

    Prints the owner's link, which works once; Enter prints a new one, Ctrl-C ends. It is reached from this
    machine alone, unless --host says otherwise; then with TLS, or with --unencrypted.

    Example: mavfer annotate study
    Example: mavfer annotate study --host 0.0.0.0 --tls-cert lab.pem --tls-key lab-key.pem
    """
    from ...errors import StudyError
    from ...web.server import check_tls
    from ..study.study import open_study

    tls = _tls(tls_cert, tls_key)
    public = _public(address)
    _require_encryption(host, tls, public, unencrypted=unencrypted)
    opened = open_study(study)
    key = opened.key()
    if tls is not None:
        check_tls(tls, error=StudyError)
    try:
        from ..server.server import StudyServer
        from ..store.store import Store
    except ImportError as error:
        raise StudyError(
            f"wanted what serves a study, found part of it ({error}); run `pip install 'mavfer[annotate]'`"
        ) from error
    with Store(opened.existing_database(database), study_id=opened.config.id, key=key) as store:
        _serve(StudyServer(opened, store, host=host, port=port, tls=tls, public=public, tell=_tell), browser)


def _serve(server: "StudyServer", browser: bool) -> None:
    """Serve until Ctrl-C; warn of defects as they come."""
    import webbrowser

    from ...capture.commands.operating import terminate_like_ctrl_c

    ended = "ended before the study's page was open"
    with terminate_like_ctrl_c():
        try:
            with server:
                _tell(server.url)
                ended = "the study's page is closed; what was acknowledged is stored"
                opened = browser and _has_screen() and webbrowser.open(server.url)
                told = "opened in the browser" if opened else "open this link, the owner's, in a browser"
                typer.echo(f"{told}; Enter prints a new one, Ctrl-C ends the study's page", err=True)
                threading.Thread(target=_new_links, args=(server,), name="new links", daemon=True).start()
                n_told = 0
                while server.running:
                    server.wait(1.0)
                    for failure in server.failures[n_told:]:
                        typer.echo(f"warning: a request failed by a defect of mavfer: {failure}", err=True)
                    n_told = len(server.failures)
        except KeyboardInterrupt:  # the way to end it
            typer.echo(ended, err=True)


def _new_links(server: "StudyServer") -> None:
    """Print a new link at every Enter; not as a job in the background, which reading would stop."""
    from ...errors import StudyError

    try:
        if (
            sys.platform != "win32"
            and sys.stdin.isatty()
            and os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp()
        ):
            return
        while sys.stdin.readline():
            try:
                _tell(server.new_link())
            except StudyError as error:
                typer.echo(f"error: {error}", err=True)
    except (OSError, ValueError, AttributeError):  # no terminal, or none any more
        return


def _tell(link: str) -> None:
    print(link, flush=True)


def _tls(certificate: Path | None, key: Path | None) -> "Tls | None":
    from ...web.server import Tls

    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-cert" if certificate is None else "--tls-key"
        raise UsageError(f"wanted --tls-cert and --tls-key together, found no {missing}")
    return Tls(certificate, key)


def _public(address: str | None) -> "PublicAddress | None":
    from ..server.server import public_address

    if address is None:
        return None
    found = public_address(address)
    if found is None:
        raise UsageError(f"wanted --address as https://NAME, without a path, found {address!r}")
    return found


def _require_encryption(
    host: str, tls: "Tls | None", public: "PublicAddress | None", *, unencrypted: bool
) -> None:
    """Raise UsageError where others could listen and nobody has allowed it; warn where somebody has."""
    from ...web.access import is_loopback

    if public is not None and tls is not None and not public.secure:
        raise UsageError("wanted an https --address with --tls-cert, found an http one")
    in_the_clear = (tls is None and not is_loopback(host)) or (public is not None and not public.secure)
    if not in_the_clear:
        return
    if not unencrypted:
        where = host if public is None else public.origin
        raise UsageError(
            f"wanted --tls-cert and --tls-key to serve other machines, found neither for {where!r}; name "
            "them, put a proxy with TLS before 127.0.0.1 and say --address, or accept with --unencrypted "
            "that everything can be listened to"
        )
    typer.echo(
        "warning: nothing is encrypted: whoever listens on the network sees the films, the ratings and the "
        "links, and can act as the raters and as the owner",
        err=True,
    )


def _has_screen() -> bool:
    """Return whether a window can open here; elsewhere `webbrowser` would start a browser in the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
