"""`mavfer labels fuse`: options in, gold standards in a folder, a table on stdout."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..fusion.recipe import Method, Recipe
from ..fusion.smoothing import Smooth
from ..fusion.weights import Weighting

LAGS = "The raters' lag"
TIMES = "Times"
ESTIMATE = "estimate"


def fuse(
    traces: Annotated[Path, typer.Argument(metavar="TRACES", help="A folder of traces.")],
    out: Annotated[Path, typer.Option(help="The folder that gets the gold standards.")],
    session: Annotated[list[str] | None, typer.Option(help="Only of this session; may be repeated.")] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="The mean over raters, the evaluator weighted estimator, a mean weighted by CCC, or a mean "
            "aligned by time warping."
        ),
    ] = Method.MEAN,
    weights: Annotated[
        Weighting | None,
        typer.Option(
            help="What a rater counts by: r with the mean of all, with the mean of the others, with each "
            "other; CCC with each other.",
            show_default="r-mean for ewe, ccc-pairs for ccc, else equal",
        ),
    ] = None,
    center: Annotated[
        bool, typer.Option("--center", help="Replace each rater's own mean by that of all.")
    ] = False,
    smooth: Annotated[Smooth, typer.Option("--smoothing", help="Smooth the result over time.")] = Smooth.NONE,
    window_s: Annotated[
        float, typer.Option("--window-s", help="Width of the smoothing, seconds.", min=0, show_default=False)
    ] = 0.0,
    band_s: Annotated[
        float | None,
        typer.Option(
            "--band-s", help="How far dtw may move a moment, seconds.", min=0.01, max=60, show_default="3"
        ),
    ] = None,
    lag: Annotated[
        str,
        typer.Option(
            metavar="none|SECONDS|estimate",
            help="How late raters are: not at all, all alike, or as estimated against each other.",
            rich_help_panel=LAGS,
        ),
    ] = "none",
    common_lag_s: Annotated[
        float,
        typer.Option(
            "--common-lag-s",
            help="What estimated lags have in common; raters alone do not tell.",
            min=0,
            max=30,
            rich_help_panel=LAGS,
        ),
    ] = 0.0,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Folder with SESSION.csv (time_s,value), signals of the film that rise when ratings should; "
            "lags are estimated against them.",
            rich_help_panel=LAGS,
        ),
    ] = None,
    max_lag_s: Annotated[
        float | None,
        typer.Option(
            "--max-lag-s",
            help="How far estimates may go; one at the edge is refused.",
            min=0.2,
            max=30,
            show_default="6",
            rich_help_panel=LAGS,
        ),
    ] = None,
    fallback_lag_s: Annotated[
        float | None,
        typer.Option(
            "--fallback-lag-s",
            help="The lag of a rater whose estimate is at the edge, in place of refusing the session.",
            min=0,
            max=30,
            rich_help_panel=LAGS,
        ),
    ] = None,
    max_gap_s: Annotated[
        float | None,
        typer.Option(
            "--max-gap-s", help="Longest gap in a rating to bridge, seconds.", min=0, max=60, show_default="5"
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(help="Values per second.", min=1, max=240, show_default="10", rich_help_panel=TIMES),
    ] = None,
    at: Annotated[
        list[Path] | None,
        typer.Option(
            help="Values at the frames of these sessions, folders of sessions, or of a study's films.",
            rich_help_panel=TIMES,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace gold standards of the same sessions.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make one gold standard of the raters' traces, per session and dimension.

    The default is the paper's: missing ratings interpolated, then the mean over raters. Which rater counted
    how much and how late each was taken to be is kept beside every gold standard. Exits 1 where a session
    could not be fused; the others are written all the same.

    Example: mavfer labels fuse traces --out labels
    Example: mavfer labels fuse traces --out labels --method ewe --lag estimate
    """
    from ...errors import UsageError
    from ...output import require_free
    from ...progress import bar
    from ..fusion.fusing import fuse_all
    from ..fusion.gold_file import gold_stem, write_gold
    from ..fusion.traces_given import traces_given
    from ..trace import DIMENSIONS
    from .labels_told import facts_of, print_table, tell

    recipe = _recipe(
        lag,
        common_lag_s,
        reference,
        method=method,
        weighting=weights,
        centered=center,
        smoothing=smooth,
        window_s=window_s,
        band_s=band_s,
        max_lag_s=max_lag_s,
        fallback_lag_s=fallback_lag_s,
        max_gap_s=max_gap_s,
    )
    if fps is not None and at:
        raise UsageError("wanted --fps or --at, found both; the frames have their own times: --at")
    if out.resolve() == traces.resolve():
        raise UsageError(
            f"wanted another folder than the traces', which are all the .csv of theirs, found the same: {out}"
        )
    given = traces_given(traces, sessions=session or ())
    for name in given:
        for dimension in DIMENSIONS:
            require_free(out / f"{gold_stem(name, dimension)}.csv", overwrite=overwrite)
    with bar("fusing") as on_progress:
        results = fuse_all(
            given, recipe, fps=fps or 10.0, at=at or (), reference=reference, on_progress=on_progress
        )
    for one in results:
        if one.gold is not None:
            write_gold(out, one.gold, overwrite=overwrite)
    tell(results, out)
    if as_json:
        print_json(facts_of(results, out, recipe))
    else:
        print_table(results, out, recipe)
    if any(one.error for one in results):
        raise typer.Exit(1)


def _recipe(lag: str, common_lag_s: float, reference: Path | None, **options: object) -> Recipe:
    """Return the recipe that the options ask for; raises UsageError where they contradict each other."""
    from pydantic import ValidationError

    from ...config import COMMAND_LINE, complaints
    from ...errors import UsageError
    from ..fusion.recipe import Lag

    given = {name: value for name, value in options.items() if value is not None}
    kind, lag_s = Lag.ESTIMATED if lag == ESTIMATE else Lag.NONE, common_lag_s
    if kind is Lag.NONE and lag != "none":
        try:
            kind, lag_s = Lag.FIXED, float(lag)
        except ValueError as error:
            raise UsageError(f"wanted none, estimate or seconds, found {lag!r}: --lag") from error
    if kind is not Lag.ESTIMATED:
        searching = {
            "--common-lag-s": bool(common_lag_s),
            "--reference": reference is not None,
            "--max-lag-s": "max_lag_s" in given,
            "--fallback-lag-s": "fallback_lag_s" in given,
        }
        for option, said in searching.items():
            if said:
                raise UsageError(f"wanted {option} with --lag estimate only, found --lag {lag}: {option}")
    if reference is not None:
        if common_lag_s:
            raise UsageError(
                "wanted --common-lag-s or --reference, found both; lags against a reference are whole: "
                "--common-lag-s"
            )
        kind = Lag.REFERENCE
    if "band_s" in given and given["method"] is not Method.DTW:
        raise UsageError("wanted --band-s with --method dtw only, found another method: --band-s")
    try:
        return Recipe.model_validate({**given, "lag": kind, "lag_s": lag_s})
    except ValidationError as error:
        raise UsageError(f"{complaints(error, Recipe)}: {COMMAND_LINE}") from error
