"""Will the take fit: free space, write speed, and the bytes per second that a recorder will write.

What a quota or a network share allows beyond the free space of its disk cannot be seen from here.
"""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordError
from .session_writer import sync_file

SPEED_TEST_BYTES = 64 * 2**20
SPEED_TEST_S = 1.0
BLOCK_BYTES = 2 * 2**20
MESSAGE_OVERHEAD_BYTES = 4096
"""More than a message of mcap_file.py takes beyond its payload, repeated schema and index entry included."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under a folder.

    Attributes
    ----------
    free_bytes : what this user may still write
    total_bytes : its size
    device : the system's number of it; the same for two folders that share their room
    """

    free_bytes: int
    total_bytes: int
    device: int


def disk_of(folder: Path) -> Disk:
    """Return the disk that a folder is on, or would be on once it is made.

    Raises
    ------
    RecordError
        There is a file where the folder should be, or the disk does not answer.
    """
    found = _nearest(folder)
    try:
        usage, device = shutil.disk_usage(found), found.stat().st_dev
    except FileNotFoundError:  # removed just now
        return disk_of(folder)
    except OSError as error:
        raise RecordError(f"cannot see how full the disk is ({error.strerror or error}): {found}") from error
    return Disk(free_bytes=usage.free, total_bytes=usage.total, device=device)


def write_speed_bytes_per_s(
    folder: Path, *, n_bytes: int = SPEED_TEST_BYTES, at_most_s: float = SPEED_TEST_S
) -> float:
    """Return how fast a disk takes what is written to `folder`, measured with a file that has no name.

    Every block is brought to the disk before the next is written, so that the system's memory does not
    flatter the disk. Takes `at_most_s` and the time of one block of 2 MiB; never more than a quarter of the
    free space. The file is gone however the measurement ends.

    Raises
    ------
    RecordError
        The folder cannot be written to, or there is no room for one block.
    """
    found = _nearest(folder)
    n_blocks = min(n_bytes, disk_of(found).free_bytes // 4) // BLOCK_BYTES
    if n_blocks < 1:
        raise RecordError(
            f"wanted room for {size_text(4 * BLOCK_BYTES)} to measure the write speed, found "
            f"{size_text(disk_of(found).free_bytes)}; free some: {found}"
        )
    block = memoryview(os.urandom(BLOCK_BYTES))
    try:
        with tempfile.TemporaryFile(dir=found, buffering=0) as file:
            begun_s = time.perf_counter()
            n_written, taken_s = 0, 0.0
            while n_written < n_blocks and taken_s < at_most_s:
                rest = block
                while rest:
                    rest = rest[file.write(rest) :]
                sync_file(file.fileno())
                n_written, taken_s = n_written + 1, time.perf_counter() - begun_s
    except OSError as error:
        raise RecordError(f"cannot measure the write speed ({error.strerror or error}): {found}") from error
    return n_written * BLOCK_BYTES / taken_s


def estimate_bytes_per_s(sizes: Mapping[str, Collection[int]], *, frames_per_s: float) -> float:
    """Return the bytes per second that a recorder will write, from a few measured frames.

    The largest frame of each stream counts: an empty room before the take packs smaller than a face in it.

    Parameters
    ----------
    sizes : bytes of encoded frames, by stream; at least one each
    frames_per_s : kept frames per second of every stream
    """
    return frames_per_s * sum(max(measured) + MESSAGE_OVERHEAD_BYTES for measured in sizes.values())


def require_room(
    folder: Path,
    *,
    bytes_per_s: float,
    seconds: float,
    reserve_bytes: int,
    free_bytes: int | None = None,
    recorders: Collection[str] = (),
) -> None:
    """Refuse a take that would leave less than a reserve on its disk.

    Parameters
    ----------
    folder : where the take will lie
    bytes_per_s : of all recorders that share the disk
    free_bytes : what the machine of the folder has told; None looks here
    recorders : those that share the disk, for the message

    Raises
    ------
    RecordError
        The take does not fit; says how much was wanted and found.
    """
    wanted_bytes = bytes_per_s * seconds
    if free_bytes is None:
        free_bytes = disk_of(folder).free_bytes
    if free_bytes < wanted_bytes + reserve_bytes:
        fits_s = max(0.0, (free_bytes - reserve_bytes) / bytes_per_s) if bytes_per_s > 0 else 0.0
        of = f" of {', '.join(recorders)}" if recorders else ""
        raise RecordError(
            f"a take of {seconds:g} s{of} at {size_text(bytes_per_s)}/s wants {size_text(wanted_bytes)} and "
            f"{size_text(reserve_bytes)} in reserve, found {size_text(free_bytes)} free, enough for "
            f"{fits_s:.0f} s; free some, name a folder on another disk, or record less: {folder}"
        )


def size_text(n_bytes: float) -> str:
    """Return a number of bytes as people read it, such as "3.9 GB" (10**9 bytes)."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1000:.1f} kB"


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest of its parents that is there."""
    for candidate in (folder.absolute(), *folder.absolute().parents):
        try:
            mode = candidate.lstat().st_mode  # one look: the folder may be made or removed at any moment
        except OSError:
            continue
        if stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and candidate.is_dir()):
            return candidate
        raise RecordError(f"wanted a folder to record into, found something else: {candidate}")
    raise RecordError(f"wanted a folder on a disk that is there, found none: {folder}")
