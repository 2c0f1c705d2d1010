"""The command `mavfer fuse-runs RUN RUN...`: late fusion of what several runs predict."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ...progress import bar
from .device import Device
from .evaluate import SCORES


class By(StrEnum):
    """How the weights come about."""

    MEAN = "mean"
    CCC = "ccc"
    RIDGE = "ridge"


def fuse_runs(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Runs of one dataset, split and fold.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Where evaluation.json goes: a folder that does not exist yet.")],
    by: Annotated[
        By, typer.Option(help="Equal weights, in the ratio of validation CCC, or a ridge regression.")
    ] = By.CCC,
    batch: Annotated[int, typer.Option(min=1, help="Clips per pass.")] = 8,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score the joined predictions of several runs on the test subjects; weights are validation's.

    Example: mavfer fuse-runs runs/uran/0 runs/muse/0 --by ccc --out runs/fused
    """
    from rich.console import Console

    from ..evaluation.fusing import fuse_runs as fuse
    from ..evaluation.fusing import read_fusion
    from ..evaluation.terminal import print_evaluation

    with bar("runs") as on_progress:
        evaluation = fuse(
            runs,
            out=out,
            by=by.value,
            batch=batch,
            device=device.value,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    if as_json:
        fusions = {
            name: {
                "weights": [{"run": run, "weight": w} for run, w in zip(runs, one.weights, strict=True)],
                "bias": one.bias,
            }
            for name, one in read_fusion(out).items()
        }
        scores = {name: getattr(evaluation, name) for name in SCORES}
        print_json({"fused": out, "by": by, "fusion": fusions, "fold": evaluation.fold, **scores})
        return
    console = Console(highlight=False, markup=False)
    print_evaluation(console, evaluation)
    for name, fusion in read_fusion(out).items():
        parts = [f"{weight:.2f} x {run}" for weight, run in zip(fusion.weights, runs, strict=True)]
        parts += [f"{fusion.bias:.3f}"] if fusion.bias else []
        console.print(f"{name} = {' + '.join(parts)}", soft_wrap=True)
    typer.echo(f"wrote the evaluation and the weights: {out}")
