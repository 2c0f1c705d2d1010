"""The command `compare`: whether one system predicts better than others, on the same subjects."""

from typing import Annotated

import typer

from ...facts import AsJson, print_json


def compare(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="SYSTEM",
            help="Evaluated runs: a run, a folder of runs (folds and seeds), or several joined by commas; "
            "LABEL=RUN names it.",
            show_default=False,
        ),
    ],
    processed: Annotated[
        bool, typer.Option("--processed", help="Compare predictions after post-processing.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws of subjects.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say whether the first system is better than the others: bootstrap and permutation by subject.

    Example: mavfer compare runs/mran runs/uran
    Example: mavfer compare ours=runs/mran plain=runs/cnn --json
    """
    from rich.console import Console

    from ...progress import bar
    from ..evaluation.compare import compare as compare_systems
    from ..evaluation.systems import named_systems
    from ..evaluation.terminal import print_comparisons

    with bar("reading") as on_progress:
        pooled = named_systems(systems, on_progress=on_progress)
    with bar("comparing") as on_progress:
        compared = compare_systems(pooled, processed=processed, seed=seed, on_progress=on_progress)
    if as_json:
        print_json({"systems": list(pooled), "comparisons": compared})
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200
    print_comparisons(console, compared, pooled)
