"""What the commands that record say of a take when it has ended: a line, or JSON."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from ...facts import plain, print_json

if TYPE_CHECKING:
    from ..take_report import TakeReport


def report_of(take: "Callable[[], TakeReport]", *, as_json: bool) -> "TakeReport":
    """Return the report of a take, also of one that Ctrl-C ended; of a failed one print it, as JSON only."""
    from ..take_report import TakeFailed, TakeStopped

    try:
        return take()
    except TakeStopped as stopped:
        return stopped.report
    except TakeFailed as failed:
        if as_json:
            print_json(take_facts(failed.report))
        raise


def take_facts(report: "TakeReport") -> dict[str, Any]:
    """Return a take's report as JSON holds it."""
    table = plain(report)
    return {"session": table.pop("path"), **table, "n_lost": report.n_lost}


def tell_report(report: "TakeReport", *, as_json: bool = False) -> None:
    """Print how a take ended, and on stderr what it complains of and where its files lie."""
    from ..monitor.words import plain as in_plain_words
    from ..take_report import told

    if as_json:
        print_json(take_facts(report))
    else:
        typer.echo(f"{told(report)}: {report.path}")
    for complaint in report.complaints:
        typer.echo(in_plain_words(complaint), err=True)
    for name, folder in report.elsewhere.items():
        typer.echo(f"the files of {name!r} lie on its machine: {folder}", err=True)
    if report.elsewhere:
        typer.echo(f"run `mavfer collect {report.path}` to bring them into the session", err=True)
