"""The command `mavfer fuse-runs RUN RUN...`: late fusion of what several runs predict."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...progress import bar


class By(StrEnum):
    """How the weights come about."""

    MEAN = "mean"
    CCC = "ccc"
    RIDGE = "ridge"


def fuse_runs(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Runs of one dataset, split and fold.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Where evaluation.json goes: a folder that does not exist yet.")],
    by: Annotated[
        By, typer.Option(help="Equal weights, in the ratio of validation CCC, or a ridge regression.")
    ] = By.CCC,
    batch: Annotated[int, typer.Option(min=1, help="Clips per pass.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Score the joined predictions of several runs on the test subjects; weights are validation's."""
    from ..evaluation.fusing import fuse_runs as fuse

    with bar("runs") as on_progress:
        evaluation = fuse(
            runs, out=out, by=by.value, batch=batch, overwrite=overwrite, on_progress=on_progress
        )
    subjects = len({one.subject for one in evaluation.sessions})
    for name, found in evaluation.scores.items():
        typer.echo(
            f"{name}: RMSE {found['rmse']:.3f}, CC {found['cc']:.3f}, CCC {found['ccc']:.3f} "
            f"on {subjects} {'simulated ' if evaluation.simulated else ''}subjects never trained on"
        )
    typer.echo(f"wrote the evaluation and the weights: {out}")
