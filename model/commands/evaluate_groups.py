"""The command `mavfer evaluate-groups FOLDER`: each subject scored by the network of their group."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...progress import bar

if TYPE_CHECKING:
    from ..evaluation.groups import GroupScores


class ScoredSplit(StrEnum):
    """The splits that hold subjects no network was trained on."""

    TEST = "test"
    VALIDATION = "validation"


def evaluate_groups(
    groups: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of mavfer fine-tune.", show_default=False)
    ],
    dataset: Annotated[Path | None, typer.Option(help="Else the one that was trained on.")] = None,
    split: Annotated[ScoredSplit, typer.Option(help="Subjects never trained on.")] = ScoredSplit.TEST,
    split_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of which of the dataset's splits; else the run's own.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Of which of its folds; else the run's own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips per pass.")] = 8,
) -> None:
    """Score the networks by group beside the one that they started from; write evaluation-groups.json."""
    from rich.console import Console
    from rich.table import Table

    from ..evaluation.groups import evaluate_groups as evaluate
    from ..training.groups_file import STAGE_ONE

    with bar("predicting") as on_progress:
        found = evaluate(
            groups,
            dataset=dataset,
            split=split.value,
            split_name=split_name,
            fold=fold,
            batch=batch,
            on_progress=on_progress,
        )
    table = Table(found.by, "scored by", box=None)
    table.add_column("subjects", justify="right")
    measures = [(name, measure) for name, of in found.together.scores.items() for measure in of]
    for name, measure in measures:
        table.add_column(f"{name} {measure.replace('_', ' ')}", justify="right")

    def add(row: "GroupScores", *, stage_one: bool) -> None:
        scores = row.stage_one if stage_one else row.scores
        by = "stage one" if stage_one or row.run == STAGE_ONE else "own network"
        cells = [f"{scores[name][measure]:.3f}" if name in scores else "-" for name, measure in measures]
        table.add_row("unknown" if row.value is None else row.value, by, str(len(row.subjects)), *cells)

    for row in (*found.groups, found.together):
        add(row, stage_one=False)
        if row.fine_tuned or row is found.together:
            add(row, stage_one=True)
    console = Console()
    console.print(table)
    measure = "accuracy" if "class" in found.together.scores else "ccc"
    for name, limits in found.gain.items():
        low, high = limits[measure]
        gain = found.together.scores[name][measure] - found.together.stage_one[name][measure]
        typer.echo(
            f"{name} {measure}: the groups' networks change it by {gain:+.3f} [{low:+.3f}, {high:+.3f}]"
        )
    if not found.gain:
        typer.echo("no interval of the difference: that wants five subjects or more")
    seen = "never trained on" if found.unseen_subjects else "also trained on, at other times"
    typer.echo(
        f"{found.together.n_frames} {'simulated ' if found.simulated else ''}frames of "
        f"{len(found.together.subjects)} subjects {seen}"
    )
