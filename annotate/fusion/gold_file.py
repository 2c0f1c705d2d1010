"""The gold standard's files: `<session>.gold.<dimension>.csv` and a header of the same stem, `.json`.

The CSV has the columns time_s, value and then one for each rater, as averaged: lag taken out, centered,
aligned. Values are in [-1, 1], empty where there is none. The header says how all of it was made.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from ...config import StrictModel, complaints
from ...errors import TraceError
from ...output import new_file, require_free
from ..trace import Dimension
from .gold import Gold
from .lag import Source
from .recipe import Recipe
from .weights import WORDS

Float = NDArray[np.float64]
SCHEMA_VERSION = 1
COLUMNS = ["time_s", "value"]
DIGITS = 6
"""Decimals of times and values: a microsecond, a millionth of half the scale; far below what a rater can do,
and far above what another machine's arithmetic changes."""


class RaterInGold(StrictModel):
    """How one rater went into a gold standard.

    Attributes
    ----------
    weight : share of the whole, 0 to 1
    lag_s, lag_from, lag_r : as in `lag.RaterLag`; lag_r is absent where nothing was estimated
    trace_sha256 : of the trace's CSV
    """

    rater: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    weight: Annotated[float, Field(ge=0, le=1)]
    lag_s: Annotated[float, Field(allow_inf_nan=False)]
    lag_from: Source
    lag_r: Annotated[float, Field(ge=-1.001, le=1.001)] | None = None
    trace_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GoldHeader(StrictModel):
    """What stands in the .json beside a gold standard's CSV."""

    kind: Literal["gold"] = "gold"
    schema_version: Literal[1] = 1
    session: str
    dimension: Dimension
    simulated: bool = False
    software: str
    times: str
    made_by: str
    weights: str
    recipe: Recipe
    reference_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    raters: tuple[RaterInGold, ...]
    remarks: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _each_rater_once(self) -> Self:
        names = [one.rater for one in self.raters]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"wanted one or more raters, each once, found {', '.join(names) or 'none'}")
        return self


@dataclass(frozen=True, slots=True)
class GoldFile:
    """One gold standard as its files hold it.

    Attributes
    ----------
    time_s : (T,) float64, increasing, seconds since the session's first tick
    value : (T,) float64 in [-1, 1], NaN where there is none
    per_rater : (K, T) float64 in [-1, 1], NaN where that rater gave nothing; in the header's order
    """

    header: GoldHeader
    time_s: Float
    value: Float
    per_rater: Float

    @property
    def raters(self) -> tuple[str, ...]:
        """The K pseudonyms."""
        return tuple(one.rater for one in self.header.raters)


def gold_stem(session: str, dimension: Dimension) -> str:
    """Return the name of a gold standard's files, without the suffix."""
    return f"{session}.gold.{dimension}"


def gold_file(
    gold: Gold,
    time_s: Float,
    recipe: Recipe,
    *,
    session: str,
    dimension: Dimension,
    simulated: bool,
    software: str,
    times: str,
    traces_sha256: Sequence[str],
    reference_sha256: str | None = None,
) -> GoldFile:
    """Return a gold standard with the header that says how it was made; numbers rounded as in the file.

    Parameters
    ----------
    times : where the times come from, in words
    traces_sha256 : of the raters' files, in their order
    """
    raters = tuple(
        RaterInGold(
            rater=lag.rater,
            weight=round(float(weight), DIGITS),
            lag_s=round(lag.lag_s, DIGITS),
            lag_from=lag.source,
            lag_r=None if np.isnan(lag.correlation) else round(lag.correlation, DIGITS),
            trace_sha256=sha256,
        )
        for lag, weight, sha256 in zip(gold.lags, gold.weights, traces_sha256, strict=True)
    )
    header = GoldHeader(
        session=session,
        dimension=dimension,
        simulated=simulated,
        software=software,
        times=times,
        made_by=recipe.words,
        weights=WORDS[recipe.weighting],
        recipe=recipe,
        reference_sha256=reference_sha256,
        raters=raters,
        remarks=gold.remarks,
    )
    return GoldFile(header, *(_rounded(values) for values in (time_s, gold.value, gold.per_rater)))


def write_gold(folder: Path, gold: GoldFile, *, overwrite: bool = False) -> Path:
    """Write a gold standard into `folder` and return the path of its CSV; same input, same bytes.

    Raises
    ------
    OutputError
        A file of it exists and `overwrite` is False, or the folder cannot be written.
    """
    csv_path = folder / f"{gold_stem(gold.header.session, gold.header.dimension)}.csv"
    header_path = csv_path.with_suffix(".json")
    require_free(csv_path, overwrite=overwrite)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *gold.raters])
    for row in np.column_stack([gold.time_s, gold.value, gold.per_rater.T]).tolist():
        writer.writerow(["" if np.isnan(number) else f"{number:.{DIGITS}f}" for number in row])
    with new_file(header_path, overwrite=overwrite) as temporary:
        table = gold.header.model_dump(mode="json", exclude_none=True)
        temporary.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with new_file(csv_path, overwrite=overwrite) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return csv_path


def read_gold(csv_path: Path) -> GoldFile:
    """Return the gold standard in `csv_path`.

    Raises
    ------
    TraceError
        The file or its header is missing, damaged, or of a newer mavfer.
    """
    header = _read_header(csv_path)
    names = [*COLUMNS, *(one.rater for one in header.raters)]
    try:
        with csv_path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"wanted a gold standard, could not read it ({error}): {csv_path}") from error
    if not rows or rows[0] != names:
        found = ",".join(rows[0]) if rows else "nothing"
        raise TraceError(f"wanted the columns {','.join(names)}, found {found!r:.80}: {csv_path}")
    numbers = np.empty((len(rows) - 1, len(names)))
    for n, row in enumerate(rows[1:]):
        try:
            if len(row) != len(names):
                raise ValueError(len(row))
            numbers[n] = [float(cell) if cell else np.nan for cell in row]
        except ValueError as error:
            raise TraceError(
                f"wanted {len(names)} numbers, found {','.join(row)!r:.80} in line {n + 2}: {csv_path}"
            ) from error
    time_s, values = numbers[:, 0], numbers[:, 1:]
    if not len(time_s) or not np.isfinite(time_s).all() or np.any(np.diff(time_s) <= 0):
        raise TraceError(f"wanted times that increase, found none or others: {csv_path}")
    if np.isinf(values).any() or np.any(np.abs(values[np.isfinite(values)]) > 1):
        raise TraceError(f"wanted values in [-1, 1], found others: {csv_path}")
    return GoldFile(header, time_s, values[:, 0], values[:, 1:].T)


def _read_header(csv_path: Path) -> GoldHeader:
    path = csv_path.with_suffix(".json")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        version = table.get("schema_version") if isinstance(table, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise TraceError(
                f"wanted gold standards of schema {SCHEMA_VERSION}, found {version}: made by a newer mavfer; "
                f"update this one: {path}"
            )
        return GoldHeader.model_validate(table, strict=False)
    except FileNotFoundError as error:
        raise TraceError(
            f"wanted a gold standard's header, found nothing; was only a part of the folder copied? {path}"
        ) from error
    except (OSError, ValueError) as error:  # a ValidationError and a UnicodeDecodeError are ValueErrors
        reason = complaints(error, GoldHeader) if isinstance(error, ValidationError) else str(error)
        raise TraceError(
            f"wanted a gold standard's header, found something else ({reason}): {path}"
        ) from error


def _rounded(values: Float) -> Float:
    return np.round(np.asarray(values, np.float64), DIGITS) + 0.0  # no -0.0
