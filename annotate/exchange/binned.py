"""The CSV of CARMA and DARMA: means of bins, below a head of names and values.

CARMA writes "Time of Rating", "Multimedia File", "Lower Label", "Upper Label", "Minimum Value", "Maximum
Value", "Number of Steps", "Second,Rating" and a line of % (fig_collect_vrjoy.m and fig_review.m of
jmgirard/CARMA); its first versions one table with "Filename", "Minimum Value", "Maximum Value", "Second" and
"Rating" among its columns (examples/Wildlife.csv). DARMA writes "Magnitude" in place of the scale, and
"Second", the names of its x and y axes and "Button" over four columns (fig_collect.m of jmgirard/DARMA). In
all of them "Second" is the end of a bin, and a bin without a sample is NaN.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from .rated import Rated, film_stem

MISSING = ("", "nan")
Row = tuple[int, list[str]]


def read_carma(path: Path) -> tuple[Rated, ...]:
    """Return the rating in a CARMA file; session is the film's name, rater and dimension are not said.

    Raises
    ------
    TraceError
        It is another file, or a line of it is damaged.
    """
    rows = _rows(path, "CARMA")
    if rows[0][1][0].casefold() == "filename":
        head, names, body = _first_versions(rows, path)
    else:
        head, names, body = _head_and_body(rows, path, "CARMA")
    scale = _number_of(head, "Minimum Value", path), _number_of(head, "Maximum Value", path)
    second, (rating,) = _columns(
        body, names, ["Second"], [names.index("Rating")] if "Rating" in names else [1]
    )
    return (_binned("CARMA", path, second, rating, scale, _said(head)),)


def read_darma(path: Path, *, axes: tuple[str, str] | None = None) -> tuple[Rated, ...]:
    """Return the ratings of both axes in a DARMA file.

    Parameters
    ----------
    axes : the dimensions of x and y; else the names of the axes in the file must say them

    Raises
    ------
    TraceError
        It is another file, or a line of it is damaged.
    """
    head, names, body = _head_and_body(_rows(path, "DARMA"), path, "DARMA")
    if len(names) < 3:
        raise TraceError(f"wanted the columns Second, x and y of DARMA, found {','.join(names)!r}: {path}")
    magnitude = _number_of(head, "Magnitude", path)
    second, ratings = _columns(body, names, ["Second"], [1, 2])
    return tuple(
        _binned(
            *("DARMA", path, second, rating, (-magnitude, magnitude)), {**_said(head), "dimension": dimension}
        )
        for rating, dimension in zip(ratings, axes or names[1:3], strict=True)
    )


def _rows(path: Path, tool: str) -> list[Row]:
    """Return the lines of a file as cells; a spreadsheet may have put ; for , and , for the point."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise TraceError(f"wanted a file of {tool}, could not read it ({error.strerror}): {path}") from error
    lines = text.splitlines()
    first = lines[0] if lines else ""
    separator = next((mark for mark in (";", "\t") if mark in first and "," not in first), ",")
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
        except csv.Error as error:
            raise TraceError(f"wanted cells, found {line[:60]!r} in line {number}: {path}") from error
        if separator != ",":
            cells = [cells[0], *(cell.replace(",", ".") for cell in cells[1:])] if cells else cells
            cells[:1] = [cell.replace(",", ".") for cell in cells[:1]]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            rows.append((number, cells))
    if not rows:
        raise TraceError(f"wanted a file of {tool}, found an empty one: {path}")
    return rows


def _head_and_body(rows: Sequence[Row], path: Path, tool: str) -> tuple[dict[str, str], list[str], list[Row]]:
    begin = next((i for i, (_, cells) in enumerate(rows[:20]) if cells[0].casefold() == "second"), None)
    if begin is None:
        raise TraceError(
            f"wanted a file of {tool} (Time of Rating, ..., Second, ...), found {','.join(rows[0][1])!r:.60} "
            f"in its first line: {path}"
        )
    head = {cells[0].casefold(): ",".join(cells[1:]) for _, cells in rows[:begin]}
    body = [row for row in rows[begin + 1 :] if not row[1][0].startswith("%")]
    return head, rows[begin][1], body


def _first_versions(rows: Sequence[Row], path: Path) -> tuple[dict[str, str], list[str], list[Row]]:
    names, body = rows[0][1], list(rows[1:])
    if "Second" not in names or "Rating" not in names or not body:
        raise TraceError(f"wanted the columns Second and Rating of CARMA, found {names!r:.80}: {path}")
    width = len(names)  # a film's name may have commas of its own
    body = [(n, [",".join(cells[: 1 - width]), *cells[1 - width :]]) for n, cells in body]
    head = {name.casefold(): cell for name, cell in zip(names, body[0][1], strict=False)}
    return {**head, "multimedia file": head["filename"]}, names, body


def _columns(
    body: Sequence[Row], names: Sequence[str], time: Sequence[str], at: Sequence[int]
) -> tuple[list[tuple[int, str]], list[list[tuple[int, str]]]]:
    """Return the cells of the time and of the columns `at`, each with the number of its line."""
    second = next(i for i, name in enumerate(names) if name.casefold() == time[0].casefold())

    def column(i: int) -> list[tuple[int, str]]:
        return [(number, cells[i] if i < len(cells) else "") for number, cells in body]

    return column(second), [column(i) for i in at]


def _binned(
    tool: str,
    path: Path,
    second: Sequence[tuple[int, str]],
    rating: Sequence[tuple[int, str]],
    scale: tuple[float, float],
    said: dict[str, str],
) -> Rated:
    """Return means of bins as samples at the middle of each bin; the first bin begins at 0 s."""
    end_s = _numbers(second, path, missing=False)
    if len(end_s) == 0:
        raise TraceError(f"wanted ratings, found a file without a line of them: {path}")
    begin_s = np.append(0.0, end_s[:-1])
    back = np.flatnonzero(end_s <= begin_s)
    if len(back):
        at = int(back[0])
        raise TraceError(
            f"wanted bins that follow each other, found one that ends at {end_s[at]:g} s after "
            f"{begin_s[at]:g} s in line {second[at][0]}: {path}"
        )
    width_s = float(np.median(end_s - begin_s))
    words = f"means of bins of {width_s:g} s, at their middle"
    return Rated(tool, path, (begin_s + end_s) / 2, _numbers(rating, path, missing=True), scale, words, said)


def _numbers(cells: Sequence[tuple[int, str]], path: Path, *, missing: bool) -> NDArray[np.float64]:
    values = np.empty(len(cells))
    for i, (line, cell) in enumerate(cells):
        try:
            values[i] = np.nan if missing and cell.casefold() in MISSING else float(cell)
        except ValueError as error:
            raise TraceError(f"wanted a number, found {cell!r:.40} in line {line}: {path}") from error
        if not (np.isfinite(values[i]) or (missing and np.isnan(values[i]))):
            raise TraceError(f"wanted a finite number, found {cell!r:.40} in line {line}: {path}")
    return values


def _number_of(head: dict[str, str], name: str, path: Path) -> float:
    try:
        return float(head.get(name.casefold(), ""))
    except ValueError as error:
        found = repr(head.get(name.casefold(), "nothing"))
        raise TraceError(f"wanted a number as {name!r} in the head, found {found}: {path}") from error


def _said(head: dict[str, str]) -> dict[str, str]:
    film = film_stem(head.get("multimedia file", head.get("media file", "")))
    return {"session": film} if film else {}
