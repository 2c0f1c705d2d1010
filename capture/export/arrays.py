"""Streams as numpy arrays in one `.npz` archive, written frame by frame: memory holds one frame at a time."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .frames import Selection, StreamFrames, Walk

FILE_OVERHEAD = 4096
"""More than a member's head and its entry in the archive's directory take."""


def npz_bytes(selection: Selection) -> int:
    """Return how large the archive becomes: it is not compressed."""
    n_bytes = sum(len(frames) * (frames.raw_bytes + 48) for frames in selection.streams)
    return n_bytes + FILE_OVERHEAD * 10 * (1 + len(selection.streams))


def write_arrays(path: Path, selection: Selection, walk: Walk) -> None:
    """Write an archive for `numpy.load`: for each stream, named `color` and so on,

    - `color` (N, H, W, 3) uint8 RGB, `depth`, `infrared`, `thermal` (N, H, W) uint16 counts as stored
    - `color_time_s` (N,) float64 and `color_time_ns` (N,) int64, since the first tick, on the master's clock
    - `color_tick` (N,) int64, -1 for none; `color_frame` (N,) int64, place in the stream's order of storage
    - `color_frame_id`, `color_device_time_ns`, `color_host_time_ns` (N,) int64, as stored
    - `color_readable` (N,) bool; the pixels of a damaged frame are 0
    - `color_flags` (N,) str, what the camera said of the frame, such as "nuc repeated"
    - `color_unit` () str, such as "sRGB", "mm", "0.04 K"

    and `marker_time_s`, `marker_time_ns` (M,), `marker_label`, `marker_source` (M,) str. Costs little more
    than the decoding.
    """
    # Every date the same: the same session gives the same bytes.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for frames in selection.streams:
            name = frames.stream.value
            readable = _write_pixels(archive, frames, walk)
            columns = {
                "time_s": frames.time_ns / 1e9,
                "time_ns": frames.time_ns,
                "tick": frames.tick,
                "frame": frames.number,
                "frame_id": frames.frame_id,
                "device_time_ns": frames.device_time_ns,
                "host_time_ns": frames.host_time_ns,
                "readable": readable,
                "flags": frames.flags,
                "unit": np.array(frames.spec.unit),
            }
            for key, column in columns.items():
                _write_array(archive, f"{name}_{key}", column)
        time_ns = np.array([marker.time_ns for marker in selection.markers], np.int64)
        _write_array(archive, "marker_time_s", time_ns / 1e9)
        _write_array(archive, "marker_time_ns", time_ns)
        _write_array(archive, "marker_label", np.array([m.label for m in selection.markers], np.str_))
        _write_array(archive, "marker_source", np.array([m.source for m in selection.markers], np.str_))


def _write_pixels(archive: zipfile.ZipFile, frames: StreamFrames, walk: Walk) -> NDArray[np.bool_]:
    """Write the pixels of a stream as one array (N, H, W[, 3]); return which frames could be read, (N,)."""
    readable = np.zeros(len(frames), bool)
    dtype = np.dtype(frames.spec.dtype)
    header = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (len(frames), *frames.spec.shape),
    }
    black = bytes(frames.raw_bytes)
    n_written = 0
    with archive.open(_member(frames.stream.value), "w", force_zip64=True) as file:
        npy.write_array_header_2_0(file, header)
        for i, pixels in walk.pixels(frames):
            for _ in range(n_written, i):
                file.write(black)
            file.write(np.ascontiguousarray(pixels, dtype).data.cast("B"))
            readable[i], n_written = True, i + 1
        for _ in range(n_written, len(frames)):
            file.write(black)
    return readable


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray) -> None:
    with archive.open(_member(name), "w", force_zip64=True) as file:
        npy.write_array(file, array, version=(2, 0), allow_pickle=False)


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
