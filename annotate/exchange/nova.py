"""NOVA's continuous annotations: NAME.annotation (XML) with NAME.annotation~ (text or binary), or a CSV.

The header names rater (`meta annotator`), scheme, rate `sr` (Hz) and the ends `min` and `max` of the scale;
line i of the data is `score;confidence` of the time i / sr, or two 32-bit floats, little-endian. The CSV has
`start;score;confidence` and no header (docs and Types/AnnoListFile.cs of hcmlab/nova). A German Windows
writes a comma for the point. Files from NOVA's database are called ROLE.SCHEME.ANNOTATOR.annotation, in a
folder of the session's name.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ...errors import TraceError
from .rated import Rated

MAX_HEADER_BYTES = 1_000_000
TOOL = "NOVA"


def read_nova(path: Path, *, scale: tuple[float, float] | None = None) -> tuple[Rated, ...]:
    """Return the rating in a `.annotation` file with its data beside it, or in a `.csv`, which wants `scale`.

    Raises
    ------
    TraceError
        It is no continuous annotation, its data is missing or damaged, or less than the header says.
    """
    if path.suffix.casefold() == ".csv":
        return (_of_csv(path, scale),)
    head = _header(path)
    scheme = head.find("scheme")
    if scheme is None or scheme.get("type", "").upper() != "CONTINUOUS":
        found = "no scheme" if scheme is None else f"{scheme.get('type', '')!r}"
        raise TraceError(f"wanted an annotation of the type CONTINUOUS, found {found}: {path}")
    rate_hz = _attribute(scheme, "sr", path)
    if rate_hz <= 0:
        raise TraceError(f"wanted a rate above 0 Hz as sr, found {rate_hz:g}: {path}")
    low, high = scale or (_attribute(scheme, "min", path), _attribute(scheme, "max", path))
    info = head.find("info")
    binary = info is not None and info.get("ftype", "ASCII").upper() == "BINARY"
    data = path.with_name(path.name + "~")
    value = _of_binary(data) if binary else _of_text(data)
    size = "" if info is None else info.get("size", "")
    if size.isdecimal() and int(size) > len(value):
        raise TraceError(f"wanted {size} samples as the header says, found {len(value)}: {data}")
    if len(value) == 0:
        raise TraceError(f"wanted ratings, found none: {data}")
    meta = head.find("meta")
    said = {"dimension": scheme.get("name", ""), "session": _session(path, meta)}
    if meta is not None and meta.get("annotator"):
        said["rater"] = meta.get("annotator", "")
    return (Rated(TOOL, path, np.arange(len(value)) / rate_hz, value, (low, high), f"{rate_hz:g} Hz", said),)


def _session(path: Path, meta: ElementTree.Element | None) -> str:
    """Return the folder and the role where the file is called as NOVA's database calls it; else its name."""
    parts = path.name.removesuffix(path.suffix).split(".")
    role = ("" if meta is None else meta.get("role", "")) or (parts[0] if len(parts) == 3 else "")
    folder = path.absolute().parent.name
    return f"{folder}-{role}" if role and folder else parts[0]


def _header(path: Path) -> ElementTree.Element:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TraceError(
            f"wanted an annotation of NOVA, could not read it ({error.strerror}): {path}"
        ) from error
    if len(content) > MAX_HEADER_BYTES or b"<!DOCTYPE" in content.upper() or b"<!ENTITY" in content.upper():
        raise TraceError(f"wanted a header of NOVA, found another XML: {path}")
    try:
        head = ElementTree.fromstring(_decoded(content))
    except (ElementTree.ParseError, ValueError) as error:
        raise TraceError(f"wanted the XML of NOVA, found something else ({error}): {path}") from error
    if head.tag != "annotation":
        raise TraceError(f"wanted <annotation> of NOVA, found <{head.tag}>: {path}")
    return head


def _of_text(path: Path) -> NDArray[np.float64]:
    value = []
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            value.append(_number(line.split(";")[0], number, path, missing=True))
    return np.array(value, np.float64)


def _of_binary(path: Path) -> NDArray[np.float64]:
    content = _bytes(path)
    if len(content) % 8:
        raise TraceError(f"wanted pairs of 32-bit floats, found {len(content)} bytes: {path}")
    return np.frombuffer(content, "<f4").reshape(-1, 2)[:, 0].astype(np.float64)


def _of_csv(path: Path, scale: tuple[float, float] | None) -> Rated:
    if scale is None:
        raise TraceError(
            f"wanted the ends of the scale, which a CSV of NOVA does not say; pass --scale: {path}"
        )
    time_s, value = [], []
    for number, line in enumerate(_lines(path), start=1):
        cells = line.split(";")
        if not line.strip():
            continue
        if len(cells) < 2:
            raise TraceError(f"wanted start;score;confidence, found {line!r:.40} in line {number}: {path}")
        time_s.append(_number(cells[0], number, path, missing=False))
        value.append(_number(cells[1], number, path, missing=True))
    if not value:
        raise TraceError(f"wanted ratings, found none: {path}")
    steps_s = np.diff(time_s)
    words = f"{1 / np.median(steps_s):g} Hz" if len(steps_s) and np.median(steps_s) > 0 else "as given"
    said = {"session": path.stem.split(".")[0]}
    return Rated(TOOL, path, np.array(time_s), np.array(value), scale, words, said)


def _number(cell: str, line: int, path: Path, *, missing: bool) -> float:
    text = cell.strip().replace(",", ".")
    if missing and text.casefold() in ("", "nan"):
        return float("nan")
    try:
        number = float(text)
    except ValueError as error:
        raise TraceError(f"wanted a number, found {cell!r:.40} in line {line}: {path}") from error
    if not np.isfinite(number):
        raise TraceError(f"wanted a finite number, found {cell!r:.40} in line {line}: {path}")
    return number


def _attribute(scheme: ElementTree.Element, name: str, path: Path) -> float:
    try:
        return float(scheme.get(name, "").replace(",", "."))
    except ValueError as error:
        raise TraceError(
            f"wanted a number as {name} of the scheme, found {scheme.get(name)!r}: {path}"
        ) from error


def _lines(path: Path) -> list[str]:
    return _decoded(_bytes(path)).splitlines()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TraceError(
            f"wanted the data beside the header, could not read it ({error.strerror}): {path}"
        ) from error


def _decoded(content: bytes) -> str:
    """Return a text that NOVA wrote in UTF-8 or in the code page of a Western Windows."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
