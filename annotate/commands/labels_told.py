"""What `mavfer labels fuse` says when it is done: a table or JSON, and on stderr what is to be known."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..fusion.fusing import Fused
    from ..fusion.gold_file import GoldFile
    from ..fusion.recipe import Recipe

MAX_NAMED = 6


def facts_of(results: list["Fused"], out: Path, recipe: "Recipe") -> dict[str, Any]:
    """Return what became of each session and dimension, and how."""
    import numpy as np

    from ..fusion.gold_file import gold_stem

    written = [one.gold for one in results if one.gold is not None]
    return {
        "labels": out,
        "recipe": {"words": recipe.words, **recipe.model_dump()},
        "gold_standards": [
            {
                "session": gold.header.session,
                "dimension": gold.header.dimension,
                "file": out / f"{gold_stem(gold.header.session, gold.header.dimension)}.csv",
                "n_values": len(gold.value),
                "n_missing": np.isnan(gold.value).sum(),
                "raters": [one.model_dump(exclude={"trace_sha256"}) for one in gold.header.raters],
                "remarks": gold.header.remarks,
                "simulated": gold.header.simulated,
            }
            for gold in written
        ],
        "not_fused": [
            {"session": one.session, "dimension": one.dimension, "problem": str(one.error)}
            for one in results
            if one.error is not None
        ],
    }


def print_table(results: list["Fused"], out: Path, recipe: "Recipe") -> None:
    """Print a line per gold standard, how they were made, and where they lie."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("session", "dimension", "raters", "values", "weights", "lags", box=None, pad_edge=False)
    written = [one.gold for one in results if one.gold is not None]
    for gold in written:
        table.add_row(escape(gold.header.session), gold.header.dimension, *map(escape, _cells(gold)))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    if written:
        console.print(table)
        typer.echo(f"{recipe.words}")
        typer.echo(f"wrote {len(written)} gold standard{'s' if len(written) > 1 else ''}: {out}")


def tell(results: list["Fused"], out: Path) -> None:
    """Say on stderr what is to be known of gold standards, and what could not be fused."""
    for gold in (one.gold for one in results if one.gold is not None):
        where = f"{gold.header.session} {gold.header.dimension}"
        for remark in gold.header.remarks:
            typer.echo(f"{where}: {remark}", err=True)
    for one in results:
        if one.error is not None:
            where = " ".join(part for part in (one.session, one.dimension) if part)
            old = [path for path in _files_of(one, out) if path.exists()]
            stays = f"; an older gold standard of it stays: {old[0]}" if old else ""
            typer.echo(f"not fused: {where}: {one.error}{stays}", err=True)


def _cells(gold: "GoldFile") -> tuple[str, str, str, str]:
    """Return a gold standard's cells: raters, values, weights, lags."""
    import numpy as np

    raters = gold.header.raters
    share = float(np.isfinite(gold.value).mean())
    weights = [f"{one.rater} {one.weight:.2f}" for one in raters]
    if len({one.lag_s for one in raters}) == 1 and len({one.lag_from for one in raters}) == 1:
        lags = [f"{raters[0].lag_s:g} s ({raters[0].lag_from})" if raters[0].lag_s else "none"]
    else:
        lags = [
            f"{one.rater} {one.lag_s:+.1f} s" + ("" if one.lag_r is None else f" (r {one.lag_r:.2f})")
            for one in raters
        ]
    return str(len(raters)), f"{len(gold.value)} ({share:.0%})", _listed(weights), _listed(lags)


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - MAX_NAMED} more" if len(words) > MAX_NAMED else ""
    return ", ".join(words[:MAX_NAMED]) + more


def _files_of(one: "Fused", out: Path) -> list[Path]:
    from ..fusion.gold_file import gold_stem
    from ..trace import DIMENSIONS

    dimensions = DIMENSIONS if one.dimension is None else (one.dimension,)
    return [out / f"{gold_stem(one.session, dimension)}.csv" for dimension in dimensions]
