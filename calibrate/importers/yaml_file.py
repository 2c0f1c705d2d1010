"""YAML as OpenCV's FileStorage writes it, and the plain YAML of ROS cameras, as numbers, texts and arrays.

FileStorage reads only a part of YAML: block lists of lists, for one, it does not.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CalibrationError

MAX_BYTES = 4_000_000
MARK = "%YAML:1.0\n---\n"
"""What FileStorage wants before YAML; files written by hand lack it."""
MATRIX_KEYS = ({"rows", "cols", "data"}, {"sizes", "data"})
"""The second is how OpenCV 5 writes a list of numbers, as an array of one dimension."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the entries of the YAML (or FileStorage XML, JSON) file at `path`; none of an empty file.

    Returns
    -------
    dict of float, str, list, dict, or (rows, cols) or (N,) float64 arrays, by key

    Raises
    ------
    CalibrationError
        The file is missing, or is nothing that FileStorage reads.
    """
    import cv2

    text = _text_of(path)
    if not text.strip():
        return {}
    if not text.lstrip().startswith(("%YAML", "<?xml", "{")):
        text = MARK + text
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        root = storage.root()
        content = _value_of(root, path) if root.isMap() else {}
    except (SystemError, cv2.error, RecursionError) as error:
        raise CalibrationError(
            f"wanted YAML that OpenCV's FileStorage reads, found something else: {path}"
        ) from error
    if not isinstance(content, dict):
        raise CalibrationError(f"wanted YAML with named entries, found {type(content).__name__}: {path}")
    return content


def _text_of(path: Path) -> str:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise CalibrationError(f"wanted a YAML file, found {found}: {path}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CalibrationError(
                f"wanted a YAML file of at most {MAX_BYTES} bytes, found {path.stat().st_size}: {path}"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"wanted a YAML file, could not read it ({error}): {path}") from error
    if "\0" in text:
        raise CalibrationError(f"wanted a YAML file, found bytes that are no text: {path}")
    return text


def _value_of(node: Any, path: Path) -> Any:
    """Return what a FileNode holds."""
    if node.isMap():
        names = node.keys()
        content = {name: _value_of(node.getNode(name), path) for name in names}
        return _matrix(content, path) if any(content.keys() >= keys for keys in MATRIX_KEYS) else content
    if node.isSeq():
        return [_value_of(node.at(i), path) for i in range(node.size())]
    if node.isInt() or node.isReal():
        return float(node.real())
    return node.string() if node.isString() else None


def _matrix(content: dict[str, Any], path: Path) -> np.ndarray:
    """Return the numbers of a matrix; several channels, as of a picture of points, stand side by side."""
    data = content["data"]
    odd = [one for one in data if not isinstance(one, float)] if isinstance(data, list) else [data]
    if odd:
        raise CalibrationError(f"wanted a matrix of numbers, found {odd[0]!r} in it: {path}")
    sizes = content["sizes"] if "sizes" in content else [content["rows"], content["cols"]]
    whole = isinstance(sizes, list) and all(
        isinstance(one, float) and one >= 0 and one.is_integer() for one in sizes
    )
    channels = re.match(r"\d*", str(content.get("dt", "")))
    n_channels = int((channels and channels[0]) or 1)
    wanted = math.prod(sizes) * n_channels if whole else -1
    if wanted != len(data):
        raise CalibrationError(
            f"wanted a matrix of as many numbers as its size says, found {sizes!r} and {len(data)} "
            f"numbers: {path}"
        )
    values = np.array(data, np.float64)
    return values.reshape(int(sizes[0]), -1) if len(sizes) > 1 and data else values
