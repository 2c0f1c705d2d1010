"""The commands of the annotate stage: simulate-raters."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ...facts import AsJson, print_json
from ..trace import DIMENSIONS, Trace


def simulate_raters(
    sessions: Annotated[list[Path], typer.Argument(metavar="SESSION", help="Simulated sessions.")],
    out: Annotated[Path, typer.Option(help="The folder that gets the traces.")],
    raters: Annotated[int, typer.Option(help="How many rate each session.", min=1, max=50)] = 3,
    seed: Annotated[int, typer.Option(help="Another seed is other raters.", min=0)] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the simulated traces of these sessions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rate simulated sessions with simulated raters: late, biased, noisy, with gaps.

    Example: mavfer simulate-raters sessions/S01-001 sessions/S02-001 --out traces
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ...capture.session import read_record
    from ...capture.simulated.truth import read_truth, truth_path
    from ...errors import TraceError
    from ...output import require_free
    from ...progress import bar
    from ..simulated import simulated_traces
    from ..trace import write_trace

    rated = []
    with bar("rating") as show:
        for path in sessions:
            show(len(rated), len(sessions))
            session = read_record(path).id
            if session in [other for other, _ in rated]:
                raise TraceError(f"wanted sessions with different names, found {session!r} twice: {path}")
            truth = read_truth(truth_path(path))
            traces = simulated_traces(truth, session=session, seed=seed, n_raters=raters)
            for trace in traces:
                require_free(out / f"{trace.stem}.csv", overwrite=overwrite)
            rated.append((session, traces))
    table = Table("session (simulated)", "dimension", box=None, pad_edge=False)
    for heading in ("raters", "above 0", "MSE", "CC", "CCC", "alpha"):
        table.add_column(heading, justify="right")
    agreements = []
    with bar("writing and comparing") as show:
        for number, (session, traces) in enumerate(rated):
            show(number, len(rated))
            _remove_others(out, traces)
            for trace in traces:
                write_trace(out, trace, overwrite=overwrite)
            for dimension in DIMENSIONS:
                found = _agreement(traces, dimension)
                agreements.append({"session": session, "dimension": dimension, **found})
                n_raters, positive, *numbers = found.values()
                cells = [str(n_raters), f"{positive:.0%}", *(f"{number:.2f}" for number in numbers)]
                table.add_row(escape(session), dimension, *cells)
    n_traces = sum(len(traces) for _, traces in rated)
    if as_json:
        print_json({"folder": out, "simulated": True, "n_traces": n_traces, "agreement": agreements})
        return
    Console(highlight=False).print(table)
    typer.echo(f"wrote {n_traces} traces: {out}")


def _remove_others(out: Path, traces: tuple[Trace, ...]) -> None:
    """Remove traces that more simulated raters once gave to this session: they would be fused with these."""
    from ..trace import read_trace

    stems = {trace.stem for trace in traces}
    for path in sorted(out.glob("*.sim*.*.csv")):
        found = read_trace(path)
        if found.simulated and found.session == traces[0].session and found.stem not in stems:
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)


def _agreement(traces: tuple[Trace, ...], dimension: str) -> dict[str, Any]:
    """Return of one dimension, in the order of the table: raters, share above 0, means over their pairs."""
    import numpy as np

    from ..agreement import agreement
    from ..fusion import gold_standard

    of_dimension = [trace for trace in traces if trace.dimension == dimension]
    end_s = max(float(trace.time_s[-1]) for trace in of_dimension)
    gold = gold_standard(of_dimension, np.arange(0, end_s, 0.25))
    found = agreement(gold.per_rater)
    return {
        "n_raters": len(of_dimension),
        "positive_share": found.positive,
        "mse": found.mse,
        "cc": found.pearson,
        "ccc": found.ccc,
        "alpha": found.alpha,
    }
