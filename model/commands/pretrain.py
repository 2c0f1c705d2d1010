"""The command `mavfer pretrain DATASET`: the transformer, on clips without labels."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ...progress import bar
from .device import Device
from .settings import settings_of


class Size(StrEnum):
    """Of the network."""

    FULL = "full"
    SMALL = "small"


def pretrain(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="A dataset, labelled or not.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The run: a folder that does not exist yet.")],
    size: Annotated[Size, typer.Option(help="Of the training that is to start from it.")] = Size.FULL,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Which of the dataset's splits; see `mavfer dataset split`.")
    ] = "default",
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Which fold to hold out, of a split in folds.")
    ] = None,
    modalities: Annotated[
        str | None, typer.Option(help="Streams, such as color,thermal.", show_default="color,depth,thermal")
    ] = None,
    n_frames: Annotated[int | None, typer.Option(min=4, help="Frames per clip.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of training; else the preset's.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips per step.")] = 8,
    lr: Annotated[float, typer.Option(min=1e-9, help="Peak learning rate.")] = 1e-3,
    mask_share: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Of a clip's places, how many are hidden.")
    ] = 0.75,
    memory_mb: Annotated[
        float, typer.Option(min=1, help="Pixels in memory at most; sessions beyond it take turns.")
    ] = 4096,
    seed: Annotated[int, typer.Option(min=0, help="Draws weights, order and masks.")] = 0,
    max_minutes: Annotated[float | None, typer.Option(min=1e-9, help="End within this time.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; else torch's choice.")] = None,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the network; may be repeated."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the transformer guess hidden parts of the training subjects' clips; no label is read.

    `mavfer train DATASET --model transformer --weights RUN` starts from it, with the same size, streams and
    options, and under the same split and fold: subjects seen here can never be tested on.

    Example: mavfer pretrain clips --size small --out runs/masked
    """
    from ...config import COMMAND_LINE, parse
    from ..training.pretrain import pretrain as pretrain_network
    from ..training.pretrain_config import PretrainConfig

    table = {
        "size": size.value,
        "set": settings_of(set_ or []),
        "modalities": None if modalities is None else tuple(modalities.split(",")),
        "n_frames": n_frames,
        "split": split,
        "fold": fold,
        "steps": steps,
        "batch": batch,
        "lr": lr,
        "mask_share": mask_share,
        "memory_mb": memory_mb,
        "seed": seed,
        "max_minutes": max_minutes,
        "threads": threads,
        "device": device.value,
    }
    config = parse(table, PretrainConfig, where=COMMAND_LINE)
    with bar("pre-training") as on_progress:
        report = pretrain_network(
            dataset, config=config, out=out, overwrite=overwrite, on_progress=on_progress
        )
    record, last = report.record, report.history[-1]
    if as_json:
        from .run_facts import run_facts

        masked = {"masked_loss": last["loss"], "mean_loss": last["mean_loss"]}
        print_json(run_facts(report.path, record) | masked)
        return
    typer.echo(
        f"transformer ({size.value}, {record.n_parameters / 1e6:.2f} M parameters) guesses hidden pixels "
        f"with a squared error of {last['loss']:.4f}, their mean has {last['mean_loss']:.4f}; "
        f"{record.n_steps} steps on {len(record.training_subjects)} "
        f"{'simulated ' if record.simulated else ''}subjects, {record.seconds:.0f} s: {report.path}"
    )
