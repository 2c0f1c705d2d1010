"""The command `compare`: whether one system predicts better than others, on the same subjects."""

from typing import Annotated

import typer


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="SYSTEM SYSTEM...",
            help="Evaluated runs: a run, a folder of runs (folds and seeds), or several joined by commas; "
            "LABEL=RUN names it.",
            show_default=False,
        ),
    ],
    processed: Annotated[
        bool, typer.Option("--processed", help="Compare predictions after post-processing.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws of subjects.")] = 0,
) -> None:
    """Say whether the first system is better than the others: bootstrap and permutation by subject."""
    from rich.console import Console

    from ..evaluation.compare import compare as compare_systems
    from ..evaluation.systems import named_systems
    from ..evaluation.terminal import print_comparisons

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200
    pooled = named_systems(systems)
    print_comparisons(console, compare_systems(pooled, processed=processed, seed=seed), pooled)
