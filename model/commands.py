"""`mavfer train` and `mavfer evaluate`: options in, progress on stderr, scores on stdout."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config import parse
from ..preprocess.dataset.record import DEFAULT_SPLIT
from ..progress import bar

if TYPE_CHECKING:
    from .evaluate import Evaluation, Scores


class Model(StrEnum):
    """The networks that can be trained."""

    MRAN = "mran"
    URAN = "uran"
    EARLY_FUSION = "early-fusion"


class Size(StrEnum):
    """Table I, or a quarter of its channels on frames of half the side."""

    FULL = "full"
    SMALL = "small"


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


class EvaluatedSplit(StrEnum):
    """The splits that hold subjects the network never saw."""

    TEST = "test"
    VALIDATION = "validation"


def train(
    dataset: Annotated[Path, typer.Argument(help="A dataset (folder) of build-dataset.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The run: a folder that does not exist yet.")],
    model: Annotated[Model, typer.Option(help="All streams, color alone, or a plain 3D-CNN.")] = Model.MRAN,
    size: Annotated[
        Size, typer.Option(help="The paper's size, or one that trains in minutes on a CPU.")
    ] = Size.FULL,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Which of the dataset's splits; see `mavfer dataset split`.")
    ] = "default",
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Which fold to hold out, of a split in folds.")
    ] = None,
    dimensions: Annotated[str, typer.Option(help="What is predicted, together.")] = "valence,arousal",
    modalities: Annotated[
        str | None, typer.Option(help="Streams, color first; else color,depth,thermal (uran: color).")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Else the preset's.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips per step; else the preset's.")] = None,
    lr: Annotated[
        float | None, typer.Option(min=1e-9, help="Adam's peak learning rate; else the preset's.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Weights, order and augmentation.")] = 0,
    precision: Annotated[Precision | None, typer.Option(help="Else the preset's.")] = None,
    loss: Annotated[Loss, typer.Option(help="ccc and mix want --batch 16 or more.")] = Loss.MSE,
    faithful: Annotated[
        bool, typer.Option("--faithful", help="Attention exactly as printed; it did not learn here.")
    ] = False,
    max_minutes: Annotated[
        float | None, typer.Option(min=1e-9, help="End training within this time.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; else torch's choice.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
) -> None:
    """Train a network on a dataset's training subjects; the best epoch on its validation subjects is kept."""
    from rich.console import Console

    from .presets import TrainConfig
    from .train import train as train_network

    config = parse(
        {
            "model": model.value,
            "size": size.value,
            "split": split,
            "fold": fold,
            "dimensions": tuple(dimensions.split(",")),
            "modalities": None if modalities is None else tuple(modalities.split(",")),
            "epochs": epochs,
            "batch": batch,
            "lr": lr,
            "seed": seed,
            "precision": None if precision is None else precision.value,
            "loss": loss.value,
            "faithful": faithful,
            "max_minutes": max_minutes,
            "threads": threads,
        },
        TrainConfig,
        where="train",
    )
    messages = Console(stderr=True)
    if faithful:
        messages.print(
            "warning: the softmax as printed dims the features by the number of pixels; "
            "in our runs it gave a constant prediction",
            soft_wrap=True,
        )
    with bar("training") as on_progress:
        report = train_network(
            dataset,
            config=config,
            out=out,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    record = report.record
    held_out = "" if split == DEFAULT_SPLIT else f", {_split_shown(split, fold)}"
    validated = "none" if record.validation_ccc is None else f"CCC {record.validation_ccc:.3f}"
    Console().print(
        f"{record.model} ({config.size}, {record.n_parameters / 1e6:.2f} M parameters, {record.precision}) "
        f"predicts {' and '.join(record.dimensions)}; epoch {record.kept_epoch} of {record.n_epochs} kept, "
        f"validation {validated}{' (simulated)' if record.simulated else ''}{held_out}, "
        f"{record.seconds:.0f} s: {report.path}",
        soft_wrap=True,
        highlight=False,
    )


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run (folder) of mavfer train.", show_default=False)],
    dataset: Annotated[Path | None, typer.Option(help="Else the one it was trained on.")] = None,
    split: Annotated[EvaluatedSplit, typer.Option(help="Subjects never trained on.")] = EvaluatedSplit.TEST,
    split_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of which of the dataset's splits; else the run's own.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Of which of its folds; else the run's own.")
    ] = None,
) -> None:
    """Score a run by RMSE, CC and CCC, beside a constant prediction, and write RUN/evaluation.json."""

    from .evaluate import evaluate as evaluate_run

    with bar("predicting") as on_progress:
        evaluation = evaluate_run(
            run,
            dataset=dataset,
            split=split.value,
            split_name=split_name,
            fold=fold,
            on_progress=on_progress,
        )
    _print_scores(evaluation)


def _split_shown(name: str, fold: int | None) -> str:
    return f"split {name!r}" if fold is None else f"split {name!r}, fold {fold}"


def _print_scores(evaluation: "Evaluation") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "scored on", box=None)
    for dimension in evaluation.scores:
        for metric in ("RMSE", "CC", "CCC"):
            table.add_column(f"{dimension} {metric}", justify="right")

    def add(name: str, scored_on: str, scores: "Scores") -> None:
        cells = [
            f"{scores[dimension][metric]:.3f}" if dimension in scores else "-"
            for dimension in evaluation.scores
            for metric in ("rmse", "cc", "ccc")
        ]
        table.add_row(name, scored_on, *cells)

    add(evaluation.model, f"all {evaluation.split} frames", evaluation.scores)
    add("constant", f"all {evaluation.split} frames", evaluation.constant)
    for session in evaluation.sessions:
        add(evaluation.model, session.session, session.scores)
    console = Console()
    console.print(table)
    subjects = len({session.subject for session in evaluation.sessions})
    default = evaluation.split_name == DEFAULT_SPLIT
    seen = "never trained on" if evaluation.unseen_subjects else "also trained on, at other times"
    console.print(
        f"{evaluation.n_frames} {'simulated ' if evaluation.simulated else ''}frames of {subjects} "
        f"subject{'s' if subjects > 1 else ''} {seen}"
        f"{'' if default else f' ({_split_shown(evaluation.split_name, evaluation.fold)})'}",
        soft_wrap=True,
        highlight=False,
    )
