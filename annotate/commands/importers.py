"""`mavfer import carma`, `darma` and `nova`: ratings that were given with other tools, as traces."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...facts import AsJson, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..exchange.rated import Names, Rated

MAX_TOLD = 20


class DimensionOption(StrEnum):
    """What was rated."""

    VALENCE = "valence"
    AROUSAL = "arousal"


Place = Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="One file, or a folder with many.")]
Out = Annotated[Path, typer.Option(metavar="TRACES", help="The folder that gets the traces.")]
Session = Annotated[str | None, typer.Option(help="The session of all files; else what they or --named say.")]
Rater = Annotated[str | None, typer.Option(help="The rater of all files; else what they or --named say.")]
WhichDimension = Annotated[DimensionOption | None, typer.Option(help="What all the files rate.")]
Named = Annotated[
    str,
    typer.Option(
        metavar="PATTERN",
        help="How the files are called, without suffix: '{session}_{rater}' or '{rater}/{session}.{any}'; "
        "{dimension} is known too, and {any} is for what says nothing.",
    ),
]
Scale = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="LOW HIGH", help="The ends of the scale, in place of what the file says."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace traces that are there.")]


def carma(
    place: Place,
    out: Out,
    session: Session = None,
    rater: Rater = None,
    dimension: WhichDimension = None,
    named: Named = "",
    scale: Scale = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Import ratings of CARMA (CSV).

    A file says its film, which is taken for the session, and its scale; who rated, and whether it was valence
    or arousal, it does not. Means of bins stand at the middle of their bin. A file that cannot be read does
    not stop the others: exits 1 then.

    Example: mavfer import carma ratings --out traces --dimension valence --named '{session}_{rater}'
    """
    from ..exchange.binned import read_carma

    _run(
        place,
        out,
        _rescaled(read_carma, scale),
        (".csv",),
        _names(session, rater, dimension, named),
        overwrite,
        as_json=as_json,
    )


def darma(
    place: Place,
    out: Out,
    session: Session = None,
    rater: Rater = None,
    x: Annotated[DimensionOption | None, typer.Option("--x", help="What its x axis is.")] = None,
    y: Annotated[DimensionOption | None, typer.Option("--y", help="What its y axis is.")] = None,
    named: Named = "",
    scale: Scale = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Import ratings of DARMA (CSV): two traces of each file.

    Its axes are taken for valence and arousal where they are called so; else say --x and --y. A file says its
    film, which is taken for the session, and its scale; who rated it does not. Means of bins stand at the
    middle of their bin. A file that cannot be read does not stop the others: exits 1 then.

    Example: mavfer import darma ratings --out traces --named '{session}_{rater}'
    """
    from ...errors import UsageError
    from ..exchange.binned import read_darma

    if (x is None) != (y is None) or (x is not None and x == y):
        raise UsageError("wanted --x and --y, one valence and one arousal, found other")
    axes = None if x is None or y is None else (x.value, y.value)

    def read(path: Path) -> Sequence[Rated]:
        return read_darma(path, axes=axes)

    names = _names(session, rater, None, named)
    _run(place, out, _rescaled(read, scale), (".csv",), names, overwrite, as_json=as_json)


def nova(
    place: Place,
    out: Out,
    session: Session = None,
    rater: Rater = None,
    dimension: WhichDimension = None,
    named: Named = "",
    scale: Scale = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Import continuous annotations of NOVA: NAME.annotation with NAME.annotation~, or CSV with --scale.

    A file says its rater, its scale and, by the name of its scheme, what is rated; a CSV none of these. The
    session is its folder and role where it is called ROLE.SCHEME.ANNOTATOR, else its name. A file that cannot
    be read does not stop the others: exits 1 then.

    Example: mavfer import nova corpus --out traces
    """
    from ..exchange.nova import read_nova

    def read(path: Path) -> Sequence[Rated]:
        return read_nova(path, scale=scale)

    suffixes = (".annotation",) if scale is None else (".annotation", ".csv")
    names = _names(session, rater, dimension, named)
    _run(place, out, read, suffixes, names, overwrite, as_json=as_json)


def _names(session: str | None, rater: str | None, dimension: DimensionOption | None, named: str) -> Names:
    from ..exchange.rated import Names

    said = {"session": session, "rater": rater, "dimension": dimension.value if dimension else None}
    return Names({name: value for name, value in said.items() if value}, named)


def _rescaled(
    read: Callable[[Path], Sequence[Rated]], scale: tuple[float, float] | None
) -> Callable[[Path], Sequence[Rated]]:
    from dataclasses import replace

    return read if scale is None else lambda path: [replace(one, scale=scale) for one in read(path)]


def _run(
    place: Path,
    out: Path,
    read: Callable[[Path], Sequence[Rated]],
    suffixes: tuple[str, ...],
    names: Names,
    overwrite: bool,
    *,
    as_json: bool,
) -> None:
    from ...errors import TraceError
    from ..exchange.importing import import_ratings
    from .traces import print_traces, trace_facts

    done = import_ratings(place, out, read=read, suffixes=suffixes, names=names, overwrite=overwrite)
    if as_json:
        print_json(
            {
                "folder": out,
                "traces": [trace_facts(one) for one in done.traces],
                "problems": [str(one) for one in done.troubles],
            }
        )
    elif done.traces:
        print_traces(done.traces)
        typer.echo(f"imported {len(done.traces)} traces: {out}")
    for trouble in done.troubles[: MAX_TOLD if len(done.troubles) > 1 else 0]:
        typer.echo(f"error: {trouble}", err=True)
    if len(done.troubles) == 1:
        raise done.troubles[0]
    if done.troubles:
        raise TraceError(f"{len(done.troubles)} files could not be imported: {place}")
