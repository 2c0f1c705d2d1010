"""The command `mavfer evaluate-groups FOLDER`: each subject scored by the network of their group."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, plain, print_json
from ...progress import bar
from .device import Device


class Part(StrEnum):
    """The parts of a split that hold subjects no network was trained on."""

    TEST = "test"
    VALIDATION = "validation"


def evaluate_groups(
    groups: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of `mavfer fine-tune`.", show_default=False)
    ],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the dataset is; else the one that was trained on.")
    ] = None,
    part: Annotated[Part, typer.Option(help="Subjects never trained on.")] = Part.TEST,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the dataset's splits; else the run's own.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Which of its folds; else the run's own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips per pass.")] = 8,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Score the networks by group beside the one that they started from; write evaluation-groups.json.

    Example: mavfer evaluate-groups runs/dsan-by-sex
    """
    from rich.console import Console

    from ..evaluation.groups import evaluate_groups as evaluate
    from ..evaluation.terminal import print_groups

    with bar("predicting") as on_progress:
        found = evaluate(
            groups,
            dataset=dataset,
            split=part.value,
            split_name=split,
            fold=fold,
            batch=batch,
            device=device.value,
            on_progress=on_progress,
        )
    if as_json:
        print_json(plain(found))
    else:
        print_groups(Console(highlight=False, markup=False), found)
