"""The command `mavfer model-card RUN`."""

from pathlib import Path
from typing import Annotated

import typer


def model_card(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.", show_default=False)],
) -> None:
    """Write a run's model card again, with its scores where it has been evaluated.

    What it is, what and whom it learned from, how good it is, its limits: RUN/model-card.md and .html.

    Example: mavfer model-card runs/mran/0
    """
    from ..card import write_card

    typer.echo(f"wrote the model card: {write_card(run)}")
