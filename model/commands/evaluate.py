"""The command `evaluate`: how well runs predict subjects they never saw."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ...facts import AsJson, print_json
from .device import Device

SCORES = (
    *("model", "split", "split_name", "class_names", "scores", "intervals", "constant"),
    *("processed", "processed_intervals", "n_frames", "simulated", "unseen_subjects"),
)
RUN_FACTS = ("run", "fold", "seed", "dimensions", "fitted_on", *SCORES)
POOLED_FACTS = ("folds", "seeds", "subjects", "outputs", "spread", *SCORES)
"""What `--json` prints of a run, and of several as one."""


class Part(StrEnum):
    """The parts of a split that hold subjects the network never saw."""

    TEST = "test"
    VALIDATION = "validation"


class FitOn(StrEnum):
    """Whose predictions post-processing is fitted on."""

    VALIDATION = "validation"
    TRAIN = "train"
    NONE = "none"


def evaluate(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Runs of `mavfer train`, or folders of runs.", show_default=False),
    ],
    dataset: Annotated[
        Path | None, typer.Option(help="Where the dataset is; else the one each was trained on.")
    ] = None,
    part: Annotated[Part, typer.Option(help="Subjects never trained on.")] = Part.TEST,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which of the dataset's splits; else the run's own.")
    ] = None,
    fold: Annotated[
        int | None, typer.Option(min=0, metavar="K", help="Which of its folds; else the run's own.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips per pass.")] = 8,
    fit_on: Annotated[
        FitOn, typer.Option("--fit-on", help="Who post-processing is fitted on: never those scored.")
    ] = FitOn.VALIDATION,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    as_json: AsJson = False,
) -> None:
    """Score runs by RMSE, CC and CCC, raw and post-processed, beside a constant; write RUN/evaluation.json.

    Several runs of a network, of the folds of a split and of seeds, are pooled: all frames together, with
    limits of 95 % over subjects. The runs' model cards are written again.

    Example: mavfer evaluate runs/mran
    Example: mavfer evaluate runs/mran/0 --part validation --json
    """
    from rich.console import Console

    from ...errors import ModelError
    from ...progress import bar
    from ..checkpoint import FUSION_NAME
    from ..evaluation.evaluate import evaluate as evaluate_run
    from ..evaluation.pooling import pooled_runs, runs_in
    from ..evaluation.terminal import print_evaluation, print_pooled

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 200
    found = []
    paths = [
        one
        for path in runs
        for one in runs_in(path)
        if one == path or not (one / FUSION_NAME).is_file()  # fused predictions below it have no network
    ]
    for path in paths:
        with bar(f"predicting {path.name}") as on_progress:
            found.append(
                evaluate_run(
                    path,
                    dataset=dataset,
                    split=part.value,
                    split_name=split,
                    fold=fold,
                    batch=batch,
                    postprocess_on=fit_on.value,
                    device=device.value,
                    on_progress=on_progress,
                )
            )
        if as_json:
            continue
        if len(paths) > 1:
            console.print(f"{path}:", soft_wrap=True)
        print_evaluation(console, found[-1])
    pools: list[dict[str, Any]] = []
    for model in dict.fromkeys(one.model for one in found):
        if len(own := [one.run for one in found if one.model == model]) > 1:
            try:
                together = pooled_runs(own)
            except ModelError as error:  # each by itself is scored, and may be all that was wanted
                pools.append({"model": model, "problem": str(error)})
                if not as_json:
                    console.print(f"runs of {model} are not pooled: {error}", soft_wrap=True)
                continue
            pools.append(_facts(together, POOLED_FACTS))
            if as_json:
                continue
            console.print(f"all runs of {model} together:")
            print_pooled(console, together)
    if as_json:
        print_json({"runs": [_facts(one, RUN_FACTS) for one in found], "pooled": pools})


def _facts(found: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what is named of an evaluation; all of it, row by row, stands in RUN/evaluation.json."""
    return {name: getattr(found, name) for name in names}
