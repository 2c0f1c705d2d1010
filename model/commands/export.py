"""The command `mavfer export-model`."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, plain, print_json
from .predict_choices import ExportFormat


def export_model(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run of `mavfer train`.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write, such as mran.onnx.")],
    format: Annotated[
        ExportFormat, typer.Option(help="ONNX, or a torch.export program.")
    ] = ExportFormat.ONNX,
    dataset: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the run's dataset is now, if it was moved.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run's network for other programs, checked against the run on clips of its dataset.

    Example: mavfer export-model runs/mran/0 --format onnx --out mran.onnx
    """
    from ...progress import waiting
    from ..use.export import export_model as export

    with waiting("exporting and checking"):
        report = export(
            run,
            format="onnx" if format is ExportFormat.ONNX else "torch",
            out=out,
            dataset=dataset,
            overwrite=overwrite,
        )
    if as_json:
        print_json({**plain(report), "size_bytes": report.path.stat().st_size})
        return
    clips = "any number of clips" if report.batch == "any" else "one clip"
    typer.echo(
        f"{report.path}: {clips} at once; at most {report.max_abs_diff:.1g} from the run's scores on "
        f"{report.n_clips} clips"
    )
