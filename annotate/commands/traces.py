"""`mavfer traces export`, `check` and `import`: traces out of a study, looked over, and brought together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...facts import AsJson, print_json
from .study_status import counted
from .which_study import Database, Folder, opened_with_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..exchange.export import Exported
    from ..trace import Trace

WIDE = 160
Out = Annotated[Path, typer.Option(metavar="TRACES", help="The folder that gets the traces.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace traces that are there.")]


def export(
    study: Folder,
    out: Out,
    session: Annotated[list[str] | None, typer.Option(help="Only of this session; may be repeated.")] = None,
    rater: Annotated[list[str] | None, typer.Option(help="Only of this rater; may be repeated.")] = None,
    all_takes: Annotated[
        bool, typer.Option("--all", help="Also incomplete ratings: what is missing is empty in the CSV.")
    ] = False,
    practice: Annotated[
        bool, typer.Option("--practice", help="Also the ratings of the practice film.")
    ] = False,
    events: Annotated[
        bool, typer.Option("--events/--no-events", help="The raw events of each take beside its traces.")
    ] = True,
    database: Database = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the ratings of a study as traces (CSV + JSON), ready for `labels fuse` and `build-dataset`.

    Samples stand at the times of the film's frames, each with the value that stood when the frame was shown;
    nothing is moved for the rater's delay. Says what was skipped, what is missing and what is left out.

    Example: mavfer traces export study --out traces
    """
    from ...errors import StudyError
    from ...progress import bar
    from ..exchange.export import export_traces

    opened, store = opened_with_store(study, database)
    with store, bar("exporting") as on_progress:
        done = list(
            export_traces(
                opened,
                store,
                out,
                sessions=session or (),
                raters=rater or (),
                incomplete=all_takes,
                practice=practice,
                events=events,
                overwrite=overwrite,
                on_progress=on_progress,
            )
        )
    done.sort(key=lambda one: (one.session, one.rater, one.assignment.dimension))
    written = [one for one in done if one.fate == "written"]
    n_traces = sum(len(one.assignment.dimensions) for one in written)
    if as_json:
        print_json({"folder": out, "n_traces": n_traces, "ratings": [_rating_facts(one) for one in done]})
    else:
        _print(done)
    if not written:
        raise StudyError(
            f"wanted complete ratings to export, found none of {len(done)}; "
            f"pass --all to export what there is of incomplete ones: {study}"
        )
    if as_json:
        return
    left_out = f", {len(done) - len(written)} left out" if len(written) < len(done) else ""
    typer.echo(f"wrote {counted(n_traces, 'trace')} of {counted(len(written), 'rating')}{left_out}: {out}")


def _print(done: list[Exported]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("session", "rater", "rated", "", box=None, pad_edge=False)
    for heading in ("shown", "skipped", "missing s", "rewinds", "comments"):
        table.add_column(heading, justify="right")
    for one in done:
        fate = one.fate if one.fate == "written" else f"left out: {one.fate}"
        if one.found is not None and one.fate == "written" and not one.found.complete:
            fate = "written, incomplete"
        numbers = ("", "", "", "", "")
        if one.found is not None:
            found = one.found
            numbers = (
                str(found.shown.sum()),
                str(found.skipped.sum()),
                f"{one.missing_s:.2f}",
                str(found.n_rewinds),
                str(len(found.comments)),
            )
        table.add_row(escape(one.session), escape(one.rater), one.assignment.dimension, fate, *numbers)
    _console().print(table)


def _rating_facts(one: Exported) -> dict[str, Any]:
    """Return a rating as `mavfer traces export --json` prints it; counts where there are samples."""
    found = one.found
    counts: dict[str, Any] = {}
    if found is not None:
        counts = {
            "complete": found.complete,
            "n_shown": found.shown.sum(),
            "n_skipped": found.skipped.sum(),
            "missing_s": one.missing_s,
            "n_rewinds": found.n_rewinds,
            "n_comments": len(found.comments),
        }
    return {
        "session": one.session,
        "rater": one.rater,
        "dimension": one.assignment.dimension,
        "written": one.fate == "written",
        "left_out_because": None if one.fate == "written" else one.fate,
        **counts,
    }


def check(
    folder: Annotated[Path, typer.Argument(metavar="TRACES", help="A folder of traces.")],
    as_json: AsJson = False,
) -> None:
    """Look over a folder of traces: whether each can be read, and its events are the ones it was made of.

    Exits 1 where one is damaged, or there are two of one rater, session and dimension.

    Example: mavfer traces check traces
    """
    from ...errors import TraceError
    from ..exchange.bring_in import looked_over

    traces, troubles = looked_over(folder)
    if as_json:
        print_json(
            {"traces": [trace_facts(one) for one in traces], "problems": [str(one) for one in troubles]}
        )
    else:
        print_traces(traces)
    for trouble in troubles:
        typer.echo(f"error: {trouble}", err=True)
    if troubles:
        raise TraceError(f"{len(troubles)} of {len(traces) + len(troubles)} traces are damaged: {folder}")
    if not as_json:
        typer.echo(f"{len(traces)} traces are sound: {folder}")


def bring_in(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of traces, of mavfer or your own.")
    ],
    out: Out,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Bring traces into a folder of traces, with their headers and events; all are checked before any is.

    A CSV with the columns time_s,value and no header is read by its name, SESSION.RATER.DIMENSION.csv. Other
    programs' files come by `mavfer import carma`, `darma` and `nova`.

    Example: mavfer traces import ratings --out traces
    """
    from ...errors import TraceError
    from ..exchange.bring_in import bring_in_traces, looked_over

    traces, troubles = looked_over(folder)
    if troubles:
        more = f" (and {len(troubles) - 1} more; see `mavfer traces check`)" if len(troubles) > 1 else ""
        raise TraceError(f"nothing was brought in{more}: {troubles[0]}")
    bring_in_traces(folder, traces, out, overwrite=overwrite)
    if as_json:
        print_json({"folder": out, "traces": [trace_facts(one) for one in traces]})
        return
    print_traces(traces)
    typer.echo(f"brought in {len(traces)} traces: {out}")


def trace_facts(trace: Trace) -> dict[str, Any]:
    """Return a trace as `mavfer traces check --json` and the importers print it."""
    import numpy as np

    rated = trace.value[~np.isnan(trace.value)]
    return {
        "session": trace.session,
        "rater": trace.rater,
        "dimension": trace.dimension,
        "n_samples": len(trace.value),
        "n_missing": len(trace.value) - len(rated),
        "from_s": float(trace.time_s[0]),
        "to_s": float(trace.time_s[-1]),
        "mean": float(rated.mean()) if len(rated) else None,
        "simulated": trace.simulated,
        "made_by": trace.origin.source if trace.origin else None,
        "complete": None if trace.origin is None else trace.origin.complete,
    }


def print_traces(traces: Sequence[Trace]) -> None:
    """Print a table of traces: whose, of what, how many samples."""
    import numpy as np
    from rich.markup import escape
    from rich.table import Table

    table = Table("session", "rater", "dimension", box=None, pad_edge=False)
    for heading in ("samples", "missing", "from s", "to s", "mean"):
        table.add_column(heading, justify="right")
    table.add_column("made by")
    for one in traces:
        rated = one.value[~np.isnan(one.value)]
        made = one.origin.source if one.origin else ""
        table.add_row(
            escape(one.session),
            escape(one.rater),
            one.dimension,
            str(len(one.value)),
            str(len(one.value) - len(rated)),
            f"{one.time_s[0]:.2f}",
            f"{one.time_s[-1]:.2f}",
            f"{rated.mean():+.2f}" if len(rated) else "",
            made if one.origin is None or one.origin.complete is not False else f"{made}, incomplete",
        )
    _console().print(table)


def _console() -> Console:
    """Return where tables go: as wide as the screen, or wide enough for a file."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)
