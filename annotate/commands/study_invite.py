"""`mavfer study invite`: raters' one-time links, under the address that `mavfer annotate` serves."""

from __future__ import annotations

from typing import Annotated

import typer

from .annotate import PORT
from .which_study import Database, Folder, opened_with_store


def invite(
    study: Folder,
    rater: Annotated[str | None, typer.Argument(metavar="RATER", help="All raters if not given.")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="How raters reach `mavfer annotate`: https://NAME or https://NAME:PORT.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65535, help=f"That of `mavfer annotate`; {PORT} if not given."
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Print a rater's one-time link, or a CSV of rater,link for all; older unused links are void then.

    Without --address the links lead to http://127.0.0.1:PORT, for raters who sit at the machine that serves.

    Example: mavfer study invite study anna
    Example: mavfer study invite study --address https://rate.example.org > links.csv
    """
    import csv
    import sys

    from ...errors import UsageError
    from ...web.access import is_loopback
    from ..server.server import public_address
    from ..store.store import now_ms
    from ..study.setup import rater_named

    if address is not None and port is not None:
        raise UsageError("wanted --address or --port, found both; write the port as https://NAME:PORT")
    public = public_address(f"http://127.0.0.1:{port or PORT}" if address is None else address)
    if public is None:
        raise UsageError(
            f"wanted --address as https://NAME or https://NAME:PORT, without a path, found {address!r}"
        )
    _, store = opened_with_store(study, database)
    with store:
        if rater is not None:
            people = [rater_named(store, rater)]
            if not people[0].active:
                raise UsageError(
                    f"rater {rater!r} has left; `mavfer study add {study} --rater {rater}` first"
                )
        else:
            people = [one for one in store.raters() if one.active]
        links = [
            (one.name, f"{public.origin}/enter?token={store.access.new_link(one.id, now_ms=now_ms())}")
            for one in people
        ]
    if is_loopback(public.name):
        typer.echo("links for this machine alone; for raters at others say --address", err=True)
    if rater is not None:
        typer.echo(links[0][1])
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([("rater", "link"), *links])
