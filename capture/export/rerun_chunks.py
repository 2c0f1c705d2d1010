"""Recordings for Rerun's viewer, chunk by chunk, and the layout that each opens with.

Rerun's own `save` writes from a thread that ends where the disk refuses, and `flush` may then wait for ever
(rerun-sdk 0.41: one of four tries on a full disk, of recordings and of layouts). Chunks written as a stream
tell at once. A layout cannot go into the same file that way, so it stands beside it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError, UsageError
from ...output import new_file, require_free

if TYPE_CHECKING:
    import rerun.blueprint as rrb
    from rerun.chunk import Chunk

SESSION_TIME = "session_time"
"""The timeline of seconds since the session's first tick."""
RECORDING, LAYOUT = ".rrd", ".rbl"


def require_rerun(option: str) -> None:
    """Raise OutputError unless Rerun's library is there, in a version that writes chunk by chunk."""
    os.environ.setdefault("RUST_LOG", "off")  # its own words about a full disk, beside mavfer's one line
    try:
        import rerun.blueprint
        import rerun.chunk

        _ = rerun.StateChange, rerun.blueprint.StateTimelineView, rerun.chunk.LazyChunkStream
    except (ImportError, AttributeError) as error:
        raise OutputError(
            f"wanted Rerun 0.41 or newer for {option}, found none ({error}); run `pip install 'mavfer[view]'`"
        ) from error


def chunk(entity: str, times: list[Any], columns: Any) -> "Chunk":
    """Return values of an entity as Rerun takes them; without times they hold throughout."""
    from rerun.chunk import Chunk

    return Chunk.from_columns(entity, times, columns)


def session_time(time_ns: NDArray[np.int64]) -> Any:
    """Return times (N,) in nanoseconds since the session's first tick as the timeline SESSION_TIME."""
    import rerun as rr

    return rr.TimeColumn(SESSION_TIME, duration=time_ns.astype("timedelta64[ns]"))


def entity_name(name: str) -> str:
    """Return a name that people chose as one part of an entity's path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name) or "_"


def write_recording(
    path: Path, chunks: "Iterator[Chunk]", *, application_id: str, recording_id: str, name: str | None = None
) -> None:
    """Write chunks as they come to a recording (`.rrd`), which the viewer calls `name`.

    Raises
    ------
    OSError
        The disk refused.
    """
    import rerun as rr
    from rerun.chunk import LazyChunkStream

    broken: list[BaseException] = []

    def passed_on() -> "Iterator[Chunk]":
        told = rr.archetypes.RecordingInfo.columns(name=[name or recording_id])
        yield chunk("/__properties", [], told)
        try:
            yield from chunks
        except GeneratorExit:
            raise
        except BaseException as error:  # Rerun passes on its words alone, of Ctrl-C too
            broken.append(error)
            raise

    stream = LazyChunkStream.from_iter(passed_on())
    try:
        stream.write_rrd(path, application_id=application_id, recording_id=recording_id)
    except RuntimeError as error:
        if broken:
            raise broken[0] from None
        refused = re.search(r"\(os error (\d+)\)", str(error))
        if refused is None:
            raise
        raise OSError(int(refused[1]), os.strerror(int(refused[1])), str(path)) from error


def write_layout(path: Path, layout: "rrb.Blueprint", *, application_id: str) -> None:
    """Write how the recordings of an application open (`.rbl`).

    Raises
    ------
    OSError
        The disk refused.
    """
    import rerun as rr

    stream = rr.RecordingStream(application_id, send_properties=False)
    written = stream.binary_stream()
    stream.send_blueprint(layout)
    path.write_bytes(written.read() or b"")


@contextmanager
def new_recording(save: Path, *, overwrite: bool) -> Iterator[tuple[Path, Path]]:
    """Yield temporary paths of a recording and its layout; they become FILE.rrd and FILE.rbl at the end.

    Raises
    ------
    UsageError
        `save` does not end in .rrd.
    OutputError
        One of the two is there and `overwrite` is False, or the disk refused.
    """
    if save.suffix != RECORDING:
        raise UsageError(f"wanted a name that ends in {RECORDING} for --save, found {save.name!r}: {save}")
    layout = save.with_suffix(LAYOUT)
    require_free(save, overwrite=overwrite)
    require_free(layout, overwrite=overwrite)
    with (
        new_file(layout, overwrite=overwrite) as new_layout,
        new_file(
            save, overwrite=overwrite
        ) as new_save,  # within: what fails is said of the name that was given
    ):
        yield new_save, new_layout


def open_viewer(recording: Path, layout: Path, *, of: Path) -> None:
    """Open a recording in Rerun's viewer until that is closed.

    Raises
    ------
    OutputError
        The viewer cannot run here.
    """
    code = subprocess.run(
        [sys.executable, "-m", "rerun_cli", str(recording), str(layout)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ).returncode
    if code not in (0, 130, -2):
        raise OutputError(
            f"wanted Rerun's viewer, it ended with status {code}; on a machine without a screen write the "
            f"recording with --save FILE.rrd and open it elsewhere: {of}"
        )
