"""Tables of ratings as corpora write them: CSV with three kinds of separator, headed or not, and ARFF.

What the columns mean is the adapter's business; here they are only read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError

SEPARATORS = (";", "\t", ",")
MISSING = ("", "?", "nan", "na")
ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)\s+(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of numbers.

    Attributes
    ----------
    names : of the columns, without surrounding blanks; "1", "2", ... where the file has no head
    columns : per column (N,) float64; NaN where a cell is empty or "?"; columns of words are left out
    headed : whether the file names its columns
    path : where it was read
    """

    names: tuple[str, ...]
    columns: tuple[NDArray[np.float64], ...]
    headed: bool
    path: Path

    def place(self, *wanted: str) -> int | None:
        """Return where the first of these columns is, in whatever case; None where none is."""
        folded = [name.casefold() for name in self.names]
        return next((folded.index(name.casefold()) for name in wanted if name.casefold() in folded), None)


def read_table(path: Path) -> Table:
    """Return the table in a CSV or ARFF file.

    The separator of a CSV is the one of `;`, tab and `,` that stands in its first line. A first line with a
    word in every column of numbers is the head.

    Raises
    ------
    TraceError
        The file is missing, holds no numbers, or a line is not like the others.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise TraceError(f"wanted ratings, could not read them ({error.strerror}): {path}") from error
    lines = text.splitlines()
    try:
        names, rows, headed = _arff(lines, path) if path.suffix.lower() == ".arff" else _csv(lines, path)
    except csv.Error as error:
        raise TraceError(f"wanted a table of ratings, found something else ({error}): {path}") from error
    if not rows:
        raise TraceError(f"wanted ratings, found a file without a line of them: {path}")
    return _of_numbers(names, rows, headed, path)


def head_of(path: Path) -> tuple[str, ...]:
    """Return the column names of a table without reading it whole; empty where it names none or is none."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            if path.suffix.lower() == ".arff":
                return tuple(_attributes(_until_data(stream)))
            cells = _cells(next(stream, ""), _separator(path))
    except (OSError, csv.Error):
        return ()
    return () if any(_is_number(cell) for cell in cells) else tuple(cells)


def _arff(lines: Sequence[str], path: Path) -> tuple[list[str], list[tuple[int, list[str]]], bool]:
    names = _attributes(lines)
    begin = next((i for i, line in enumerate(lines) if line.strip().lower().startswith("@data")), None)
    if begin is None or not names:
        raise TraceError(f"wanted an ARFF file with @attribute lines and @data, found something else: {path}")
    rows = []
    for number, line in enumerate(lines[begin + 1 :], start=begin + 2):
        if line.strip() and not line.lstrip().startswith("%"):
            if line.lstrip().startswith("{"):
                raise TraceError(f"wanted an ARFF file of full lines, found sparse ones: {path}")
            rows.append((number, _cells(line, ",")))
    return names, rows, True


def _attributes(lines: Sequence[str] | Iterator[str]) -> list[str]:
    found = (ATTRIBUTE.match(line.strip()) for line in lines)
    return [match[1].strip("'\"").strip() for match in found if match]


def _until_data(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.strip().lower().startswith("@data"):
            return
        yield line


def _csv(lines: Sequence[str], path: Path) -> tuple[list[str], list[tuple[int, list[str]]], bool]:
    separator = _separator_in(lines[0] if lines else "")
    rows = [(number, _cells(line, separator)) for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise TraceError(f"wanted ratings, found an empty file: {path}")
    headed = not any(_is_number(cell) for cell in rows[0][1])
    names = rows[0][1] if headed else [str(i) for i in range(1, len(rows[0][1]) + 1)]
    return names, rows[1:] if headed else rows, headed


def _of_numbers(
    names: Sequence[str], rows: Sequence[tuple[int, list[str]]], headed: bool, path: Path
) -> Table:
    """Return the columns whose first cell is a number, or missing."""
    width = len(names)
    for number, cells in rows:
        if len(cells) > width and not any(cells[width:]):
            del cells[width:]  # a separator at the line's end
        if len(cells) != width:
            raise TraceError(f"wanted {width} columns, found {len(cells)} in line {number}: {path}")
    kept = [i for i in range(width) if names[i] and _is_number_or_missing(rows[0][1][i])]
    columns = []
    for i in kept:
        column = np.empty(len(rows))
        for row, (number, cells) in enumerate(rows):
            try:
                column[row] = np.nan if cells[i].casefold() in MISSING else float(cells[i])
            except ValueError as error:
                raise TraceError(
                    f"wanted a number in column {names[i]!r}, found {cells[i]!r:.40} in line {number}: {path}"
                ) from error
        columns.append(column)
    if not columns:
        raise TraceError(f"wanted columns of numbers, found none: {path}")
    return Table(tuple(names[i] for i in kept), tuple(columns), headed, path)


def _cells(line: str, separator: str) -> list[str]:
    quote = "'" if "'" in line else '"'
    cells = next(csv.reader([line.strip("\r\n")], delimiter=separator, quotechar=quote), [])
    return [cell.strip() for cell in cells]


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return _separator_in(next(stream, ""))


def _separator_in(line: str) -> str:
    return next((separator for separator in SEPARATORS if separator in line), ",")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.casefold() not in MISSING


def _is_number_or_missing(cell: str) -> bool:
    return cell.casefold() in MISSING or _is_number(cell)
