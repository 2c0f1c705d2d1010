"""`mavfer train`: options in, progress on stderr, what came of it on stdout."""

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...config import COMMAND_LINE, parse
from ...facts import print_json
from ...preprocess.dataset.record import DEFAULT_SPLIT
from ...progress import bar
from ..families import LISTED
from ..weight_name import absolute
from .device import Device
from .settings import pairs_of, settings_of

if TYPE_CHECKING:
    from ..checkpoint import RunRecord


class Size(StrEnum):
    """The paper's, or one with fewer channels and smaller frames."""

    FULL = "full"
    SMALL = "small"


class PresetName(StrEnum):
    """What is known to learn, or the paper to the letter."""

    DEFAULT = "default"
    FAITHFUL = "faithful"


class Precision(StrEnum):
    """What convolutions are computed in."""

    FP32 = "fp32"
    BF16 = "bf16"


class Loss(StrEnum):
    """What training minimises."""

    MSE = "mse"
    L1 = "l1"
    CCC = "ccc"
    MIX = "mix"


class Log(StrEnum):
    """Where else the history goes."""

    TENSORBOARD = "tensorboard"
    WANDB = "wandb"


def _list(context: typer.Context, wanted: bool) -> None:
    """List the networks and end; with --json once that is read, which may come after it."""
    if wanted and "as_json" in context.params:
        _list_networks(as_json=context.params["as_json"])
    context.meta["list"] = wanted


def _json(context: typer.Context, wanted: bool) -> bool:
    if context.meta.get("list"):
        _list_networks(as_json=wanted)
    return wanted


def _list_networks(*, as_json: bool) -> None:
    if as_json:
        models = [{"model": name, "label": one.label, "about": one.about} for name, one in LISTED.items()]
        print_json({"models": models})
        raise typer.Exit
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "in tables", "what it is", box=None)
    for name, listed in LISTED.items():
        table.add_row(name, listed.label, listed.about)
    Console().print(table)
    raise typer.Exit


def train(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="The dataset.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The run: a folder that does not exist yet.")],
    model: Annotated[str, typer.Option(metavar="NAME", help="One that --list lists.")] = "mran",
    size: Annotated[
        Size, typer.Option(help="The paper's size, or one that trains in minutes on a CPU.")
    ] = Size.FULL,
    preset: Annotated[
        PresetName, typer.Option(help="faithful: the paper to the letter; it did not learn here.")
    ] = PresetName.DEFAULT,
    option: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the network; may be repeated."),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Which of the dataset's splits; see `mavfer dataset split`.")
    ] = "default",
    fold: Annotated[
        int | None, typer.Option(metavar="K", help="Which fold to hold out, of a split in folds.")
    ] = None,
    dimensions: Annotated[str, typer.Option(help="What is predicted, together.")] = "valence,arousal",
    classes: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Predict classes: quadrants, or a column of classes.csv."),
    ] = None,
    modalities: Annotated[
        str | None, typer.Option(help="Streams, color first; else the model's own.")
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FOLDER", help="A feature set, for networks of features; see --list."),
    ] = None,
    n_frames: Annotated[int | None, typer.Option(help="Frames per clip; else the preset's.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the clips; else the preset's.")] = None,
    steps: Annotated[int | None, typer.Option(help="In place of --epochs.")] = None,
    batch: Annotated[int | None, typer.Option(help="Clips per step; else the preset's.")] = None,
    accumulate: Annotated[int, typer.Option(help="Batches whose gradients make one step.")] = 1,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate; else the preset's.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better validation score.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws weights, order and augmentation.")] = 0,
    precision: Annotated[
        Precision, typer.Option(help="bf16 is checked against fp32 layer by layer before it is used.")
    ] = Precision.FP32,
    loss: Annotated[
        Loss | None,
        typer.Option(help="What is minimised; else the preset's. ccc and mix want --batch 16 or more."),
    ] = None,
    modality_dropout: Annotated[
        float, typer.Option(help="Share of clips in which a stream other than the first is blanked.")
    ] = 0.0,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="A file of weights, or a run, to start from; LAYOUT=FILE where names do not tell.",
            show_default=False,
        ),
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(help="End training within this time.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; else torch's choice.")] = None,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    devices: Annotated[
        int, typer.Option(help="Processes of this machine, a GPU each; each has --batch clips.")
    ] = 1,
    log: Annotated[
        list[Log] | None, typer.Option(help="Where curves go, too, beside history.csv; may be repeated.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted training stands.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", callback=_json, is_eager=True, help="Print one JSON object instead."),
    ] = False,
    _listed: Annotated[
        bool, typer.Option("--list", callback=_list, is_eager=True, help="List the networks and end.")
    ] = False,
) -> None:
    """Train a network on a dataset's training subjects; the best epoch on its validation subjects is kept.

    Example: mavfer train clips --out runs/mran/0 --model mran --size small
    Example: mavfer train clips --out runs/f0 --split kfold5 --fold 0 --epochs 20
    """
    from rich.console import Console

    from ..training.config import TrainConfig

    table: dict[str, Any] = {
        "model": model,
        "size": size.value,
        "preset": preset.value,
        "set": settings_of(option or []),
        "split": split,
        "fold": fold,
        "dimensions": tuple(dimensions.split(",")),
        "classes": classes,
        "modalities": None if modalities is None else tuple(modalities.split(",")),
        "features": pairs_of(features or [], option="--features"),
        "n_frames": n_frames,
        "epochs": epochs,
        "steps": steps,
        "batch": batch,
        "accumulate": accumulate,
        "lr": lr,
        "patience": patience,
        "seed": seed,
        "precision": precision.value,
        "loss": None if loss is None else loss.value,
        "modality_dropout": modality_dropout,
        "weights": None if weights is None else absolute(weights),
        "max_minutes": max_minutes,
        "threads": threads,
        "device": device.value,
        "devices": devices,
        "logs": tuple(one.value for one in log or ()),
    }
    config = parse(table, TrainConfig, where=COMMAND_LINE)
    if devices > 1 and "TORCHELASTIC_RUN_ID" not in os.environ:
        raise typer.Exit(_started_again(devices))

    from ..training.settings import own_rank
    from ..training.train import train as train_network

    messages = Console(stderr=True, quiet=own_rank() > 0)

    def say(line: str) -> None:
        messages.print(line, soft_wrap=True, highlight=False, markup=False)

    with bar("training") as on_progress:
        report = train_network(
            dataset,
            config=config,
            out=out,
            overwrite=overwrite,
            resume=resume,
            on_progress=on_progress,
            on_message=say,
        )
    if own_rank() > 0:
        return
    if as_json:
        from .run_facts import run_facts

        print_json(run_facts(report.path, report.record))
    else:
        Console().print(_summary(report.record, report.path), soft_wrap=True, highlight=False, markup=False)


def _summary(record: "RunRecord", path: Path) -> str:
    config = record.config
    kind = "accuracy" if record.classes else "CCC"
    score = record.validation_score
    validated = "none" if score is None else f"{kind} {score:.3f}"
    held_out = "" if config.split == DEFAULT_SPLIT else f", split {config.split!r}"
    held_out += "" if config.fold is None else f", fold {config.fold}"
    predicted = f"{len(record.classes)} classes" if record.classes else " and ".join(record.dimensions)
    return (
        f"{record.model} ({config.size}, {record.n_parameters / 1e6:.2f} M parameters, {record.precision}) "
        f"predicts {predicted}; epoch {record.kept_epoch} of {record.n_epochs} kept, "
        f"validation {validated}{' (simulated)' if record.simulated else ''}{held_out}, "
        f"{record.seconds:.0f} s: {path}"
    )


def _started_again(devices: int) -> int:
    """Run this command in `devices` processes of this machine and return their exit status."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*launcher, f"--nproc-per-node={devices}", "-m", "mavfer", *sys.argv[1:]]
    return subprocess.run(command, check=False).returncode
