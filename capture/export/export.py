"""A session, or a stretch of it, in formats that other programs read; nothing of the session changes.

One file per format does the writing: export_video.py, export_images.py, export_arrays.py, export_rerun.py.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ...errors import OutputError, SessionError, UsageError
from ...output import new_file, new_folder, require_folder_free, require_free
from ..session import Session
from ..streams import Stream
from .arrays import npz_bytes, write_arrays
from .films import require_h264, write_video, write_videos
from .frames import Selection, Walk, select
from .images import FRAMES_NAME, png_of, write_documents, write_frames, write_images, write_markers
from .rerun_chunks import require_rerun
from .rerun_file import rrd_bytes, write_rrd


class ExportFormat(StrEnum):
    """What a session can be exported as."""

    MP4 = "mp4"
    PNG = "png"
    RRD = "rrd"
    NPZ = "npz"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export wrote.

    Attributes
    ----------
    path : the file or folder
    n_frames : frames written, by stream
    left_out : the chosen frames that are not in the result, one line each with the reason
    """

    path: Path
    n_frames: dict[Stream, int]
    left_out: tuple[str, ...]


def export(
    session: Session,
    *,
    out: Path,
    format: ExportFormat,
    streams: Sequence[Stream] = (),
    start_s: float | None = None,
    end_s: float | None = None,
    overwrite: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write the frames of a session at times start_s <= t < end_s in another format.

    mp4 and png make a folder, rrd and npz a file; a single stream's video may also be named as a file,
    "face.mp4". Damaged frames are left out and named in the report (npz: black, and marked).

    Parameters
    ----------
    streams : all that hold frames if none is named
    start_s, end_s : seconds since the first tick

    Raises
    ------
    UsageError
        The stretch ends before it begins, or a file is to hold the video of several streams.
    SessionError
        A stream was not recorded, or no frame lies in the stretch.
    OutputError
        `out` exists and `overwrite` is False, the result does not fit the disk, or a library is missing.
    """
    out = Path(out).absolute()
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise UsageError(f"--to wants a time after --from, found {start_s:g} s to {end_s:g} s")
    as_file = format in (ExportFormat.RRD, ExportFormat.NPZ) or (
        format is ExportFormat.MP4 and out.suffix.lower() == ".mp4"
    )
    if as_file:
        require_free(out, overwrite=overwrite)
    else:
        require_folder_free(out, marker=FRAMES_NAME, overwrite=overwrite)
    if format is ExportFormat.MP4:
        require_h264()
    if format is ExportFormat.RRD:
        require_rerun("--format rrd")
    selection = select(session, streams=streams, start_s=start_s, end_s=end_s)
    if as_file and format is ExportFormat.MP4 and len(selection.streams) != 1:
        names = ", ".join(frames.stream.value for frames in selection.streams)
        raise UsageError(
            f"a file holds the video of one stream, found {names}; "
            f"choose one with --stream, or name a folder: {out}"
        )
    require_room(out, _estimated_bytes(selection, format), what=format.value)
    walk = Walk(selection, on_progress)
    if as_file:
        write = {ExportFormat.NPZ: write_arrays, ExportFormat.RRD: write_rrd, ExportFormat.MP4: _write_one}
        with new_file(out, overwrite=overwrite) as temporary:
            write[format](temporary, selection, walk)
    else:
        with new_folder(out, marker=FRAMES_NAME, overwrite=overwrite) as folder:
            if format is ExportFormat.MP4:
                write_videos(folder, selection, walk)
                write_frames(folder, selection, walk)
                write_markers(folder, selection)
            else:
                write_images(folder, selection, walk)
            write_documents(folder, session)
    n_frames = {frames.stream: len(frames) - walk.n_left_out(frames) for frames in selection.streams}
    unplaced = tuple(
        f"{stream.value}: {n} frames that no clock ping ties to the session's time"
        for stream, n in selection.unplaced.items()
        if n
    )
    return ExportReport(out, n_frames, tuple(walk.left_out) + unplaced)


def require_room(out: Path, n_bytes: int, *, what: str) -> None:
    """Raise OutputError unless the disk that `out` lies on takes `n_bytes` more."""
    there = next(parent for parent in out.parents if parent.exists())
    n_free = shutil.disk_usage(there).free
    if n_bytes > n_free:
        raise OutputError(
            f"the {what} wants about {_size(n_bytes)}, the disk has {_size(n_free)} free; "
            f"take less with --stream, --from and --to, or another disk: {out}"
        )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"


def _write_one(path: Path, selection: Selection, walk: Walk) -> None:
    write_video(path, selection.streams[0], selection, walk)


def _estimated_bytes(selection: Selection, format: ExportFormat) -> int:
    """Return about how many bytes an export writes; 0 for videos, which are smaller than their session."""
    if format is ExportFormat.NPZ:
        return npz_bytes(selection)
    if format is ExportFormat.RRD:
        return rrd_bytes(selection)
    if format is ExportFormat.MP4:
        return 0
    n_bytes = 0
    for frames in selection.streams:
        try:
            one = len(png_of(frames.pixels(len(frames) // 2))) if len(frames) else 0
        except SessionError:
            one = frames.raw_bytes
        n_bytes += one * len(frames)
    return n_bytes
